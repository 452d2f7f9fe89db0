"""What a succeeded job leaves behind: its model, and the question whether it got better than its base."""

from collections.abc import Sequence
from dataclasses import replace

from app.domain.backend import Backend, BackendError, Evaluates, RemoteJob
from app.domain.backend_abilities import Identifies, ModelCandidate, NamesCandidates
from app.domain.deployments import Target
from app.domain.errors import Conflict, Invalid, Problem
from app.domain.evaluations import UNKNOWN_MODEL, Evaluation, EvaluationStatus, Identity, why_not_reused
from app.domain.jobs import FineTuningJob, JobStatus
from app.domain.models import FineTunedModel
from app.services import jobs, verbs
from app.services.scope import Scope
from app.store import evaluations, events, models
from app.store import jobs as store


def base_identity(backend: Backend, job: FineTuningJob) -> Identity | None:
    """Return what would answer as a job's base now; None where the backend does not tell: there the name says it."""
    if not isinstance(backend, Identifies):
        return None
    try:
        return backend.identity(job.spec.base_model, None) or UNKNOWN_MODEL
    except BackendError:
        return UNKNOWN_MODEL


@verbs.reads("jobs")
def lacks_model(scope: Scope, job: FineTuningJob) -> bool:
    """Tell whether a job has succeeded, and a person has to say which model it made."""
    missing = job.status is JobStatus.SUCCEEDED and job.fine_tuned_model is None
    return missing and scope.able(job.spec.connection, NamesCandidates) is not None


@verbs.reads("jobs")
def candidates(scope: Scope, identifier: str) -> Sequence[ModelCandidate]:
    """Ask the backend which models a job may have made that succeeded without naming one; the likeliest first.

    Raises:
        Conflict: when it has its model, has not succeeded, or its backend always names it.
        ProviderFailed: when the backend cannot be asked.
    """
    job = jobs.get(scope, identifier)
    if job.fine_tuned_model is not None:
        raise Conflict("The job has its model already.", fix="There is nothing to choose.")
    if job.status is not JobStatus.SUCCEEDED or job.remote_id is None:
        raise Conflict(f"The job is {job.status}: only one that succeeded has made a model.", fix="Wait for its end.")
    with scope.ask(job.spec.connection, NamesCandidates) as backend:
        found = backend.model_candidates(RemoteJob(job.remote_id))
    taken = models.taken(scope.read, job.spec.connection, [each.name for each in found])
    return [each for each in found if each.name not in taken]


@verbs.writes("jobs")
def choose(scope: Scope, identifier: str, name: str) -> FineTuningJob:
    """Say which model a job has made, one of its candidates; return the job with it.

    Raises:
        Invalid: when that is none of them.
        Conflict, ProviderFailed: as `candidates`.
    """
    offered = candidates(scope, identifier)
    asked = jobs.get(scope, identifier)
    backend = scope.backend(asked.spec.connection)
    with scope.provider_call():
        base = base_identity(backend, asked)
    if all(each.name != name for each in offered):
        listed = ", ".join(each.name for each in offered) or "none at the moment"
        raise Invalid(
            [Problem("/model", "unknown", f"{name!r} is no model of this job's.", f"Choose one of: {listed}.")]
        )
    tx, job = scope.write, jobs.get(scope, identifier)
    if job.fine_tuned_model is not None:
        raise Conflict("Somebody has chosen its model meanwhile.", fix="There is nothing left to choose.")
    events.add(tx, identifier, f"{scope.actor} chose its model: {name}.", at=scope.now(), kind="request")
    made = register(scope, job, backend, name=name, size_bytes=None, base=base)
    store.set_model(tx, identifier, str(made.fine_tuned_model))
    scope.nudge()
    return jobs.get(scope, identifier)


@verbs.writes("jobs")
def register(
    scope: Scope,
    job: FineTuningJob,
    backend: Backend,
    *,
    name: str,
    size_bytes: int | None,
    base: Identity | None,
) -> FineTuningJob:
    """Record a succeeded job's model and, where there are rows for it, ask for the evaluations of base and tuned.

    Nothing is asked unbidden where answers are billed, or of a job that was made elsewhere: nobody agreed to that.

    `name` is what the backend calls the model, `base` what its base is now. Return the job with its model's id, to be
    saved.
    """
    model = _model(scope, job, name, size_bytes)
    dataset, biased = _rows_apart(job)
    unbidden = isinstance(backend, Evaluates) and not backend.profile.bills and not job.adopted
    if dataset is not None and unbidden:
        for target in (None, model.id):
            _ask(scope, _question(scope, job, target, dataset, biased=biased), base)
    return replace(job, fine_tuned_model=model.id)


def _model(scope: Scope, job: FineTuningJob, remote_id: str, size_bytes: int | None) -> FineTunedModel:
    known = models.by_remote_id(scope.write, job.spec.connection, remote_id)
    if known is not None:
        return known
    model = FineTunedModel(
        id=scope.new_id("mdl"),
        name=job.spec.name,
        job=job.id,
        project=job.spec.project,
        connection=job.spec.connection,
        base_model=job.spec.base_model,
        remote_id=remote_id,
        adapter=str(job.spec.options.get("adapter", "none")),
        size_bytes=size_bytes,
        created_at=scope.now(),
        kept_there=job.adopted,
    )
    models.add(scope.write, model)
    events.add(scope.write, model.id, f"Made by job {job.id}.", at=scope.now(), kind="note")
    return model


def _rows_apart(job: FineTuningJob) -> tuple[str | None, bool]:
    """Return the rows to judge by, and whether the choice of the checkpoint has seen them."""
    if job.parts is None:
        return None, False
    if job.parts.test is not None:
        return job.parts.test, False
    return job.parts.validation, True


def _question(scope: Scope, job: FineTuningJob, model: str | None, dataset: str, *, biased: bool) -> Evaluation:
    return Evaluation(
        id=scope.new_id("evl"),
        target=Target(connection=job.spec.connection, base_model=job.spec.base_model, model=model),
        dataset=dataset,
        project=job.spec.project,
        job=job.id,
        selection_biased=biased,
        created_at=scope.now(),
        changed_at=scope.now(),
    )


def _ask(scope: Scope, wanted: Evaluation, now: Identity | None) -> None:
    """Record an evaluation; what the same model answered before (the base, after an earlier job) is not asked again."""
    tx = scope.write
    asked_before = evaluations.same_question(tx, wanted)
    refused = [why_not_reused(each, now) for each in asked_before]
    answered = next((each for each, reason in zip(asked_before, refused, strict=True) if not reason), None)
    events.add(tx, wanted.id, EvaluationStatus.PENDING.value, at=scope.now())
    if answered is None:
        for reason in refused[:1]:
            events.add(tx, wanted.id, reason, at=scope.now(), kind="note")
        evaluations.add(tx, replace(wanted, not_reused=next(iter(refused), "")), due_at=scope.due_now())
        return
    taken_over = replace(
        answered,
        id=wanted.id,
        project=wanted.project,
        job=wanted.job,
        selection_biased=wanted.selection_biased,
        status=EvaluationStatus.SUCCEEDED,
        message=f"Taken over from evaluation {answered.id}, which asked the same.",
        not_reused="",
        created_at=wanted.created_at,
        changed_at=wanted.changed_at,
    )
    evaluations.add(tx, taken_over, due_at=None)
    evaluations.copy_rows(tx, answered.id, wanted.id)
    events.add(tx, wanted.id, EvaluationStatus.SUCCEEDED.value, at=scope.now())
