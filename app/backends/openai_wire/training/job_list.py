"""The provider's list of jobs as it was last seen, so that many waiting jobs need no call each."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from threading import Lock

from app.backends.openai_wire.training.files import listed
from app.backends.openai_wire.training.statuses import status_of
from app.backends.openai_wire.transport.plane import Plane
from app.domain.backend import BackendError
from app.domain.backend_abilities import KnownJob
from app.domain.jobs import JobStatus
from app.kit.clock import Clock

_FRESH = timedelta(seconds=90)
_LOOK = timedelta(seconds=60)
_CROWD = 5  # waiting jobs looked at one by one within `_FRESH`, before the list is worth its calls


class JobList:
    """A cache: `unchanged` goes by it, `looked` keeps it fresh. Only jobs that wait stand still between two looks."""

    def __init__(self, plane: Plane, clock: Clock) -> None:
        self._plane, self._clock = plane, clock
        self._words: dict[str, str] = {}
        self._at: datetime | None = None
        self._singles: list[datetime] = []
        self._lock = Lock()

    def unchanged(self, known: Sequence[KnownJob]) -> Mapping[str, timedelta | None]:
        """Return those that were waiting when they were last looked at, and are in the list. Calls nobody."""
        with self._lock:
            if self._at is None or self._clock.now() - self._at > _FRESH:
                return {}
            words = dict(self._words)
        return {
            each.remote_id: _LOOK
            for each in known
            if each.status is JobStatus.QUEUED
            and each.cursor is not None
            and status_of(words.get(each.remote_id, "")) is JobStatus.QUEUED
        }

    def looked(self, status: JobStatus | None) -> None:
        """Note that one job was looked at; where many wait, look at the list of all, should it be to be had."""
        if status is not JobStatus.QUEUED:
            return
        now = self._clock.now()
        with self._lock:
            self._singles = [at for at in self._singles if now - at <= _FRESH] + [now]
            stale = self._at is None or now - self._at > _FRESH / 2
            if len(self._singles) < _CROWD or not stale:
                return
            self._at, self._singles = now, []
        try:
            words = {str(body["id"]): str(body.get("status") or "") for body in listed(self._plane, "fine_tuning/jobs")}
        except BackendError:
            return
        with self._lock:
            self._words = words
