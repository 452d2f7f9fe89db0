"""Verbs on capsules: write a run down whole, run it again with the same seed, and tell whether it came out the same."""

from dataclasses import dataclass, replace

import msgspec

from app.domain.backend import BackendError, RemoteJob
from app.domain.backend_abilities import TellsOrigin
from app.domain.capsule import (
    Capsule,
    CapsuleData,
    CapsuleJob,
    EvaluationRecord,
    Origin,
    Outcome,
    Point,
    Recipe,
    Rows,
)
from app.domain.datasets import Dataset
from app.domain.evaluations import Evaluation
from app.domain.jobs import FineTuningJob, JobSpec
from app.domain.metrics import TRAIN_LOSS
from app.domain.spending import AcceptedCost
from app.services import checkpoints, connections, datasets, evaluations, jobs, verbs
from app.services.provider_errors import provider_errors
from app.services.scope import Scope
from app.store import jobs as store


@verbs.reads("jobs")
def of_job(scope: Scope, identifier: str) -> Capsule:
    """Return a job's capsule; what is not known yet (of a job under way) is null or empty."""
    job = jobs.get(scope, identifier)
    connection = connections.get(scope, job.spec.connection)
    return Capsule(
        tunedesk=scope.app_context.version,
        written_at=scope.now(),
        job=CapsuleJob(
            id=job.id,
            status=job.status,
            created_at=job.created_at,
            started_at=job.started_at,
            ended_at=job.ended_at,
        ),
        backend=connection.backend,
        connection=connection.name,
        recipe=replace(Recipe.of(job.spec), base_model=_portable(scope, job)),
        data=_data(scope, job),
        sent=jobs.sent_parameters(scope, job),
        outcome=_outcome(scope, job),
        origin=_origin(scope, job),
        billing=job.bill.billing,
        price=job.cost.so_far,
    )


def text(capsule: Capsule) -> str:
    """Return the file."""
    return msgspec.json.format(msgspec.json.encode(capsule), indent=2).decode() + "\n"


@verbs.spends("jobs")
def run_again(scope: Scope, identifier: str, *, accepted: AcceptedCost | None = None) -> FineTuningJob:
    """Make a new job with the same spec and the seed that the backend really took.

    Raises:
        Conflict, Invalid, CostNotAccepted: as `jobs.retry`.
    """
    seed = jobs.sent_parameters(scope, identifier).get("seed")
    return jobs.retry(scope, identifier, seed=seed, accepted=accepted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """A run beside the one that it repeats: the last training losses, None while one of them has none."""

    original: FineTuningJob
    then: float | None
    now: float | None

    @property
    def same(self) -> bool | None:
        """Whether the losses agree to the last digit; None while that is open."""
        return None if self.then is None or self.now is None else self.then == self.now


@verbs.reads("jobs")
def reproduction(scope: Scope, job: FineTuningJob) -> Reproduction | None:
    """Return how a run stands to the one that it repeats; None where it repeats none, or another seed was asked for."""
    repeats = job.cloned_from
    original = scope.read_once(("job", repeats), lambda tx: store.get(tx, repeats)) if repeats else None
    if original is None or _requested_spec(scope, original) != _requested_spec(scope, job):
        return None
    then = jobs.last_values(scope, original.id).get(TRAIN_LOSS)
    now = jobs.last_values(scope, job.id).get(TRAIN_LOSS) if job.status.is_final else None
    return Reproduction(original=original, then=then[1] if then else None, now=now[1] if now else None)


def _requested_spec(scope: Scope, job: FineTuningJob) -> JobSpec:
    """Return the spec with what does not touch the outcome left out, and the seed that was really taken."""
    seed = jobs.sent_parameters(scope, job).get("seed") if job.spec.seed is None else job.spec.seed
    return replace(job.spec, project="", name="", seed=seed if isinstance(seed, int) else None)


def _origin(scope: Scope, job: FineTuningJob) -> Origin:
    backend = scope.able(job.spec.connection, TellsOrigin)
    if job.remote_id is None or backend is None:
        return Origin()
    with scope.provider_call():
        try:
            return backend.origin(RemoteJob(job.remote_id)) or Origin()
        except BackendError:
            return Origin()  # the run's folder is gone; the capsule says less, and nothing wrong


def _portable(scope: Scope, job: FineTuningJob) -> str:
    backend = scope.able(job.spec.connection, TellsOrigin)
    if backend is None:
        return job.spec.base_model
    with provider_errors():  # calls nobody
        return backend.portable_id(job.spec.base_model)


def _data(scope: Scope, job: FineTuningJob) -> CapsuleData:
    parts = job.datasets
    training = parts.training if job.is_assigned else None
    ids = {"training": training, "validation": parts.validation, "test": parts.test}
    known = datasets.many(scope, [each for each in ids.values() if each])
    rows = {part: _rows(known[each]) for part, each in ids.items() if each is not None and each in known}
    return CapsuleData(source=_rows(datasets.get(scope, job.spec.training_dataset)), **rows)


def _rows(dataset: Dataset) -> Rows:
    return Rows(
        sha256=dataset.sha256,
        name=dataset.name,
        filename=dataset.filename,
        bytes=dataset.bytes,
        rows=dataset.rows,
    )


def _outcome(scope: Scope, job: FineTuningJob) -> Outcome:
    last = jobs.last_values(scope, job.id)
    best = next((each for each in checkpoints.of_job(scope, job) if each.best), None)
    evaluated = evaluations.for_job(scope, job)
    both = {"base": evaluated.base, "tuned": evaluated.tuned}
    return Outcome(
        final={name: Point(step=step, value=value) for name, (step, value) in sorted(last.items())},
        best_checkpoint=None if best is None else Point(step=best.step, value=best.validation_loss),
        evaluations={name: _evaluation_record(scope, each) for name, each in both.items() if each is not None},
    )


def _evaluation_record(scope: Scope, evaluation: Evaluation) -> EvaluationRecord:
    return EvaluationRecord(
        rows_sha256=datasets.get(scope, evaluation.dataset).sha256,
        selection_biased=evaluation.selection_biased,
        metrics=evaluation.metrics,
        rendering=evaluation.rendering,
        model_hash=evaluation.model_hash,
    )
