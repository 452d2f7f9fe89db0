"""Further abilities that a backend may have, beyond those in `backend.py`; the same rules hold."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from app.domain.backend import ChatRequest, RemoteJob
from app.domain.capsule import Origin
from app.domain.connections import Check
from app.domain.evaluations import Identity
from app.domain.jobs import JobStatus
from app.domain.lifeboats import PastPage
from app.domain.metrics import Metric
from app.domain.preflight import Preflight, PreflightRequest
from app.domain.profiles import Ability


class OffersCheckpoints(Ability):
    """To give a checkpoint as a model of its own, which is deployed, asked and evaluated as any."""

    @abstractmethod
    def model_from_checkpoint(self, job: RemoteJob, checkpoint: str) -> str:
        """Save a checkpoint as a model of its own and return the backend's name of it; a repeat finds it."""

    @abstractmethod
    def checkpoints_stay(self) -> bool:
        """Tell whether such a model stays when the own model of its job is removed. Calls nobody."""


class StopsEarly(Ability):
    """To end a training before its time and keep what it has learned as its model."""

    @abstractmethod
    def stop_early(self, job: RemoteJob) -> None:
        """Ask for it; `observe` then tells SUCCEEDED with a message that says so. Asking again is fine."""


class Pauses(Ability):
    """To let a training stand still and go on from there, without losing what it has learned."""

    @abstractmethod
    def pause(self, job: RemoteJob) -> None:
        """Ask for it; `observe` tells PAUSED once it stands still. Asking again is fine.

        Raises:
            Rejected: when it cannot be paused now; the job trains on, and is asked again.
        """

    @abstractmethod
    def unpause(self, job: RemoteJob) -> None:
        """Ask a paused job to go on; asking again, or asking one that trains, is fine.

        Raises:
            Rejected: when it cannot go on now; it stays paused, and is asked again.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedStep:
    """A checkpoint of a job, by the names that the backend has for both."""

    job: str
    checkpoint: str


class ContinuesTuned(Ability):
    """To train a tuned model further, or a checkpoint of which no model has been made yet. None of this calls anybody.

    The id of a checkpoint as a base is the name that `OffersCheckpoints` gives to the model of it.
    """

    @abstractmethod
    def as_base(self, model: str) -> str:
        """Return the base model's id under which the tuned model called `model` is trained further."""

    @abstractmethod
    def checkpoint_as_base(self, saved: SavedStep) -> str:
        """Return the base model's id under which a checkpoint is trained further; makes nothing."""

    @abstractmethod
    def checkpoint_behind(self, base_model: str) -> SavedStep | None:
        """Return the checkpoint that a base model's id stands for; None where it stands for anything else."""


class TellsHistory(Ability):
    """To tell what was ever trained there, whoever began it, and to hand it out while it is there. It is only read."""

    @abstractmethod
    def past_jobs(self, after: str | None) -> PastPage:
        """Return a page of the jobs, the newest first; `after` is what the page before gave."""

    @abstractmethod
    def past_file(self, identifier: str) -> bytes:
        """Return a file of rows, as it was uploaded."""

    @abstractmethod
    def past_curves(self, job: str) -> Sequence[Metric]:
        """Return what was measured in a job's training."""

    @abstractmethod
    def past_answer(self, model: str, request: ChatRequest) -> str:
        """Return what a model answers, whole. This is billed as any chat."""


class NamesBases(Ability):
    """To call a base model by a name for people."""

    @abstractmethod
    def base_name(self, identifier: str) -> str:
        """Return the name; asks nobody, and knows one for every id, also of what is gone."""


class DiscardsCheckpoints(Ability):
    """To give back the space of a finished training's checkpoints."""

    @abstractmethod
    def discard_checkpoints(self, job: RemoteJob) -> None:
        """Remove them; models that were made of them stay. None being left is fine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A run of tokens as text, all of them learned from or none."""

    text: str
    learned: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRow:
    """One sequence of a batch as the model sees it; `label` tells apart the answers of a pair, else it is empty."""

    label: str
    tokens: int
    learned: int
    pieces: Sequence[Piece]


class ShowsFirstBatch(Ability):
    """To show what the model really sees."""

    @abstractmethod
    def first_batch(self, job: RemoteJob) -> Sequence[BatchRow]:
        """Return the first batch's sequences; empty as long as there is none."""


