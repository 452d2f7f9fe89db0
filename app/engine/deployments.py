"""The level of deployments: make what is wanted, make it again when it is gone, remove what is not wanted."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.domain.backend import (
    Backend,
    BackendError,
    DeploymentObservation,
    DeploymentRequest,
    Deploys,
    NotAuthorised,
    NotFound,
    Transient,
)
from app.domain.connections import Connection
from app.domain.deployments import Deployment, DeploymentGoal, DeploymentStatus, RemovalReason
from app.domain.events import EventLevel
from app.domain.jobs import JobReason
from app.engine import admission, backoff
from app.engine.jobs import entry, sentence
from app.engine.reconciling import ReconcileContext, SideEffect, StepResult
from app.kit.crash_points import CrashPoint, reached
from app.services.scope import Scope
from app.store import connections, events, models
from app.store import deployments as store

RESTARTS, WITHIN = 5, timedelta(minutes=10)  # more often than this, and something is wrong with it
RESTART = "restart"  # the kind of the journal entries that count them
_CREATING_LOOK, _READY_LOOK, _FAILED_LOOK = timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=5)
Status = DeploymentStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentStep:
    """A deployment in its turn, with what belongs to it. `model` is the backend's name of a tuned target."""

    context: ReconcileContext
    deployment: Deployment
    connection: Connection
    backend: Backend
    model: str | None

    def result(self, deployment: Deployment, due_in: timedelta | None, *side_effects: SideEffect) -> StepResult:
        """Return: the deployment as given, with a journal entry if its status is another."""
        writes = list(side_effects)
        if deployment.status is not self.deployment.status:
            level = EventLevel.ERROR if deployment.status is Status.FAILED else EventLevel.INFO
            writes.insert(0, entry(deployment.id, deployment.status.value, kind="status", level=level))
        if deployment.status.is_final:
            due_in = None
        values = store.values(deployment)
        if deployment.reason == self.deployment.reason:
            del values["reason"]  # a service that changed the goal meanwhile has written its own
        return StepResult(values=values, due_in=due_in, side_effects=writes)

    def transition(
        self,
        to: Status,
        due_in: timedelta,
        *side_effects: SideEffect,
        reason: JobReason | RemovalReason | None = None,
        message: str = "",
    ) -> StepResult:
        """Return: the deployment in another status."""
        moved = self.deployment.advance(to, at=self.context.now(), reason=reason, message=message)
        return self.result(moved, due_in, *side_effects)

    def requeue(self, due_in: timedelta, note: str, *side_effects: SideEffect, attempts: int = 0) -> StepResult:
        """Return: nothing moves, with a note for people."""
        return self.result(replace(self.deployment, note=note, attempts=attempts), due_in, *side_effects)

    def on_error(self, error: BackendError) -> StepResult:
        """Return what a backend's error comes to: wait, pause the connection, or fail."""
        said, attempts = sentence(error), self.deployment.attempts + 1
        if isinstance(error, NotAuthorised):
            return self.requeue(
                backoff.PAUSED, f"The connection is paused: {said}", admission.pause(self.connection.id, said)
            )
        if isinstance(error, Transient) or self.deployment.status in {Status.FAILED, Status.DELETING}:
            return self.requeue(backoff.retry_delay(attempts, asked=error.retry_after), said, attempts=attempts)
        return self.transition(Status.FAILED, _FAILED_LOOK, reason=error.reason, message=said)


def reconcile(context: ReconcileContext) -> StepResult | None:
    """Take the next step of the claimed deployment; None if there is nothing to do."""
    step = _open(context)
    if step is None:
        return None
    wanted = step.deployment.goal is DeploymentGoal.PRESENT
    if wanted and _has_expired(step.deployment, context.now()):
        return step.result(step.deployment, backoff.SOON, _stop_expired(step.deployment))
    if not isinstance(step.backend, Deploys):
        return _cannot(step) if wanted else _removed(step)
    action = _remove if not wanted else _make if step.deployment.status is Status.PENDING else _look
    try:
        return action(step, step.backend)
    except BackendError as error:
        return step.on_error(error)


def _open(context: ReconcileContext) -> DeploymentStep | None:
    with context.open() as scope:
        tx = scope.read
        deployment = store.get(tx, context.id)
        connection = None if deployment is None else connections.get(tx, deployment.target.connection)
        if deployment is None or connection is None or deployment.status.is_final:
            return None
        target = deployment.target.model
        model = None if target is None else models.get(tx, target)
        name = model.remote_id if model is not None and model.deleted_at is None else None
        backend = scope.backends.of(connection)
        return DeploymentStep(
            context=context, deployment=deployment, connection=connection, backend=backend, model=name
        )


def _cannot(step: DeploymentStep) -> StepResult:
    message = "This backend cannot deploy."
    if step.deployment.status is Status.FAILED:
        return step.requeue(_FAILED_LOOK, message)
    return step.transition(Status.FAILED, _FAILED_LOOK, reason=JobReason.INVALID_REQUEST, message=message)


def _make(step: DeploymentStep, backend: Deploys) -> StepResult:
    if step.deployment.target.model is not None and step.model is None:
        return step.transition(
            Status.FAILED, _FAILED_LOOK, reason=JobReason.LOST, message="The model has been removed."
        )
    reached(CrashPoint.BEFORE_DEPLOY)
    backend.deploy(_request(step))
    reached(CrashPoint.DEPLOYED)
    return step.transition(Status.CREATING, timedelta(seconds=1))


