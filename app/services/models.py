"""Verbs on fine-tuned models, the ordered teardown among them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.domain.backend import BackendError, KeepsWeights
from app.domain.backend_abilities import OffersCheckpoints
from app.domain.deployments import Deployment, DeploymentGoal, DeploymentStatus, RemovalReason
from app.domain.errors import Conflict, Invalid, Problem, or_not_found
from app.domain.evaluations import Evaluation
from app.domain.models import FineTunedModel, ModelStatus, TeardownPlan, TeardownStep
from app.domain.serving import ForgetsUploads
from app.kit.crash_points import CrashPoint, reached
from app.kit.paging import DEFAULT_LIMIT, Page
from app.services import datasets, jobs, notices, splits, verbs
from app.services.scope import Scope
from app.store import deployments as deployment_store
from app.store import evaluations as evaluation_store
from app.store import events as event_store
from app.store import job_page as page_store
from app.store import jobs as job_store
from app.store import leases
from app.store import models as store

_MB = 10**6
_ROWS_LOOKED_AT = 20
# The kinds of the journal entries that say how weights, and the rows at the provider, were removed.
DISCARDED, FORGOTTEN = "discarded", "forgotten"
KEPT_THERE = "It was made elsewhere, so it stays at its provider."


@verbs.reads("models")
def list_models(
    scope: Scope, *, project: str | None = None, limit: int = DEFAULT_LIMIT, cursor: str | None = None
) -> Page[FineTunedModel]:
    return store.page(scope.read, project=project, limit=limit, cursor=cursor)


@verbs.reads("models")
def get(scope: Scope, identifier: str) -> FineTunedModel:
    return or_not_found(store.get(scope.read, identifier), "model", identifier)


@verbs.reads("models")
def of_job(scope: Scope, job: str) -> Sequence[FineTunedModel]:
    """Return the models a job made, its result first."""
    return scope.read_once(("made", job), lambda tx: page_store.made(tx, job)).models


@verbs.reads("models")
def evaluations(scope: Scope, identifier: str) -> Sequence[Evaluation]:
    """Return the newest evaluations of a model."""
    get(scope, identifier)
    return evaluation_store.page(scope.read, model=identifier, limit=DEFAULT_LIMIT, cursor=None).items


@verbs.reads("models")
def deployments(scope: Scope, identifier: str) -> Sequence[Deployment]:
    """Return a model's deployments that are not deleted."""
    get(scope, identifier)
    return deployment_store.of_model(scope.read, identifier)


@verbs.reads("models")
def parent(scope: Scope, model: FineTunedModel) -> FineTunedModel | None:
    """Return the tuned model that this one was trained from, if it was one; also when that is deleted."""
    return behind(scope, model.connection, model.base_model)


@verbs.reads("models")
def behind(scope: Scope, connection: str, base_model: str) -> FineTunedModel | None:
    """Return the tuned model that a base model's id stands for, if it stands for one."""
    return store.by_remote_id(scope.read, connection, base_model)


@verbs.reads("models")
def children(scope: Scope, model: FineTunedModel) -> Sequence[FineTunedModel]:
    """Return the models that were trained from this one."""
    return store.on_base(scope.read, model.connection, model.remote_id)


@verbs.reads("models")
def can(scope: Scope, model: FineTunedModel, ability: type[object]) -> bool:
    """Tell whether the model is there, and its backend has an ability."""
    return model.status is ModelStatus.PRESENT and isinstance(scope.backend(model.connection), ability)


@verbs.reads("models")
def files(scope: Scope, identifier: str) -> Path:
    """Return the folder with the model's weights and card.

    Raises:
        Conflict: where the provider withholds weights, or they are gone.
    """
    model = get(scope, identifier)
    if model.status is not ModelStatus.PRESENT:
        raise Conflict("The weights of this model have been removed.", fix="Only a model that is there can be had.")
    with scope.ask(model.connection, KeepsWeights, fix="Only models of this machine can be downloaded.") as backend:
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


@verbs.reads("models")
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
    reported = {message.role: message.content for message in rows[0].messages}
    return HeldOutRow(
        line=rows[0].line,
        system=reported.get("system", ""),
        prompt=reported.get("user", ""),
        expected=reported.get("assistant") or reported.get("chosen", ""),
        next_row=rows[1].line if len(rows) > 1 else None,
    )


