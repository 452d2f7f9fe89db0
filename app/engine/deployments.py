"""The level of deployments: make what is wanted, make it again when it is gone, remove what is not wanted."""

from dataclasses import replace
from datetime import datetime, timedelta

from app.domain.backend import BackendError, DeploymentObservation, DeploymentRequest, Deploys, NotFound
from app.domain.deployments import Deployment, DeploymentGoal, DeploymentStatus, RemovalReason
from app.domain.jobs import JobReason
from app.engine import backoff
from app.engine.reconciling import ReconcileContext, SideEffect, StepResult
from app.engine.step import FAILED_LOOK, Step, entry, remote_name
from app.kit.crash_points import CrashPoint, reached
from app.services.scope import Scope
from app.store import deployments as store
from app.store import events, leases

RESTARTS, WITHIN = 5, timedelta(minutes=10)  # more often than this, and something is wrong with it
RESTART = "restart"  # the kind of the journal entries that count them
_CREATING_LOOK, _READY_LOOK = timedelta(seconds=5), timedelta(seconds=30)
Status = DeploymentStatus


class DeploymentStep(Step[Deployment]):
    """A deployment in its turn."""

    __slots__ = ()
    stored = store.MAPPER

    @property
    def goes_on_failing(self) -> bool:
        """Whether it may come back, or has to go: then no error ends the trying."""
        return self.subject.status in {Status.FAILED, Status.DELETING}


def reconcile(context: ReconcileContext) -> StepResult | None:
    """Take the next step of the claimed deployment; None if there is nothing to do."""
    step = DeploymentStep.open(context)
    if step is None:
        return None
    wanted = step.subject.goal is DeploymentGoal.PRESENT
    if wanted and _has_expired(step.subject, context.now()):
        return step.result(step.subject, backoff.SOON, _stop(step, RemovalReason.EXPIRED))
    if not isinstance(step.backend, Deploys):
        return _cannot(step) if wanted else _removed(step)
    action = _remove if not wanted else _make if step.subject.status is Status.PENDING else _look
    try:
        return action(step, step.backend)
    except BackendError as error:
        return step.on_error(error)


def _cannot(step: DeploymentStep) -> StepResult:
    message = "This backend cannot deploy."
    if step.subject.status is Status.FAILED:
        return step.requeue(FAILED_LOOK, note=message)
    return step.fail(JobReason.INVALID_REQUEST, message)


def _make(step: DeploymentStep, backend: Deploys) -> StepResult:
    request = _request(step)
    if step.subject.target.is_tuned and request.model is None:
        return step.fail(JobReason.LOST, "The model has been removed.")
    reached(CrashPoint.BEFORE_DEPLOY)
    backend.deploy(request)
    reached(CrashPoint.DEPLOYED)
    return step.transition(Status.CREATING, timedelta(seconds=1))


def _request(step: DeploymentStep) -> DeploymentRequest:
    wanted = step.subject
    return DeploymentRequest(
        tag=wanted.id,
        base_model=wanted.target.base_model,
        model=remote_name(step, wanted.target),
        name=wanted.name,
        content_safety=wanted.content_safety,
        options=wanted.options,
    )


def _look(step: DeploymentStep, backend: Deploys) -> StepResult:
    deployment = step.subject
    try:
        seen = backend.observe_deployment(deployment.id)
    except NotFound:
        seen = DeploymentObservation(status=Status.DELETED, gone=True)
    if (seen.gone or seen.status is Status.DELETED) and deployment.status is not Status.FAILED:
        return _again(step, backend)
    if seen.unfinished:
        backend.deploy(_request(step))
    looked = replace(
        deployment,
        raw_status=seen.raw_status,
        observed_at=step.context.now(),
        endpoint=seen.endpoint,
        region=seen.region or deployment.region,
        note="",
        attempts=0,
    )
    if seen.status in {Status.CREATING, Status.READY, Status.FAILED} and seen.status is not deployment.status:
        reason = JobReason.BACKEND_ERROR if seen.status is Status.FAILED else None
        looked = looked.advance(seen.status, at=step.context.now(), reason=reason, message=seen.message)
    if looked.status is Status.CREATING or seen.status is Status.PENDING:
        looked = replace(looked, note=seen.message)  # pending: nothing is known that would move it
    if looked.status is Status.READY and _idle_until(looked, step.context.now()) <= step.context.now():
        return step.result(looked, backoff.SOON, _stop(step, RemovalReason.IDLE))
    return step.result(looked, _next_look(looked, seen, step.context.now()))


