"""One look at a job: its body, the events behind the last look, its checkpoints, and at its end the result file.

The cursor holds the newest event that was taken over, and where reading went on if there were too many for one look.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from app.backends.openai_wire.training.result_file import metrics_of, read_results
from app.backends.openai_wire.training.statuses import status_of
from app.backends.openai_wire.transport.plane import Plane
from app.domain.backend import JobObservation, NotFound, Permanent, RemoteEvent
from app.domain.events import EventLevel
from app.domain.hyperparameters import AUTO, Hyperparameter
from app.domain.jobs import JobProgress, JobReason, JobStatus
from app.domain.metrics import TRAIN_LOSS, VALIDATION_LOSS, Checkpoint, Metric

_PAGE = 100
_PAGES = 20  # of events in one look
_READING = timedelta(seconds=1)  # to the next look, where one is not enough to read what there is
MOST_LOOKS = 50  # at the events of a job that is over: 20,000 of them where a page has 20, 100,000 where it has 100
_LEVELS = {
    "info": EventLevel.INFO,
    "warn": EventLevel.WARNING,
    "warning": EventLevel.WARNING,
    "error": EventLevel.ERROR,
}
_STEP = re.compile(
    r"Step (?P<step>\d+)(?:/(?P<steps>\d+))?: training loss=(?P<train>[-\d.eE]+)"
    r"(?:, (?:full )?validation loss=(?P<valid>[-\d.eE]+))?"
)
_CHECKING = timedelta(hours=1)
_RATE_NAMES = ("n_epochs", "batch_size", "learning_rate_multiplier", "beta")
_AUTO_AT_AZURE = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cursor:
    """`newest`: the event up to which all is known. `after`, `until`: events between these two are yet to be read.

    `looks`: how many looks have read events of a job that is over. `results`: whether the result files were read.
    """

    newest: str = ""
    after: str = ""
    until: str = ""
    looks: str = ""
    results: str = ""

    @classmethod
    def read(cls, text: str | None) -> "_Cursor":
        try:
            found = json.loads(text or "{}")
            return cls(**{name: str(found.get(name, "")) for name in cls.__dataclass_fields__})
        except (ValueError, AttributeError):
            return cls()

    def written(self) -> str | None:
        kept = {name: getattr(self, name) for name in self.__dataclass_fields__ if getattr(self, name)}
        return json.dumps(kept) if kept else None


def observe(plane: Plane, identifier: str, *, since: str | None, now: datetime, estimates: bool) -> JobObservation:
    """Look at a job. `estimates`: whether its `estimated_finish` means anything.

    Raises:
        BackendError: in sentences; NotFound where there is no such job.
    """
    body = plane.get(f"fine_tuning/jobs/{identifier}")
    word = str(body.get("status") or "")
    status = status_of(word)
    last = _Cursor.read(since)
    events, cursor = _events(plane, identifier, last)
    metrics = [metric for event in events for metric in _figures(event)]
    model = body.get("fine_tuned_model") if isinstance(body.get("fine_tuned_model"), str) else None
    notes = (
        []
        if status is not None
        else [f"{plane.name} says {word!r}, a word that is not known here; it is looked at on."]
    )
    if status is JobStatus.SUCCEEDED and not model:
        status = JobStatus.RUNNING
        notes.append("It has succeeded; the name of its model is still to come.")
    reported = [_event(each) for each in reversed(events)]
    if status is not None and status.is_final and (last.after or cursor.after):
        status, cursor, note = _held_back(status, last, cursor)
        notes.append(note)
    if status is not None and status.is_final and not last.results:
        results, unread = _results(plane, body, now)
        metrics += results
        reported += unread
        cursor = replace(cursor, results="read")
    if word.startswith("validating") and now - _moment(body.get("created_at"), now) > _CHECKING:
        notes.append(
            "The files have been checked for over an hour, which usually takes minutes; nothing is lost by it."
        )
    known = status or (JobStatus.RUNNING if metrics or body.get("trained_tokens") else JobStatus.QUEUED)
    reason, message = _failure(body) if known is JobStatus.FAILED else (None, "")
    return JobObservation(
        status=known,
        reason=reason,
        message=message,
        raw_status=word,
        note=" ".join(notes),
        progress=_progress(body, events, metrics, known, now, estimates=estimates),
        fine_tuned_model=model,
        sent=_sent(body),
        events=reported,
        metrics=metrics,
        checkpoints=_checkpoints(plane, identifier, known) if known is not JobStatus.QUEUED else (),
        cursor=cursor.written(),
        next_look=_READING if cursor.after or (status is JobStatus.RUNNING and cursor.looks) else None,
    )


def _held_back(status: JobStatus, last: _Cursor, cursor: _Cursor) -> tuple[JobStatus, _Cursor, str]:
    """Return (the status to tell, the cursor, a note) of a job that is over and has events that no look has read.

    What is over is not looked at again: so it is told to run until the older events are read, and then, once more,
    those that came meanwhile.
    """
    looks = int(last.looks or 0) + 1
    if looks > MOST_LOOKS:
        return status, replace(cursor, after="", until=""), "Its oldest events were left out: there are too many."
    return JobStatus.RUNNING, replace(cursor, looks=str(looks)), "It is over; its events are still being read."


def _events(plane: Plane, identifier: str, last: _Cursor) -> tuple[list[Mapping[str, Any]], _Cursor]:
    """Return (events that were not taken over yet, newest first; the next cursor)."""
    until, after = (last.until, last.after) if last.after else (last.newest, "")
    found: list[Mapping[str, Any]] = []
    for _ in range(_PAGES):
        query = [("limit", str(_PAGE)), *([("after", after)] if after else [])]
        body = plane.get(f"fine_tuning/jobs/{identifier}/events", query)
        page = [each for each in body.get("data") or () if isinstance(each, dict) and each.get("id")]
        ids = [str(each["id"]) for each in page]
        known = ids.index(until) if until and until in ids else None
        found += page if known is None else page[:known]
        if known is not None or not body.get("has_more") or not page or after == ids[-1]:
            break
        after = ids[-1]
    else:
        newest = last.newest if last.after else str(found[0]["id"])
        return found, replace(last, newest=newest, after=after, until=until)
    newest = last.newest if last.after else (str(found[0]["id"]) if found else last.newest)
    return found, replace(last, newest=newest, after="", until="")


def _event(body: Mapping[str, Any]) -> RemoteEvent:
    return RemoteEvent(
        id=str(body["id"]),
        at=_moment(body.get("created_at"), datetime.fromtimestamp(0, UTC)),
        level=_LEVELS.get(str(body.get("level")), EventLevel.INFO),
        message=str(body.get("message") or ""),
    )


def _figures(event: Mapping[str, Any]) -> Sequence[Metric]:
    data = event.get("data")
    if isinstance(data, dict) and data.get("step") is not None:
        return metrics_of(data)
    said = _STEP.search(str(event.get("message") or ""))
    if said is None:
        return ()
    figures = {"step": said["step"], TRAIN_LOSS: said["train"], VALIDATION_LOSS: said["valid"]}
    return metrics_of(figures)


def _progress(
    body: Mapping[str, Any],
    events: Sequence[Mapping[str, Any]],
    metrics: Sequence[Metric],
    status: JobStatus,
    now: datetime,
    *,
    estimates: bool,
) -> JobProgress | None:
    steps, step = _steps(events)
    epochs = _sent(body).get("n_epochs")
    whole = float(epochs) if isinstance(epochs, int | float) else None
    if status is JobStatus.SUCCEEDED:
        tokens = body.get("trained_tokens")
        counted = tokens if isinstance(tokens, int) and not isinstance(tokens, bool) and tokens >= 0 else None
        # The events with steps may have been read before: then the file of results says how many there were.
        steps = steps or max((each.step for each in metrics), default=None)
        return JobProgress(step=steps, steps=steps, epoch=whole, epochs=whole, trained_tokens=counted)
    if step is None:
        return None
    ends = body.get("estimated_finish")
    eta = max(0.0, (_moment(ends, now) - now).total_seconds()) if estimates and ends else None
    return JobProgress(step=step, steps=steps, epochs=whole, eta_s=eta)


def _steps(events: Sequence[Mapping[str, Any]]) -> tuple[int | None, int | None]:
    """Return (how many steps there are, the last one that was taken), as the newest event with figures says."""
    for event in events:
        data = event.get("data")
        if isinstance(data, dict) and isinstance(data.get("step"), int):
            total = data.get("total_steps")
            if isinstance(total, int):
                return total, data["step"]
        said = _STEP.search(str(event.get("message") or ""))
        if said:
            return int(said["steps"]) if said["steps"] else None, int(said["step"])
    return None, None


def _sent(body: Mapping[str, Any]) -> dict[str, Hyperparameter]:
    """Return the hyperparameters as the provider has them; those in `method` count before those beside it."""
    method = body.get("method")
    inner = method.get(str(method.get("type"))) if isinstance(method, dict) else None
    sources = [body.get("hyperparameters"), inner.get("hyperparameters") if isinstance(inner, dict) else None]
    found: dict[str, Hyperparameter] = {}
    for given in sources:
        for name in _RATE_NAMES:
            value = given.get(name) if isinstance(given, dict) else None
            if isinstance(value, int | float | str) and not isinstance(value, bool):
                found[name] = AUTO if value == _AUTO_AT_AZURE else value
    if isinstance(body.get("seed"), int):
        found["seed"] = body["seed"]
    return found


def _checkpoints(plane: Plane, identifier: str, status: JobStatus) -> Sequence[Checkpoint]:
    try:
        body = plane.get(f"fine_tuning/jobs/{identifier}/checkpoints", [("limit", str(_PAGE))])
    except NotFound:  # a server that has none
        return ()
    made = []
    for each in body.get("data") or ():
        figures = each.get("metrics") if isinstance(each.get("metrics"), dict) else {}
        valid = figures.get("full_valid_loss")
        step = each.get("step_number")
        if isinstance(step, int) and each.get("fine_tuned_model_checkpoint"):
            loss, held_out = figures.get("train_loss"), valid if valid is not None else figures.get("valid_loss")
            made.append((step, str(each["fine_tuned_model_checkpoint"]), loss, held_out))
    last = max((step for step, *_ in made), default=None)
    return [
        Checkpoint(
            step=step,
            remote_id=name,
            train_loss=loss if isinstance(loss, int | float) else None,
            validation_loss=held_out if isinstance(held_out, int | float) else None,
            best=status is JobStatus.SUCCEEDED and step == last,  # the provider's result is the last one
        )
        for step, name, loss, held_out in sorted(made)
    ]


def _results(plane: Plane, body: Mapping[str, Any], now: datetime) -> tuple[Sequence[Metric], Sequence[RemoteEvent]]:
    """Return the figures of the result files, and what to say of those that give none."""
    metrics: list[Metric] = []
    said: list[RemoteEvent] = []
    for name in [each for each in body.get("result_files") or () if isinstance(each, str)]:
        try:
            found = read_results(plane.content(f"files/{name}/content"))
            why = "" if found is not None else "it is no table of figures"
        except Permanent as error:
            found, why = None, error.detail
        metrics += found or ()
        if why:
            message = f"The result file {name} was left out: {why}"
            at = _moment(body.get("finished_at"), now)
            said.append(RemoteEvent(id=f"tunedesk-{name}", at=at, level=EventLevel.WARNING, message=message))
    return metrics, said


def _failure(body: Mapping[str, Any]) -> tuple[JobReason, str]:
    """Return why a job failed. `error: {}` stands also where nothing went wrong."""
    error = body.get("error")
    said = error if isinstance(error, dict) else {}
    code, message, param = (str(said.get(name) or "") for name in ("code", "message", "param"))
    text = f"{code} {message}".lower()
    if param in {"training_file", "validation_file"} or "invalid_training_file" in code or "jsonl" in text:
        return JobReason.INVALID_DATA, message or code
    if any(word in text for word in ("moderation", "policy", "refusals", "safety", "harmful")):
        fix = "The provider's own test of the finished model stopped it; its tokens may be billed all the same."
        return JobReason.INVALID_DATA, f"{message or code} {fix}"
    if "quota" in text or "limit" in text:
        return JobReason.QUOTA, message or code
    return JobReason.BACKEND_ERROR, message or code


def _moment(value: object, otherwise: datetime) -> datetime:
    """Return a time in seconds since 1970 as a moment."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return otherwise
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError):
        return otherwise
