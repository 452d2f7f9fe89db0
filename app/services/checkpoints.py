"""Verbs on checkpoints: which there are, models of their own made of them, and jobs that begin at one."""

from collections.abc import Sequence
from dataclasses import replace

from app.domain.backend import RemoteJob
from app.domain.backend_abilities import ContinuesTuned, OffersCheckpoints, SavedStep
from app.domain.errors import Conflict, Invalid, Problem, or_not_found
from app.domain.jobs import FineTuningJob, JobSpec
from app.domain.metrics import Checkpoint
from app.domain.models import FineTunedModel, ModelStatus
from app.services import verbs
from app.services.provider_errors import provider_errors
from app.services.scope import Scope
from app.store import checkpoints as store
from app.store import job_page as page_store
from app.store import jobs as job_store
from app.store import models as model_store

_LONGEST_NAME = 64


@verbs.reads("jobs")
def of_job(scope: Scope, job: FineTuningJob | str) -> Sequence[Checkpoint]:
    """Return a job's checkpoints; the job's own model takes them with it when it is deleted."""
    job = job if isinstance(job, FineTuningJob) else or_not_found(job_store.get(scope.read, job), "job", job)
    kept = store.of_job(scope.read, job.id)
    result = _result(scope, job)
    if result is None or result.status is ModelStatus.PRESENT:
        return kept
    return [replace(each, present=False) for each in kept]


def _result(scope: Scope, job: FineTuningJob) -> FineTunedModel | None:
    if job.fine_tuned_model is None:
        return None
    made = scope.read_once(("made", job.id), lambda tx: page_store.made(tx, job.id))
    return next((each for each in made.models if each.id == job.fine_tuned_model), None)


@verbs.spends("jobs")
def make_model(scope: Scope, job_id: str, step: int) -> FineTunedModel:
    """Save a job's checkpoint as a model of its own; asking again finds the first one.

    Raises:
        Conflict: when there is no such checkpoint (any more), its model is being removed, or the backend cannot do it.
    """
    job, saved = _saved(scope, job_id, step)
    with scope.ask(job.spec.connection, OffersCheckpoints, fix="Use the job's result.") as backend:
        remote_id = backend.model_from_checkpoint(RemoteJob(saved.job), saved.checkpoint)
    tx = scope.write
    known = model_store.by_remote_id(tx, job.spec.connection, remote_id)
    if known is not None and known.status is ModelStatus.DELETING:
        fix = "Wait until it is gone, then ask again."
        raise Conflict(f"The model {known.name!r} of this checkpoint is being removed.", fix=fix)
    if known is not None and known.status is ModelStatus.PRESENT:
        return known
    if known is not None:  # it was removed since; its files are there again
        back = replace(known, status=ModelStatus.PRESENT, deleted_at=None)
        model_store.save(tx, back)
        return back
    model = FineTunedModel(
        id=scope.new_id("mdl"),
        name=f"{job.spec.name}-step-{step}"[:_LONGEST_NAME],
        job=job.id,
        project=job.spec.project,
        connection=job.spec.connection,
        base_model=job.spec.base_model,
        remote_id=remote_id,
        adapter=str(job.spec.options.get("adapter", "none")),
        checkpoint_step=step,
        created_at=scope.now(),
        kept_there=job.adopted,
    )
    model_store.add(tx, model)
    return model


@verbs.reads("jobs")
def as_base(scope: Scope, job_id: str, step: int) -> str:
    """Return the base model's id under which a job's checkpoint is trained further; makes nothing.

    Raises:
        Conflict: when there is no such checkpoint (any more), or the backend cannot do this.
    """
    job, saved = _saved(scope, job_id, step)
    with scope.ask(job.spec.connection, ContinuesTuned, fix="Begin with a base model.") as backend:
        return backend.checkpoint_as_base(saved)


@verbs.reads("models")
def behind(scope: Scope, connection: str, base_model: str) -> SavedStep | None:
    """Return the checkpoint that a base model's id stands for, if it stands for one."""
    backend = scope.able(connection, ContinuesTuned)
    if backend is None:
        return None
    with provider_errors():  # calls nobody
        return backend.checkpoint_behind(base_model)


@verbs.spends("jobs", verbs.Within(parameter="spec"))
def keep_base(scope: Scope, spec: JobSpec) -> None:
    """Save the checkpoint that a job is to begin at as a model, if it does: that stays when the checkpoints go.

    Raises:
        Invalid: when the checkpoint is gone.
    """
    saved = behind(scope, spec.connection, spec.base_model)
    known = model_store.by_remote_id(scope.read, spec.connection, spec.base_model)
    if saved is None or (known is not None and known.status is ModelStatus.PRESENT):
        return
    job = job_store.by_remote_id(scope.read, spec.connection, saved.job)
    if job is None:  # it was trained by another installation; its files are there, or the base would not be known
        return
    try:
        found = next((each for each in of_job(scope, job) if each.remote_id == saved.checkpoint), None)
        make_model(scope, job.id, found.step if found is not None else -1)
    except Conflict as error:
        raise Invalid([Problem("/base_model", "gone", error.message, error.fix)]) from error


def _saved(scope: Scope, job_id: str, step: int) -> tuple[FineTuningJob, SavedStep]:
    job = or_not_found(job_store.get(scope.read, job_id), "job", job_id)
    found = next((each for each in of_job(scope, job) if each.step == step), None)
    if found is None or not found.present or job.remote_id is None:
        raise Conflict(f"The job has no checkpoint at step {step}.", fix="Choose one from the checkpoints table.")
    return job, SavedStep(job=job.remote_id, checkpoint=found.remote_id)
