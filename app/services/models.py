"""Verbs on fine-tuned models, the ordered teardown among them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.domain.backend import BackendError, KeepsWeights, RemoteJob
from app.domain.deployments import Deployment, DeploymentGoal, DeploymentStatus
from app.domain.errors import Conflict, Invalid, Problem, ProviderFailed
from app.domain.evaluations import Evaluation
from app.domain.models import FineTunedModel, ModelStatus, TeardownPlan, TeardownStep
from app.kit.crash_points import CrashPoint, reached
from app.kit.paging import DEFAULT_LIMIT, Page
from app.services import connections, datasets, jobs
from app.services.found import found
from app.services.scope import Scope
from app.store import deployments as deployment_store
from app.store import evaluations as evaluation_store
from app.store import events as event_store
from app.store import models as store

_MB = 10**6


def list_models(
    scope: Scope, *, project: str | None = None, limit: int = DEFAULT_LIMIT, cursor: str | None = None
) -> Page[FineTunedModel]:
    return store.page(scope.read, project=project, limit=limit, cursor=cursor)


def get(scope: Scope, identifier: str) -> FineTunedModel:
    return found(store.get(scope.read, identifier), "model", identifier)


def of_job(scope: Scope, job: str) -> Sequence[FineTunedModel]:
    """Return the models a job made, its result first."""
    return store.of_job(scope.read, job)


def evaluations(scope: Scope, identifier: str) -> Sequence[Evaluation]:
    """Return the newest evaluations of a model."""
    get(scope, identifier)
    return evaluation_store.page(scope.read, model=identifier, limit=DEFAULT_LIMIT, cursor=None).items


def deployments(scope: Scope, identifier: str) -> Sequence[Deployment]:
    """Return a model's deployments that are not deleted."""
    get(scope, identifier)
    return deployment_store.of_model(scope.read, identifier)


def from_checkpoint(scope: Scope, job_id: str, step: int) -> FineTunedModel:
    """Make a model of its own from a job's checkpoint; asking again finds the first one.

    Raises:
        Conflict: when there is no such checkpoint (any more), or the backend cannot do this.
    """
    job = jobs.get(scope, job_id)
    checkpoint = next((each for each in jobs.checkpoints(scope, job_id) if each.step == step), None)
    if checkpoint is None or not checkpoint.present or job.remote_id is None:
        raise Conflict(f"The job has no checkpoint at step {step}.", fix="Choose one from the checkpoints table.")
    backend = scope.backends.of(connections.get(scope, job.spec.connection))
    if not isinstance(backend, KeepsWeights):
        raise Conflict("This backend makes no models from checkpoints.", fix="Use the job's result.")
    scope.release()
    try:
        remote_id = backend.model_from_checkpoint(RemoteJob(job.remote_id), checkpoint.remote_id)
    except BackendError as error:
        raise ProviderFailed(error.detail, fix=error.fix) from error
    tx = scope.write
    known = store.by_remote_id(tx, job.spec.connection, remote_id)
    if known is not None:
        return known
    model = FineTunedModel(
        id=scope.new_id("mdl"),
        name=f"{job.spec.name}-step-{step}"[:64],
        job=job.id,
        project=job.spec.project,
        connection=job.spec.connection,
        base_model=job.spec.base_model,
        remote_id=remote_id,
        adapter=str(job.spec.options.get("adapter", "none")),
        checkpoint_step=step,
        created_at=scope.now(),
    )
    store.add(tx, model)
    return model


def files(scope: Scope, identifier: str) -> Path:
    """Return the folder with the model's weights and card.

    Raises:
        Conflict: where the provider withholds weights, or they are gone.
    """
    model = get(scope, identifier)
    backend = scope.backends.of(connections.get(scope, model.connection))
    if model.status is not ModelStatus.PRESENT or not isinstance(backend, KeepsWeights):
        raise Conflict("The weights of this model cannot be downloaded.", fix="Only models of this machine can be.")
    scope.release()
    try:
        return backend.model_files(model.remote_id)
    except BackendError as error:
        raise Conflict(error.detail, fix=error.fix) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutRow:
    """A row that the model never saw, to be asked in the playground; `next_row` is the line after it, if any."""

    line: int
    system: str
    prompt: str
    expected: str
    next_row: int | None


