"""A rehearsal whose provider sends bills, or is silent about them, with a job that has succeeded there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from app.backends.rehearsal import RehearsalBackend
from app.backends.rehearsal.backend import PROFILE
from app.domain.backend_abilities import ContinuesTuned, SavedStep
from app.domain.deployments import Deployment
from app.domain.drafts import JobDraft
from app.domain.estimates import Estimate
from app.domain.hyperparameters import Hyperparameter
from app.domain.jobs import FineTuningJob, JobSpec
from app.domain.prices import Billing, Charge, Meter, Price, Prices, Unit
from app.engine.engine import Engine
from app.services import capsule_import, capsules, checkpoints, deployments, drafts
from app.services.scope import Backends, Scope, Scopes
from tests.support.rehearsed import Rehearsed
from tests.support.spending import ANYTHING

WORK = Price(id="work", label="Work", kind=Meter.TRAINING, unit=Unit.MILLION_TOKENS, amount="2.00")
HOUR = Price(id="hour", label="Hosting", kind=Meter.HOSTING, unit=Unit.HOUR, amount="3.00")


class Continues(RehearsalBackend, ContinuesTuned):
    """A rehearsal that trains its models further."""

    def as_base(self, model: str) -> str:
        """Return a base of its own."""
        assert model
        return "rehearsal:large"

    def checkpoint_as_base(self, saved: SavedStep) -> str:
        """Return the same."""
        assert saved.checkpoint
        return "rehearsal:large"

    def checkpoint_behind(self, base_model: str) -> None:
        """Return nothing: a base is a base."""
        del base_model


class Billed(Continues, Prices):
    """A rehearsal whose provider sends bills."""

    profile = replace(PROFILE, bills=True)

    def prices(self) -> Sequence[Price]:
        """Return both prices."""
        return WORK, HOUR

    def hosting_charges(
        self, base_model: str, *, tuned: bool, options: Mapping[str, Hyperparameter]
    ) -> Sequence[Charge]:
        """Return the hour of a tuned model; a base is billed by token alone."""
        del base_model, options
        return (Charge(price="hour", label="Hosting", low=1, expected=1, high=1, per_hour=1),) if tuned else ()

    def asking_charges(self, base_model: str, *, rows: int, tokens: int) -> Sequence[Charge]:
        """Charge a unit of work for each row, whatever is asked."""
        del base_model
        assert tokens > rows
        return (Charge(price="work", label="Answers", low=rows, expected=rows, high=2 * rows),)

    def estimate(
        self, spec: JobSpec, *, rows: int, tokens: int, validation_rows: int, longest: int | None = None
    ) -> Estimate:
        """Charge the work."""
        made = super().estimate(spec, rows=rows, tokens=tokens, validation_rows=validation_rows, longest=longest)
        return replace(made, charges=(Charge(price="work", label="Work", low=1, expected=2, high=3),))


class Silent(Continues):
    """A rehearsal whose provider sends bills and does not tell for what."""

    profile = replace(PROFILE, bills=True)


KINDS: dict[Billing, type[Continues]] = {
    Billing.FREE: Continues,
    Billing.BILLED: Billed,
    Billing.UNKNOWN: Silent,
}


@dataclass(frozen=True)
class Made:
    """An installation in which one job has succeeded."""

    app_context: Rehearsed
    job: FineTuningJob

    def with_step(self) -> tuple[str, int]:
        """Return the job with the step of a checkpoint."""
        with self.app_context.open() as scope:
            return self.job.id, checkpoints.of_job(scope, self.job.id)[0].step

    def submitted(self, begin: Callable[[Scope], JobDraft]) -> FineTuningJob:
        """Begin a draft, and submit it."""
        with self.app_context.open() as scope:
            draft = begin(scope)
        with self.app_context.open() as scope:
            return drafts.submit(scope, draft.id, accepted=ANYTHING)

    def recorded(self, verb: Callable[[Scope], FineTuningJob]) -> FineTuningJob:
        """Record a job."""
        with self.app_context.open() as scope:
            return verb(scope)

    def served(self, **target: str | None) -> Deployment:
        """Record a deployment."""
        with self.app_context.open() as scope:
            return deployments.create(scope, target=target, accepted=ANYTHING)

    def model_of_checkpoint(self) -> str:
        """Save a checkpoint as a model."""
        step = self.with_step()
        with self.app_context.open() as scope:
            return checkpoints.make_model(scope, *step).id

    def from_capsule(self) -> FineTuningJob:
        """Bring the job's capsule back."""
        with self.app_context.open() as scope:
            capsule = msgspec.to_builtins(capsules.of_job(scope, self.job.id))
        project = self.job.spec.project
        return self.recorded(lambda scope: capsule_import.create(scope, capsule, project=project, accepted=ANYTHING))


def house_of(kind: type[Continues], folder: Path) -> Rehearsed:
    """Return an installation whose only backend is of this kind."""
    house = Rehearsed(folder)
    house.backend = kind(house.backend.folder, clock=house.clock, script=house.backend.script)
    house.app_context = replace(house.app_context, backends=Backends([house.backend]))
    house.scopes = Scopes(house.app_context)
    house.engine = Engine(house.scopes)
    return house
