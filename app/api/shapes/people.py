"""People, their roles, and their ways in, as REST sees them."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from app.domain.actors import ProjectRole, TokenScope
from app.domain.people import ACCOUNT_PATTERN, LONGEST_TOKEN_LIFE
from app.http.fields import READS_WHOLE, Id, Label, RequestModel, ResponseModel, exemplified

AccountName = Annotated[str, StringConstraints(pattern=ACCOUNT_PATTERN)]


class PersonIn(RequestModel):
    """Somebody to be invited."""

    model_config = exemplified({"name": "mia", "administers": False})

    name: AccountName
    administers: bool = False


class PersonPatch(RequestModel):
    """What to change of somebody else; a field that is left out stays."""

    model_config = exemplified({"disabled": True})

    administers: bool | None = Field(None, description="Of the whole installation; it ends their sessions.")
    disabled: bool | None = Field(None, description="Lets them in no longer: sessions, codes and tokens open nothing.")


class PersonOut(ResponseModel):
    """Somebody with an account. `single_sign_on`: they sign in with the directory, and have no password here."""

    id: str
    name: str
    administers: bool
    single_sign_on: bool
    disabled_at: datetime | None
    created_at: datetime
    signed_in_at: datetime | None


class CodeOut(ResponseModel):
    """A one-time code, shown this once: with it, its person chooses a password at `/welcome`."""

    person: PersonOut
    secret: str
    expires_at: datetime


class MemberIn(RequestModel):
    """What somebody with an account is to be in a project."""

    model_config = exemplified({"name": "mia", "role": "member"})

    name: AccountName
    role: Literal["viewer", "member", "admin"]


class MemberOut(ResponseModel):
    """What somebody is in a project; `claimed`: by a claim of single sign-on, which may take it away again."""

    person: str
    name: str
    project: str
    role: ProjectRole
    claimed: bool


class OwnAccountOut(ResponseModel):
    """Whoever asks: what they are in the installation, what their token lets through, and their projects."""

    id: str
    name: str
    role: str = Field(description="`owner`, `administrator` or `person`.")
    token: TokenScope | None
    projects: list[MemberOut]


class SessionOut(ResponseModel):
    """A browser that is signed in."""

    id: str
    created_at: datetime
    seen_at: datetime
    address: str
    agent: str


class TokenIn(RequestModel):
    """A token to be made; `project` narrows it to one."""

    model_config = exemplified({"name": "nightly evaluation", "scope": "write", "days": 90})

    name: Label
    scope: Literal["read", "ask", "write", "admin"]
    days: Annotated[int, Field(ge=1, le=LONGEST_TOKEN_LIFE.days), READS_WHOLE] = 90
    project: Id | None = None


class TokenOut(ResponseModel):
    """A token, without its secret."""

    id: str
    name: str
    scope: TokenScope
    project: str | None
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


class NewTokenOut(ResponseModel):
    """A token with its secret, shown this once."""

    token: TokenOut
    secret: str
