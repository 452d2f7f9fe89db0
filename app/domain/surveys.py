"""Looking at many trainings at once, for backends that can list."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from app.domain.jobs import JobStatus
from app.domain.profiles import Ability


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownJob:
    """What the last look at a training told: the backend's id, the status, and where the next look may begin."""

    remote_id: str
    status: JobStatus
    cursor: str | None


class PollsInBatch(Ability):
    """To say in one call of which trainings there is nothing new."""

    @abstractmethod
    def unchanged(self, known: Sequence[KnownJob]) -> Mapping[str, timedelta]:
        """Return, by the backend's id, how soon to look again at those of which there surely is nothing to tell.

        A training that is left out is looked at by itself. Raises `BackendError` only, like every other method.
        """
