"""What the run history tells of one job: when it began and ended, warnings, why it failed, where its log files are."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

from app.backends.azure_foundry.transport.client import Call
from app.backends.azure_foundry.transport.errors import of_failure
from app.backends.azure_foundry.transport.json_values import part, parts, text
from app.backends.azure_foundry.transport.workspace import Workspace
from app.domain.backend import BackendError, NotFound, RemoteEvent
from app.domain.events import EventLevel

_MESSAGE_LIMIT = 2000
_MOST_WARNINGS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """One look at the run history. `errors`: as Azure words them; `logs`: address by file name, good for an hour."""

    started: datetime | None = None
    ended: datetime | None = None
    errors: Sequence[object] = ()
    warnings: Sequence[str] = ()
    logs: Mapping[str, str] = field(default_factory=dict)

    @property
    def failure(self) -> BackendError | None:
        """Why the run failed, read of all of its errors; None where none says anything."""
        return of_failure(list(self.errors))


def details(workspace: Workspace, name: str) -> Details:
    """Ask the run history of one job; it may not know a job yet that ARM has accepted.

    Raises:
        BackendError: Azure could not be asked.
    """
    url = f"{workspace.location.history}/runs/{name}/details"
    try:
        reported = part(workspace.azure.send(Call("GET", url, params={"api-version": "v1.0"})).body)
    except NotFound:
        return Details()
    warned = [text(each, "message").strip() for each in parts(reported, "warnings")]
    return Details(
        started=moment(reported.get("startTimeUtc")),
        ended=moment(reported.get("endTimeUtc")),
        errors=(reported.get("error"),),
        warnings=tuple(dict.fromkeys(each for each in warned if each))[:_MOST_WARNINGS],
        logs={str(key): value for key, value in part(reported, "logFiles").items() if isinstance(value, str)},
    )


def root_of(workspace: Workspace, name: str) -> str:
    """Return the run at the top of a run's tree; "" for a run that the history does not know.

    `rootRunId` is a member of Run in azure-ai-ml's client of the run history.

    Raises:
        BackendError: Azure could not be asked.
    """
    url = f"{workspace.location.history}/runs/{quote(name, safe='')}"
    try:
        return text(workspace.azure.send(Call("GET", url, params={"api-version": "v1.0"})).body, "rootRunId")
    except NotFound:
        return ""


def events(created: datetime | None, seen: Details) -> list[RemoteEvent]:
    """Return what happened, each with an id that stays the same from look to look."""
    reported = [
        ("created", created, EventLevel.INFO, "Azure accepted the job."),
        ("started", seen.started, EventLevel.INFO, "The training began."),
    ]
    at = seen.ended or seen.started or created
    for said in seen.warnings:
        digest = hashlib.sha256(said.encode()).hexdigest()[:12]
        reported.append((f"warning:{digest}", seen.started or created, EventLevel.WARNING, said[:_MESSAGE_LIMIT]))
    reported.append(("ended", seen.ended, EventLevel.INFO, "The run ended."))
    if seen.failure is not None:
        reported.append(("failed", at, EventLevel.ERROR, seen.failure.detail[:_MESSAGE_LIMIT]))
    return [RemoteEvent(id=name, at=when, level=level, message=said) for name, when, level, said in reported if when]


def moment(text: object) -> datetime | None:
    """Return a moment from Azure's text; None where there is none, or none that can be read."""
    if not isinstance(text, str) or not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