def held_out_row(scope: Scope, identifier: str, line: int) -> HeldOutRow | None:
    """Return the first single-turn row from `line` on of the test set (else validation set) of a model's job."""
    model = store.get(scope.read, identifier) if identifier else None
    job = jobs.get(scope, model.job) if model and model.job else None
    parts = job.parts if job else None
    dataset = (parts.test or parts.validation) if parts else None
    if dataset is None:
        return None
    rows = datasets.rows(scope, dataset, start=line, limit=2)
    if not rows or not rows[0].messages:
        return None
    told = {message.role: message.content for message in rows[0].messages}
    return HeldOutRow(
        line=rows[0].line,
        system=told.get("system", ""),
        prompt=told.get("user", ""),
        expected=told.get("assistant", ""),
        next_row=rows[1].line if len(rows) > 1 else None,
    )


def delete(scope: Scope, identifier: str) -> FineTunedModel:
    """Remove a model's weights; its record stays.

    Raises:
        Conflict: while a deployment serves it, naming each.
    """
    model = get(scope, identifier)
    if model.status is ModelStatus.DELETED:
        return model
    serving = deployments(scope, identifier)
    if serving:
        named = ", ".join(each.name for each in serving)
        raise Conflict(
            f"The model {model.name!r} is served by {named}.", fix="Delete the deployments first, or use Tear down."
        )
    return _discard(scope, model)


def teardown_plan(scope: Scope, identifier: str) -> TeardownPlan:
    """Return what removing a model takes, in its order: deployments first, then the weights."""
    model = get(scope, identifier)
    served = deployment_store.of_model(scope.read, identifier, include_deleted=True)
    steps = [
        TeardownStep(
            kind="deployment",
            id=each.id,
            label=each.name,
            saves="the memory and the process that serve it",
            done=each.status is DeploymentStatus.DELETED,
        )
        for each in served
    ]
    size = f"{model.size_bytes / _MB:.1f} MB on the disk" if model.size_bytes else "the space of its weights"
    gone = model.status is ModelStatus.DELETED
    steps.append(TeardownStep(kind="model", id=model.id, label=model.name, saves=size, done=gone))
    started = model.status is not ModelStatus.PRESENT
    return TeardownPlan(model=model, steps=tuple(steps), started=started)


def teardown(scope: Scope, identifier: str, confirm: str) -> TeardownPlan:
    """Begin to remove a model with all that serves it; the engine keeps the order. Asking again goes on.

    Raises:
        Invalid: unless `confirm` is the model's name.
    """
    tx = scope.write
    model = get(scope, identifier)
    if confirm != model.name:
        fix = f"Type {model.name} exactly."
        raise Invalid([Problem("/confirm", "mismatch", "The name that was typed is not the model's name.", fix)])
    if model.status is ModelStatus.PRESENT:
        store.save(tx, replace(model, status=ModelStatus.DELETING))
        event_store.add(tx, identifier, f"{scope.actor.id} asked to tear it down.", at=scope.now(), kind="request")
    for each in deployment_store.of_model(tx, identifier):
        deployment_store.set_goal(tx, each.id, DeploymentGoal.ABSENT, reason="teardown", due_at=scope.due_now())
    scope.nudge()
    return teardown_plan(scope, identifier)


def torn_down(scope: Scope) -> Sequence[FineTunedModel]:
    """Return the models whose teardown was asked for and that nothing serves any more (the engine's list)."""
    waiting = store.deleting(scope.read)
    return [model for model in waiting if not deployment_store.of_model(scope.read, model.id)]


def finish_teardown(scope: Scope, identifier: str) -> FineTunedModel:
    """Remove the weights of a model whose deployments are gone (called by the engine; may be repeated)."""
    model = get(scope, identifier)
    if model.status is not ModelStatus.DELETING or deployments(scope, identifier):
        return model
    return _discard(scope, model)


def _discard(scope: Scope, model: FineTunedModel) -> FineTunedModel:
    backend = scope.backends.of(connections.get(scope, model.connection))
    scope.release()
    try:
        backend.discard_model(model.remote_id)
    except BackendError as error:
        raise ProviderFailed(error.detail, fix=error.fix) from error
    reached(CrashPoint.MODEL_DISCARDED)
    tx = scope.write
    deleted = replace(get(scope, model.id), status=ModelStatus.DELETED, deleted_at=scope.now())
    store.save(tx, deleted)
    event_store.add(tx, model.id, ModelStatus.DELETED.value, at=scope.now())
    return deleted