@verbs.reads("models")
def taught_system(scope: Scope, identifier: str) -> str:
    """Return the system prompt that a model was trained with; "" where its first rows have none or several."""
    model = store.get(scope.read, identifier) if identifier else None
    job = jobs.get(scope, model.job) if model and model.job else None
    if job is None:
        return ""
    rows = datasets.rows(scope, job.datasets.training, start=1, limit=_ROWS_LOOKED_AT)
    if any(row.cut for row in rows):  # shown in part, so perhaps the prompt, too
        return ""
    prompts = {next((each.content for each in row.messages if each.role == "system"), "") for row in rows}
    return prompts.pop() if len(prompts) == 1 else ""


@verbs.deletes("models")
def delete(scope: Scope, identifier: str) -> FineTunedModel:
    """Remove a model's weights; its record stays.

    Raises:
        Conflict: while a deployment serves it, naming each, or another model would go with it.
    """
    model = get(scope, identifier)
    if model.status is ModelStatus.DELETED:
        return model
    serving = deployments(scope, identifier)
    if serving:
        named = ", ".join(each.name for each in serving)
        plan = _in_order(teardown_plan(scope, identifier))
        raise Conflict(
            f"The model {model.name!r} is served by {named}.",
            fix=f"Delete the deployments first: {plan}. Tear down does all of it.",
        )
    above = _resting_on(scope, model)
    if above:
        raise Conflict(" ".join(above), fix="Then come back.")
    removal = discard(scope, model)
    newest = or_not_found(store.get(scope.write, identifier), "model", identifier)
    return record_removal(scope, newest, removal)


@verbs.reads("models")
def teardown_plan(scope: Scope, identifier: str) -> TeardownPlan:
    """Return what removing a model takes, in its order: deployments first, then the weights.

    What was made elsewhere stays at its provider, unless its name there is typed.
    """
    model = get(scope, identifier)
    served = deployment_store.of_model(scope.read, identifier, include_deleted=True)
    here = scope.backend(model.connection).profile.runs_here
    steps = [
        TeardownStep(
            kind="deployment",
            id=each.id,
            label=each.name,
            saves="the memory and the process that serve it" if here else "what hosting it costs there",
            done=each.status is DeploymentStatus.DELETED,
        )
        for each in served
    ]
    size = f"{model.size_bytes / _MB:.1f} MB on the disk" if model.size_bytes else "the space of its weights"
    gone = model.status is ModelStatus.DELETED
    how = _journal_message(scope, identifier, DISCARDED) or (KEPT_THERE if model.kept_there else "")
    steps.append(TeardownStep(kind="model", id=model.id, label=model.name, saves=size, done=gone, outcome=how))
    steps += _upload_steps(scope, model, gone=gone)
    started = model.status is not ModelStatus.PRESENT
    blockers = () if started else tuple(_resting_on(scope, model))
    return TeardownPlan(model=model, steps=tuple(steps), blockers=blockers, started=started)


def _resting_on(scope: Scope, model: FineTunedModel) -> list[str]:
    """Return a sentence for each model that would go with this one.

    These are adapters that were trained upon a whole model, and checkpoints that their provider keeps with their job.
    """
    offers = (
        None
        if model.kept_there or model.checkpoint_step is not None
        else scope.able(model.connection, OffersCheckpoints)
    )
    if offers is not None and model.job is not None and not offers.checkpoints_stay():
        steps = [each for each in of_job(scope, model.job) if each.checkpoint_step is not None]
        there = [each for each in steps if each.status is ModelStatus.PRESENT and not each.kept_there]
        return [f"The model {each.name!r} is a checkpoint of the same job. Remove it first." for each in there]
    if model.adapter != "none":
        return []
    above = [each for each in children(scope, model) if each.adapter == "lora" and each.status is ModelStatus.PRESENT]
    return [f"The adapter {each.name!r} stands upon these weights. Remove it first." for each in above]


