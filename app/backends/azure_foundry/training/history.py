"""What the run history tells of one job: when it began and ended, warnings, why it failed, where its log files are."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from app.backends.azure_foundry.transport.client import Call
from app.backends.azure_foundry.transport.errors import codes_and_message, of_failure
from app.backends.azure_foundry.transport.workspace import Workspace
from app.domain.backend import BackendError, NotFound, RemoteEvent
from app.domain.events import EventLevel

_MESSAGE_LIMIT = 2000
_MOST_WARNINGS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """One look at the run history. `logs`: address by file name, good for about an hour."""

    started: datetime | None = None
    ended: datetime | None = None
    failure: BackendError | None = None
    warnings: Sequence[str] = ()
    logs: Mapping[str, str] = field(default_factory=dict)


def details(workspace: Workspace, name: str) -> Details:
    """Ask the run history of one job; it may not know a job yet that ARM has accepted.

    Raises:
        BackendError: Azure could not be asked.
    """
    url = f"{workspace.location.history}/runs/{name}/details"
    try:
        reported: Mapping[str, Any] = workspace.azure.send(Call("GET", url, params={"api-version": "v1.0"})).body or {}
    except NotFound:
        return Details()
    warned = [str(each.get("message") or "") for each in reported.get("warnings") or () if isinstance(each, Mapping)]
    return Details(
        started=moment(reported.get("startTimeUtc")),
        ended=moment(reported.get("endTimeUtc")),
        failure=_failure(reported.get("error")),
        warnings=tuple(dict.fromkeys(text.strip() for text in warned if text.strip()))[:_MOST_WARNINGS],
        logs={str(key): str(value) for key, value in (reported.get("logFiles") or {}).items()},
    )


def events(created: datetime | None, seen: Details) -> list[RemoteEvent]:
    """Return what happened, each with an id that stays the same from look to look."""
    reported = [
        ("created", created, EventLevel.INFO, "Azure accepted the job."),
        ("started", seen.started, EventLevel.INFO, "The training began."),
    ]
    at = seen.ended or seen.started or created
    for text in seen.warnings:
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        reported.append((f"warning:{digest}", seen.started or created, EventLevel.WARNING, text[:_MESSAGE_LIMIT]))
    reported.append(("ended", seen.ended, EventLevel.INFO, "The run ended."))
    if seen.failure is not None:
        reported.append(("failed", at, EventLevel.ERROR, seen.failure.detail[:_MESSAGE_LIMIT]))
    return [RemoteEvent(id=name, at=when, level=level, message=text) for name, when, level, text in reported if when]


def moment(text: object) -> datetime | None:
    """Return a moment from Azure's text; None where there is none, or none that can be read."""
    if not isinstance(text, str) or not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _failure(error: object) -> BackendError | None:
    codes, message = codes_and_message(error)
    return of_failure(codes, message) if codes or message else None
