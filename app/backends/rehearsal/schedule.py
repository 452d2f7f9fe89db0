"""Where a rehearsed job is: a pure function of what was accepted, what was asked since, and the time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.backends.rehearsal.faults import FaultKind, Script
from app.backends.rehearsal.ledger import Entry
from app.domain.jobs import JobStatus

_FAILS_AT = 0.6  # of the training


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One moment of a job: `share` of its training done, times in seconds since 1970."""

    status: JobStatus
    share: float
    interrupted: bool
    started_at: float
    ends_at: float | None


def course(script: Script, job: Entry, later: Sequence[Entry], now: float) -> Course:
    """Return where the job of a submit entry is at `now`; `later` are the entries of its tag since then."""
    data: Mapping[str, Any] = job.data
    stops = int(data["interruptions"])
    cancelled = next((entry.at for entry in later if entry.call == "cancel"), None)
    moment = now if cancelled is None else min(now, cancelled)
    starts = [data["accepted_at"] + data["queue_s"], *(entry.at for entry in later if entry.call == "resume")]
    active = [start - _paused_s(later, start) for start in starts]
    paused_s = _paused_s(later, moment)
    share, stopped, ends_at = _progress(active[: stops + 1], stops, data["train_s"], moment - paused_s)
    status = _status(data, share, moment, starts[0])
    stands = status is JobStatus.RUNNING and _is_paused(later)
    if stands:
        status, ends_at = JobStatus.PAUSED, None
    elif ends_at is not None:
        ends_at += paused_s
    if cancelled is not None and now >= cancelled and not status.is_final:
        status = JobStatus.CANCELLED if now >= cancelled + script.look_s else JobStatus.CANCELLING
    interrupted = stopped and status in {JobStatus.RUNNING, JobStatus.CANCELLING}
    return Course(status=status, share=share, interrupted=interrupted, started_at=starts[0], ends_at=ends_at)


def _is_paused(later: Sequence[Entry]) -> bool:
    asked = [entry.call for entry in later if entry.call in {"pause", "unpause"}]
    return asked[-1:] == ["pause"]


def _paused_s(later: Sequence[Entry], until: float) -> float:
    """Return how many seconds before a moment it stood still because it was paused."""
    total, since = 0.0, None
    for entry in later:
        if entry.call == "pause" and since is None:
            since = entry.at
        elif entry.call == "unpause" and since is not None:
            total += max(0.0, min(entry.at, until) - min(since, until))
            since = None
    return total if since is None else total + max(0.0, until - since)


def _progress(starts: Sequence[float], stops: int, train_s: float, now: float) -> tuple[float, bool, float | None]:
    """Return the share done, whether it stands still, and when it ends. It stops `stops` times, evenly spread."""
    leg = 1 / (stops + 1)
    for number, start in enumerate(starts):
        done = (now - start) / train_s if train_s else (1.0 if now >= start else 0.0)
        last_leg = number == stops
        is_latest = number == len(starts) - 1
        if done < leg and is_latest:
            return max(0.0, number * leg + max(0.0, done)), False, start + leg * train_s if last_leg else None
        if is_latest:
            return min(1.0, (number + 1) * leg), not last_leg, start + leg * train_s if last_leg else None
    return 1.0, False, None


def _status(data: Mapping[str, Any], share: float, now: float, started_at: float) -> JobStatus:
    if now < started_at:
        return JobStatus.QUEUED
    if data["end"] == FaultKind.FAILS and share >= _FAILS_AT:
        return JobStatus.FAILED
    return JobStatus.SUCCEEDED if share >= 1.0 else JobStatus.RUNNING
