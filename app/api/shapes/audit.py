"""The audit as REST sees it."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from app.http.audit_files import AuditForm
from app.http.fields import Line, NumberedPaging, Query, ResponseModel


class AuditOut(ResponseModel):
    """Who did what: an entry with its place in the chain."""

    number: int
    at: datetime
    actor: str
    role: str
    request: str = Field(description="The id of the request, as the log has it.")
    peer: str = Field(description="The address that the request came from.")
    verb: str
    action: str
    noun: str
    subject: str = Field(description="The id of what it was about; empty where it was no single thing.")
    given: str = Field(description="JSON: what was given, by name; null stands for what is not written down.")
    previous: str
    hash: str


class AuditQuery(NumberedPaging):
    """Which entries: of one actor, or about one thing."""

    actor: Annotated[Line, Field(max_length=200)] = ""
    subject: Annotated[Line, Field(max_length=60)] = ""


class AuditVerdictOut(ResponseModel):
    """What a look through the whole chain came to; keep `head` elsewhere to compare it later."""

    whole: bool
    entries: int
    first: int
    head: str
    problem: str


class AuditExportQuery(Query):
    """How the audit is handed out."""

    form: AuditForm = AuditForm.JSONL
