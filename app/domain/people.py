"""People: who has an account here, their roles, and the ways in: sessions, tokens, one-time codes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.actors import ProjectRole, TokenScope
from app.domain.errors import Invalid, Problem

# OWASP ASVS 5.0, 6.2.1 and 6.2.9: at least 8 characters (15 advised), at least 64 let through.
SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 1024  # bytes; more would only make the hash work longer
LONGEST_TOKEN_LIFE = timedelta(days=366)
SESSION_IDLE = timedelta(hours=8)
SESSION_LIFE = timedelta(days=7)
ACCOUNT_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}$"
_NAME = re.compile(ACCOUNT_PATTERN)
_LEAST_DIFFERENT = 5
# What guessers try first, in whatever form it comes; the rules above take the rest of such lists out.
_WORDS = ("password", "passwort", "letmein", "qwerty", "123456", "tunedesk", "finetun", "welcome", "changeme", "admin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody with an account. A password's hash is not part of it."""

    id: str
    name: str
    administers: bool = False
    issuer: str | None = None  # of single sign-on
    subject: str | None = None
    disabled_at: datetime | None = None
    created_at: datetime
    signed_in_at: datetime | None = None

    @property
    def single_sign_on(self) -> bool:
        """Whether they sign in with the directory, and have no password here."""
        return self.issuer is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """What a person is in a project."""

    person: str
    name: str
    project: str
    role: ProjectRole
    claimed: bool = False  # by a group of single sign-on


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A browser that is signed in."""

    id: str
    person: str
    created_at: datetime
    seen_at: datetime
    address: str
    agent: str

    def ends_at(self) -> datetime:
        """Return when it ends if nobody uses it again."""
        return min(self.created_at + SESSION_LIFE, self.seen_at + SESSION_IDLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """What a program signs in with: the rights of its person, narrowed by a scope and perhaps to one project."""

    id: str
    person: str
    name: str
    scope: TokenScope
    project: str | None = None
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = None


def checked_account(name: object, pointer: str = "/name") -> str:
    """Return the name of an account.

    Raises:
        Invalid: for one that people could take for another, or that says something to a machine.
    """
    if isinstance(name, str) and _NAME.fullmatch(name.strip()):
        return name.strip()
    fix = "Use 1 to 64 of the letters A to Z, digits and . @ _ + -; begin with a letter, a digit or _."
    raise Invalid([Problem(pointer, "invalid", "That cannot be the name of an account.", fix)])


def checked_password(password: object, name: str, pointer: str = "/password") -> str:
    """Return a new password that is worth guarding something.

    Raises:
        Invalid: for one that is short, too long, or among the first that anybody would try.
    """
    problem, fix = "", f"Use at least {SHORTEST_PASSWORD} characters: four words that do not belong together, say."
    if not isinstance(password, str) or len(password) < SHORTEST_PASSWORD:
        problem = "The password is too short."
    elif not fits(password):
        problem, fix = "The password is too long.", f"Use at most {LONGEST_PASSWORD} bytes."
    elif len(set(password)) < _LEAST_DIFFERENT:
        problem = "The password repeats a few characters."
    else:
        plain = re.sub(r"[\W\d_]+$|^[\W\d_]+", "", password.lower()) or password.lower()
        known = (*_WORDS, *((name.lower(),) if len(name) >= _LEAST_DIFFERENT else ()))
        rest = min((len(plain.replace(word, "")) for word in known if word in plain), default=len(password))
        if rest < SHORTEST_PASSWORD // 2:
            problem = "The password is one of the first that somebody would try."
    if problem or not isinstance(password, str):
        raise Invalid([Problem(pointer, "weak", problem, fix)])
    return password


def fits(password: str) -> bool:
    """Tell whether a password is short enough to be hashed."""
    return len(password.encode("utf-8", "surrogatepass")) <= LONGEST_PASSWORD


def chosen_role(role: object, pointer: str = "/role") -> ProjectRole:
    """Return a role of a project.

    Raises:
        Invalid: for another word.
    """
    if isinstance(role, str) and role in set(ProjectRole):
        return ProjectRole(role)
    listed = ", ".join(ProjectRole)
    raise Invalid([Problem(pointer, "invalid", "That is no role.", f"Use one of {listed}.")])


def narrowed(projects: Mapping[str, ProjectRole], token: ApiToken | None) -> Mapping[str, ProjectRole]:
    """Return the roles that are left of a person's where they ask with a token."""
    if token is None or token.project is None:
        return projects
    return {project: role for project, role in projects.items() if project == token.project}