def _request(step: DeploymentStep) -> DeploymentRequest:
    wanted = step.deployment
    return DeploymentRequest(
        tag=wanted.id,
        base_model=wanted.target.base_model,
        model=step.model,
        name=wanted.name,
        content_safety=wanted.content_safety,
        options=wanted.options,
    )


def _look(step: DeploymentStep, backend: Deploys) -> StepResult:
    deployment = step.deployment
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
    if looked.status is Status.CREATING:
        looked = replace(looked, note=seen.message)
    if looked.status is Status.READY and _idle_until(looked, step.context.now()) <= step.context.now():
        return step.result(looked, backoff.SOON, _stop_idle(looked))
    return step.result(looked, _next_look(looked, seen, step.context.now()))


def _next_look(deployment: Deployment, seen: DeploymentObservation, now: datetime) -> timedelta:
    usual = {Status.CREATING: _CREATING_LOOK, Status.READY: _READY_LOOK}.get(deployment.status, _FAILED_LOOK)
    ends = now + timedelta(days=1) if deployment.expires_at is None else deployment.expires_at
    if deployment.status is Status.FAILED:
        return min(usual, max(ends - now, timedelta(seconds=1)))
    until = min(_idle_until(deployment, now), ends)
    return min(backoff.asked_or(seen.next_look, usual), max(until - now, timedelta(seconds=1)))


def _has_expired(deployment: Deployment, now: datetime) -> bool:
    return deployment.expires_at is not None and deployment.expires_at <= now


def _stop_expired(deployment: Deployment) -> SideEffect:
    def write(scope: Scope) -> None:
        newest = store.get(scope.write, deployment.id)
        if newest is None or newest.goal is not DeploymentGoal.PRESENT or not _has_expired(newest, scope.now()):
            return
        store.set_goal(
            scope.write, deployment.id, DeploymentGoal.ABSENT, reason=RemovalReason.EXPIRED, due_at=scope.due_now()
        )
        events.add(scope.write, deployment.id, "Its time is up, so it is deleted.", at=scope.now(), kind="note")

    return write


def _idle_until(deployment: Deployment, now: datetime) -> datetime:
    """Return when a deployment that nobody uses is stopped; far away if it never is."""
    if deployment.expires_after_idle_s is None or deployment.ready_at is None:
        return now + timedelta(days=1)
    used = max(deployment.last_used_at or deployment.ready_at, deployment.ready_at)
    return used + timedelta(seconds=deployment.expires_after_idle_s)


def _stop_idle(deployment: Deployment) -> SideEffect:
    def write(scope: Scope) -> None:
        newest = store.get(scope.write, deployment.id)
        if newest is None or _idle_until(newest, scope.now()) > scope.now():
            return  # somebody has used it since the look
        store.set_goal(
            scope.write, deployment.id, DeploymentGoal.ABSENT, reason=RemovalReason.IDLE, due_at=scope.due_now()
        )
        minutes = (deployment.expires_after_idle_s or 0) // 60
        said = f"Nobody used it for {minutes} minutes, so it is stopped."
        events.add(scope.write, deployment.id, said, at=scope.now(), kind="note")

    return write


def _again(step: DeploymentStep, backend: Deploys) -> StepResult:
    """Make anew what is gone although it is wanted, but not for ever."""
    deployment, now = step.deployment, step.context.now()
    with step.context.open() as scope:
        past = [each for each in events.of_kind(scope.read, deployment.id, RESTART) if each.at > now - WITHIN]
    if len(past) >= RESTARTS:
        message = f"It stopped {len(past) + 1} times within {WITHIN.seconds // 60} minutes. Its log says why."
        return step.transition(Status.FAILED, _FAILED_LOOK, reason=JobReason.BACKEND_ERROR, message=message)
    backend.deploy(_request(step))
    back = replace(deployment, restarts=deployment.restarts + 1, observed_at=now, endpoint=None, note="")
    if back.status is not Status.CREATING:
        back = back.advance(Status.CREATING, at=now)
    logged = entry(deployment.id, "It was gone although it is wanted; it is made again.", kind=RESTART)
    return step.result(back, timedelta(seconds=1), logged)


def _remove(step: DeploymentStep, backend: Deploys) -> StepResult:
    deployment = step.deployment
    if deployment.status is not Status.DELETING:
        backend.undeploy(deployment.id)
        reached(CrashPoint.UNDEPLOYED)
        return step.transition(Status.DELETING, backoff.SOON, reason=deployment.reason or JobReason.REQUESTED)
    try:
        seen = backend.observe_deployment(deployment.id)
    except NotFound:
        return _removed(step)
    if seen.gone or seen.status is Status.DELETED:
        return _removed(step)
    if seen.status is not Status.DELETING:
        backend.undeploy(deployment.id)
    attempts = deployment.attempts + 1
    return step.requeue(backoff.retry_delay(attempts, asked=seen.next_look), "", attempts=attempts)


def _removed(step: DeploymentStep) -> StepResult:
    deployment, now = step.deployment, step.context.now()
    if deployment.status is not Status.DELETING:
        deployment = deployment.advance(Status.DELETING, at=now, reason=deployment.reason)
    gone = deployment.advance(Status.DELETED, at=now, reason=deployment.reason)
    return step.result(replace(gone, endpoint=None), None)