class MergeStatus(StrEnum):
    """How far the merging of an adapter into its base is."""

    ABSENT = "absent"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """The merged copy of a tuned model; `model` is what the backend calls it, once it is there.

    `difference` is the share by which its perplexity differs from that of the adapter on its base. `dtype` is the type
    of numbers that its weights are kept in, `base_dtype` that of the base. None of a merge that said none of them.
    """

    status: MergeStatus
    message: str = ""
    size_bytes: int | None = None
    model: str | None = None
    difference: float | None = None
    dtype: str | None = None
    base_dtype: str | None = None


class MergesAdapters(Ability):
    """To make one whole model of an adapter and its base."""

    @abstractmethod
    def start_merge(self, model: str) -> None:
        """Begin; a repeat finds what the first call made, and tries again what failed."""

    @abstractmethod
    def observe_merge(self, model: str) -> Merge:
        """Look at it."""


class LooksAhead(Ability):
    """To find before a training what would go wrong in it, without loading weights."""

    @abstractmethod
    def start_preflight(self, request: PreflightRequest, *, training: Path, validation: Path | None) -> None:
        """Begin to look, over files of canonical rows; a repeat finds what the first call made.

        Where it cannot begin now, nothing happens: whoever wants it asks again.
        """

    @abstractmethod
    def observe_preflight(self, request: PreflightRequest) -> Preflight:
        """Return what was found in model and rows as they are now; within 50 ms, and nobody is asked."""


class TellsOrigin(Ability):
    """To say what a run was made with, down to the hashes of its base model's weights."""

    @abstractmethod
    def origin(self, job: RemoteJob) -> Origin | None:
        """Return what the run was made with; None until that is known."""

    @abstractmethod
    def weights(self, base_model: str) -> Mapping[str, str] | None:
        """Return the files of a base model as they lie here now, by their SHA-256; None where that cannot be told."""

    @abstractmethod
    def portable_id(self, base_model: str) -> str:
        """Return a base model's id as it may be written into a file for others: without a path of this machine."""


class Identifies(Ability):
    """To say which model it is that answers, by its files."""

    @abstractmethod
    def identity(self, base_model: str, model: str | None) -> Identity | None:
        """Return what an evaluation of a base or tuned model would be made with now; calls nobody.

        None where that is not known: its files were not read before, or have changed since.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """How a tuned model's answers end: the token that was `taught`, and those at which its `saved` configs stop.

    `taught` is None where there is nothing to say.
    """

    taught: str | None = None
    saved: Sequence[str] = ()
    wrong: bool = False


class MendsEnds(Ability):
    """To find saved models whose configs stop at another end than was taught, and to mend those."""

    @abstractmethod
    def ends(self, model: str) -> Ends:
        """Return how a tuned model's answers end."""

    @abstractmethod
    def mend_ends(self, model: str) -> Ends:
        """Write the taught end into its configs, and return how its answers end now."""


class ChecksFor(Ability):
    """To say what is missing for one base model."""

    @abstractmethod
    def doctor_for(self, base_model: str | None) -> Sequence[Check]:
        """Run the checks as `doctor` does, with what depends on the model looked at for this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownJob:
    """What the last look at a training told: the backend's id, the status, and where the next look may begin."""

    remote_id: str
    status: JobStatus
    cursor: str | None


class PollsInBatch(Ability):
    """To tell of many trainings at once of which there is nothing new."""

    @abstractmethod
    def unchanged(self, known: Sequence[KnownJob]) -> Mapping[str, timedelta | None]:
        """Return, by the backend's id, how soon to look again at those of which there surely is nothing to tell.

        None leaves that to the engine. A training that is left out is looked at by itself. Calls nobody: it stands in
        the engine's way, and goes by what the last look at one of them found of all.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCandidate:
    """A model at the backend that a training may have made; `reason` says why, `sure` that nothing else can have."""

    name: str
    created_at: datetime | None
    reason: str
    sure: bool
    description: str = ""


class NamesCandidates(Ability):
    """To say which models a training may have made, where the backend itself does not tell which one it was."""

    @abstractmethod
    def model_candidates(self, job: RemoteJob) -> Sequence[ModelCandidate]:
        """Return them, the likeliest first; one that another training made is not among them."""