@verbs.deletes("models")
def teardown(scope: Scope, identifier: str, confirm: str) -> TeardownPlan:
    """Begin to remove a model with all that serves it; the engine keeps the order. Asking again goes on.

    Raises:
        Invalid: unless `confirm` is the model's name. One that was made elsewhere goes at its provider, too, where that
            is its name there.
        Conflict: while an adapter stands upon its weights.
    """
    tx = scope.write
    model = get(scope, identifier)
    if model.kept_there and confirm == model.remote_id:
        model = replace(model, kept_there=False)
    elif confirm != model.name:
        fix = f"Type {model.name} exactly."
        raise Invalid([Problem("/confirm", "mismatch", "The name you typed is not the model's name.", fix)])
    above = _resting_on(scope, model)
    if above and model.status is ModelStatus.PRESENT:
        raise Conflict(" ".join(above), fix="Tear that down, then come back.")
    if model.status is ModelStatus.PRESENT:
        store.save(tx, replace(model, status=ModelStatus.DELETING))
        there = " It was made elsewhere; its name there was typed." if confirm == model.remote_id else ""
        asked = f"{scope.actor} asked to tear it down.{there}"
        event_store.add(tx, identifier, asked, at=scope.now(), kind="request")
    for each in deployment_store.of_model(tx, identifier):
        deployment_store.set_goal(
            tx, each.id, DeploymentGoal.ABSENT, reason=RemovalReason.TEARDOWN, due_at=scope.due_now()
        )
    leases.wake(tx, "models", [identifier], due_at=scope.due_now())
    scope.nudge()
    return teardown_plan(scope, identifier)


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """How weights, and the rows at the provider, were removed; empty where there is no more to say than that."""

    weights: str
    rows: str


@verbs.deletes("models")
def discard(scope: Scope, model: FineTunedModel) -> Removal:
    """Remove a model's weights, and the rows that nobody else needs there. May be repeated; records nothing.

    Raises:
        ProviderFailed, StorageFull: it could not be done, or not all of it.
    """
    if model.kept_there:
        return Removal(weights=KEPT_THERE, rows="")
    backend = scope.backend(model.connection)
    uploads = _uploads_to_forget(scope, model)
    with scope.provider_call():
        how = backend.discard_model(model.remote_id)
        rows = [backend.discard_upload(path) for path in uploads] if isinstance(backend, ForgetsUploads) else []
    reached(CrashPoint.MODEL_DISCARDED)
    return Removal(weights=how or "", rows=" ".join(dict.fromkeys(rows)))


@verbs.deletes("models")
def record_removal(scope: Scope, model: FineTunedModel, removal: Removal) -> FineTunedModel:
    """Record that a model is gone, and how."""
    tx, deleted = scope.write, replace(model, status=ModelStatus.DELETED, deleted_at=scope.now())
    for kind, reported in ((DISCARDED, removal.weights), (FORGOTTEN, removal.rows)):
        if reported:
            event_store.add(tx, model.id, reported, at=scope.now(), kind=kind)
    store.save(tx, deleted)
    event_store.add(tx, model.id, ModelStatus.DELETED.value, at=scope.now())
    notices.model_deleted(tx, deleted, at=scope.now())
    return deleted


def _in_order(plan: TeardownPlan) -> str:
    kinds = {"deployment": "deployment", "model": "model", "files": "rows at the provider,"}
    left = [f"{kinds[step.kind]} {step.label}" for step in plan.steps if not step.done]
    return ", then ".join(left)


def _journal_message(scope: Scope, identifier: str, kind: str) -> str:
    reported = event_store.of_kind(scope.read, identifier, kind)
    return reported[-1].message if reported else ""


def _upload_steps(scope: Scope, model: FineTunedModel, *, gone: bool) -> Sequence[TeardownStep]:
    """Return the step that removes the rows at the provider, where the provider keeps a copy of them."""
    if model.job is None or scope.able(model.connection, ForgetsUploads) is None or _is_adopted(scope, model.job):
        return ()
    how = _journal_message(scope, model.id, FORGOTTEN)
    if gone and not how:
        how = "Kept: another job uses them, or they were never sent."
    label = "the copy of its training rows"
    saves = "the data asset with your rows, and its file"
    return (TeardownStep(kind="files", id=model.job, label=label, saves=saves, done=gone, outcome=how),)


def _uploads_to_forget(scope: Scope, model: FineTunedModel) -> Sequence[Path]:
    """Return the files whose copies at the provider nobody needs once the model is gone.

    Rows are kept there once however many jobs use them: they stay while another job is still to read them.
    """
    job = job_store.get(scope.read, model.job) if model.job else None
    if job is None or job.parts is None or job.adopted:
        return ()
    sent = [part for part in (job.parts.training, job.parts.validation) if part is not None]
    going, needed = datasets.many(scope, sent).values(), job_store.needed_content(scope.read, model.connection)
    there = [each.id for each in going if each.sha256 not in needed and scope.files.path(each.sha256).is_file()]
    return [splits.training_rows(scope, each) for each in sorted(there)]


def _is_adopted(scope: Scope, job: str) -> bool:
    found = job_store.get(scope.read, job)
    return found is not None and found.adopted
