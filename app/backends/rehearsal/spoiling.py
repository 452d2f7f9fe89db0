"""What a look tells on a provider's bad day."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import cycle

from app.backends.rehearsal.faults import FaultKind
from app.domain.backend import JobObservation
from app.domain.jobs import JobProgress, JobStatus

_NO_NUMBERS = ("nan", "inf", "-inf")
Spoiling = Callable[[JobObservation], JobObservation]


def spoil(seen: JobObservation, kind: FaultKind) -> JobObservation:
    """Return the observation as a fault wants it; a fault that is none of looks leaves it as it is."""
    return _WAYS.get(kind, _as_it_is)(seen)


def _as_it_is(seen: JobObservation) -> JobObservation:
    return seen


def _backwards(seen: JobObservation) -> JobObservation:
    return replace(seen, status=JobStatus.QUEUED, raw_status="Waiting in line", events=seen.events[::-1])


def _strange(seen: JobObservation) -> JobObservation:
    return replace(seen, status=JobStatus.UNKNOWN, raw_status="Quiescent (a word that nobody knows)")


def _not_a_number(seen: JobObservation) -> JobObservation:
    odd = [replace(metric, value=float(word)) for metric, word in zip(seen.metrics, cycle(_NO_NUMBERS), strict=False)]
    return replace(seen, metrics=odd, progress=replace(seen.progress or JobProgress(), eta_s=float("inf")))


def _hostile(seen: JobObservation) -> JobObservation:
    return replace(seen, raw_status="<b onclick=alert(1)>\u202e\x00" + "x" * 100_000)


def _silent(seen: JobObservation) -> JobObservation:
    return JobObservation(status=seen.status, fine_tuned_model=seen.fine_tuned_model)


def _seldom(seen: JobObservation) -> JobObservation:
    return replace(seen, next_look=timedelta(days=3650))


def _too_often(seen: JobObservation) -> JobObservation:
    return replace(seen, next_look=timedelta(days=-1))


_WAYS: Mapping[FaultKind, Spoiling] = {
    FaultKind.BACKWARDS: _backwards,
    FaultKind.STRANGE: _strange,
    FaultKind.NOT_A_NUMBER: _not_a_number,
    FaultKind.SEEN_HOSTILE: _hostile,
    FaultKind.SILENT: _silent,
    FaultKind.SELDOM: _seldom,
    FaultKind.TOO_OFTEN: _too_often,
}
