"""Looking at many trainings at once, for backends that can list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, runtime_checkable

from app.domain.jobs import JobStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownJob:
    """What the last look at a training told: the backend's id, the status, and where the next look may begin."""

    remote_id: str
    status: JobStatus
    cursor: str | None


@runtime_checkable
class PollsInBatch(Protocol):
    """To say in one call of which trainings there is nothing new."""

    def unchanged(self, known: Sequence[KnownJob]) -> Mapping[str, timedelta]:
        """Return, by the backend's id, how soon to look again at those of which there surely is nothing to tell.

        A training that is left out is looked at by itself. Raises `BackendError` only, like every other method.
        """
        ...