def _next_look(deployment: Deployment, seen: DeploymentObservation, now: datetime) -> timedelta:
    usual = {Status.CREATING: _CREATING_LOOK, Status.READY: _READY_LOOK}.get(deployment.status, FAILED_LOOK)
    ends = now + timedelta(days=1) if deployment.expires_at is None else deployment.expires_at
    if deployment.status is Status.FAILED:
        return min(usual, max(ends - now, timedelta(seconds=1)))
    until = min(_idle_until(deployment, now), ends)
    return min(backoff.asked_or(seen.next_look, usual), max(until - now, timedelta(seconds=1)))


def _has_expired(deployment: Deployment, now: datetime) -> bool:
    return deployment.expires_at is not None and deployment.expires_at <= now


def _idle_until(deployment: Deployment, now: datetime) -> datetime:
    """Return when a deployment that nobody uses is stopped; far away if it never is."""
    if deployment.expires_after_idle_s is None or deployment.ready_at is None:
        return now + timedelta(days=1)
    used = max(deployment.last_used_at or deployment.ready_at, deployment.ready_at)
    return used + timedelta(seconds=deployment.expires_after_idle_s)


def _stop(step: DeploymentStep, reason: RemovalReason) -> SideEffect:
    """Write that it is not wanted any more, unless somebody has used it or given it more time since the look."""

    def write(scope: Scope) -> None:
        newest, now = store.get(scope.write, step.subject.id), scope.now()
        if newest is None or newest.goal is not DeploymentGoal.PRESENT:
            return
        idle = reason is RemovalReason.IDLE
        if (_idle_until(newest, now) > now) if idle else not _has_expired(newest, now):
            return
        said = f"Nobody used it for {(newest.expires_after_idle_s or 0) // 60} minutes, so it is stopped."
        store.set_goal(scope.write, newest.id, DeploymentGoal.ABSENT, reason=reason, due_at=scope.due_now())
        events.add(scope.write, newest.id, said if idle else "Its time is up, so it is deleted.", at=now, kind="note")

    return write


def _again(step: DeploymentStep, backend: Deploys) -> StepResult:
    """Make anew what is gone although it is wanted, but not for ever."""
    deployment, now = step.subject, step.context.now()
    with step.context.open() as scope:
        past = [each for each in events.of_kind(scope.read, deployment.id, RESTART) if each.at > now - WITHIN]
    if len(past) >= RESTARTS:
        message = f"It stopped {len(past) + 1} times within {WITHIN.seconds // 60} minutes. Its log says why."
        return step.fail(JobReason.BACKEND_ERROR, message)
    backend.deploy(_request(step))
    back = replace(deployment, restarts=deployment.restarts + 1, observed_at=now, endpoint=None, note="")
    logged = entry(deployment.id, "It was gone although it is wanted; it is made again.", kind=RESTART)
    return step.transition(Status.CREATING, timedelta(seconds=1), logged, subject=back)


def _remove(step: DeploymentStep, backend: Deploys) -> StepResult:
    deployment = step.subject
    if deployment.status is not Status.DELETING:
        backend.undeploy(deployment.id)
        reached(CrashPoint.UNDEPLOYED)
        return step.transition(Status.DELETING, reason=deployment.reason or JobReason.REQUESTED)
    try:
        seen = backend.observe_deployment(deployment.id)
    except NotFound:
        return _removed(step)
    if seen.gone or seen.status is Status.DELETED:
        return _removed(step)
    if seen.status is not Status.DELETING:
        backend.undeploy(deployment.id)
    return step.back_off("", asked=seen.next_look)


def _removed(step: DeploymentStep) -> StepResult:
    reason = step.subject.reason
    deleting = step.subject.advance(Status.DELETING, at=step.context.now(), reason=reason)
    gone = replace(deleting, endpoint=None)
    return step.transition(Status.DELETED, backoff.SOON, _wake_teardown(gone), subject=gone, reason=reason)


def _wake_teardown(gone: Deployment) -> SideEffect:
    """Let its model be looked at, should it wait for this to be torn down."""
    served = [] if gone.target.model is None else [gone.target.model]
    return lambda scope: leases.wake(scope.write, "models", served, due_at=scope.due_now())
