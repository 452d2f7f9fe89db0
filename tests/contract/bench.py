"""What a test of further abilities needs around a backend: rows, time that passes, and another process."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, TypeVar

import pytest

from app.domain.backend import Backend, Deploys, JobObservation, NotFound, RemoteJob, TrainingRequest
from app.domain.deployments import DeploymentStatus
from app.domain.discovery import Creation, Step
from app.domain.hyperparameters import Hyperparameter
from app.domain.profiles import Ability

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., None])


class Bench(ABC):
    """One backend with what a test needs around it. Rows are chat rows; `labels` are their answers, if a small set."""

    backend: Backend
    base_model: str
    training_rows: Path
    validation_rows: Path
    labels: Sequence[str] = ()
    steps: Sequence[Step] = ()  # of its kind of connection, if it has one
    creations: Sequence[Creation] = ()
    hyperparameters: dict[str, Hyperparameter] = {}  # noqa: RUF012 -- a quick training
    options: dict[str, Hyperparameter] = {}  # noqa: RUF012

    @abstractmethod
    def pass_time(self) -> None:
        """Let about a second go by: turn the clock, or really wait for the backend to get on."""

    @abstractmethod
    def reopen(self) -> Backend:
        """Return the backend as a process finds it that starts after this one was killed."""

    def finished(self, tag: str) -> tuple[RemoteJob, JobObservation]:
        """Train to the end; return the job and the whole of what is to be seen of it."""
        job = self.backend.submit(self.request(tag))
        return job, self.until(lambda: self.backend.observe(job, since=None), job_over)

    def grant(self) -> None:
        """Let the account make things; most need no right for that."""
        return

    def until(self, look: Callable[[], T], done: Callable[[T], bool], times: int = 600) -> T:
        """Look until what is seen is as wished.

        Raises:
            AssertionError: it never is.
        """
        for _ in range(times):
            seen = look()
            if done(seen):
                return seen
            self.pass_time()
        raise AssertionError(f"it never came: {look()}")

    def request(self, tag: str) -> TrainingRequest:
        """Send the files and return a training on them."""
        return TrainingRequest(
            tag=tag,
            base_model=self.base_model,
            method="sft",
            task_type="chat_completion",
            training_file=self.backend.upload(self.training_rows, tag=f"{tag}-training"),
            validation_file=self.backend.upload(self.validation_rows, tag=f"{tag}-validation"),
            hyperparameters=self.hyperparameters,
            options=self.options,
            seed=1,
            suffix="contract",
        )


def covers(*abilities: type[Ability]) -> Callable[[F], F]:
    """Mark a test of these abilities: it is skipped before anything is built where the backend lacks one."""

    def marked(function: F) -> F:
        function.__dict__["abilities"] = abilities
        return function

    return marked


class AbilityContract:
    """What the tests of abilities share: a subclass says which backend it is about, and gives it a bench."""

    backend: ClassVar[type[Backend]]

    @pytest.fixture(autouse=True)
    def _has_the_ability(self, request: pytest.FixtureRequest) -> None:
        for each in getattr(request.function, "abilities", ()):
            if not issubclass(self.backend, each):
                pytest.skip(f"{self.backend.__name__} is no {each.__name__}")

    @pytest.fixture
    def bench(self) -> Bench:
        raise NotImplementedError("a subclass gives its own")

    @classmethod
    def covered(cls) -> set[type[Ability]]:
        """Return the abilities that have a test here."""
        return {each for name in dir(cls) for each in getattr(getattr(cls, name), "abilities", ())}


def job_over(seen: JobObservation) -> bool:
    return seen.status.is_final


def ability(backend: Backend, kind: type[T]) -> T:
    """Return the backend as one with that ability; skip the test where it has none."""
    if not isinstance(backend, kind):
        pytest.skip(f"{backend.profile.id} is no {kind.__name__}")
    return backend


def gone(backend: Deploys, tag: str) -> bool:
    """Tell whether nothing serves under a tag."""
    try:
        seen = backend.observe_deployment(tag)
    except NotFound:
        return True
    return seen.gone or seen.status is DeploymentStatus.DELETED
