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
from app.domain.deployments import Deployment, DeploymentGoal, DeploymentStatus
from app.domain.events import EventLevel
from app.engine import pace, places
from app.engine.jobs import entry, sentence
from app.engine.turn import Also, Outcome, Turn
from app.kit.crash_points import CrashPoint, reached
from app.services.scope import Scope
from app.store import connections, events, models
from app.store import deployments as store

RESTARTS, WITHIN = 5, timedelta(minutes=10)  # more often than this, and something is wrong with it
RESTART = "restart"  # the kind of the journal entries that count them
IDLE, EXPIRED = "idle", "expired"
_CREATING_LOOK, _READY_LOOK, _FAILED_LOOK = timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=5)
Status = DeploymentStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A deployment in its turn, with what belongs to it. `model` is the backend's name of a tuned target."""

    turn: Turn
    deployment: Deployment
    connection: Connection
    backend: Backend
    model: str | None

    def becomes(self, deployment: Deployment, due_in: timedelta | None, *also: Also) -> Outcome:
        """Return: the deployment as given, with a journal entry if its status is another."""
        writes = list(also)
        if deployment.status is not self.deployment.status:
            level = EventLevel.ERROR if deployment.status is Status.FAILED else EventLevel.INFO
            writes.insert(0, entry(deployment.id, deployment.status.value, kind="status", level=level))
        if deployment.status.is_final:
            due_in = None
        values = store.values(deployment)
        if deployment.reason == self.deployment.reason:
            del values["reason"]  # a service that changed the goal meanwhile has written its own
        return Outcome(values=values, due_in=due_in, also=writes)

    def advances(
        self, to: Status, due_in: timedelta, *also: Also, reason: str | None = None, message: str = ""
    ) -> Outcome:
        """Return: the deployment in another status."""
        moved = self.deployment.advance(to, at=self.turn.now(), reason=reason, message=message)
        return self.becomes(moved, due_in, *also)

    def stays(self, due_in: timedelta, note: str, *also: Also, attempts: int = 0) -> Outcome:
        """Return: nothing moves, with a note for people."""
        return self.becomes(replace(self.deployment, note=note, attempts=attempts), due_in, *also)

    def meets(self, error: BackendError) -> Outcome:
        """Return what a backend's error comes to: wait, pause the connection, or fail."""
        said, attempts = sentence(error), self.deployment.attempts + 1
        if isinstance(error, NotAuthorised):
            return self.stays(pace.PAUSED, f"The connection is paused: {said}", places.pause(self.connection.id, said))
        if isinstance(error, Transient) or self.deployment.status in {Status.FAILED, Status.DELETING}:
            return self.stays(pace.backoff(attempts, asked=error.retry_after), said, attempts=attempts)
        return self.advances(Status.FAILED, _FAILED_LOOK, reason=error.reason.value, message=said)


def act(turn: Turn) -> Outcome | None:
    """Take the next step of the claimed deployment; None if there is nothing to do."""
    work = _open(turn)
    if work is None:
        return None
    wanted = work.deployment.goal is DeploymentGoal.PRESENT
    if wanted and _has_expired(work.deployment, turn.now()):
        return work.becomes(work.deployment, pace.SOON, _stop_expired(work.deployment))
    if not isinstance(work.backend, Deploys):
        return _cannot(work) if wanted else _removed(work)
    step = _remove if not wanted else _make if work.deployment.status is Status.PENDING else _look
    try:
        return step(work, work.backend)
    except BackendError as error:
        return work.meets(error)


def _open(turn: Turn) -> Serving | None:
    with turn.open() as scope:
        tx = scope.read
        deployment = store.get(tx, turn.id)
        connection = None if deployment is None else connections.get(tx, deployment.target.connection)
        if deployment is None or connection is None or deployment.status.is_final:
            return None
        target = deployment.target.model
        model = None if target is None else models.get(tx, target)
        name = model.remote_id if model is not None and model.deleted_at is None else None
        backend = scope.backends.of(connection)
        return Serving(turn=turn, deployment=deployment, connection=connection, backend=backend, model=name)


def _cannot(work: Serving) -> Outcome:
    message = "This backend cannot deploy."
    if work.deployment.status is Status.FAILED:
        return work.stays(_FAILED_LOOK, message)
    return work.advances(Status.FAILED, _FAILED_LOOK, reason="invalid_request", message=message)


def _make(work: Serving, backend: Deploys) -> Outcome:
    if work.deployment.target.model is not None and work.model is None:
        return work.advances(Status.FAILED, _FAILED_LOOK, reason="lost", message="The model has been removed.")
    reached(CrashPoint.BEFORE_DEPLOY)
    backend.deploy(_request(work))
    reached(CrashPoint.DEPLOYED)
    return work.advances(Status.CREATING, timedelta(seconds=1))


def _request(work: Serving) -> DeploymentRequest:
    wanted = work.deployment
    return DeploymentRequest(
        tag=wanted.id,
        base_model=wanted.target.base_model,
        model=work.model,
        name=wanted.name,
        content_safety=wanted.content_safety,
        options=wanted.options,
    )


def _look(work: Serving, backend: Deploys) -> Outcome:
    deployment = work.deployment
    try:
        seen = backend.observe_deployment(deployment.id)
    except NotFound:
        seen = DeploymentObservation(status=Status.DELETED, gone=True)
    if (seen.gone or seen.status is Status.DELETED) and deployment.status is not Status.FAILED:
        return _again(work, backend)
    if seen.unfinished:
        backend.deploy(_request(work))
    looked = replace(
        deployment,
        raw_status=seen.raw_status,
        observed_at=work.turn.now(),
        endpoint=seen.endpoint,
        region=seen.region or deployment.region,
        note="",
        attempts=0,
    )
    if seen.status in {Status.CREATING, Status.READY, Status.FAILED} and seen.status is not deployment.status:
        reason = "backend_error" if seen.status is Status.FAILED else None
        looked = looked.advance(seen.status, at=work.turn.now(), reason=reason, message=seen.message)
    if looked.status is Status.CREATING:
        looked = replace(looked, note=seen.message)
    if looked.status is Status.READY and _idle_until(looked, work.turn.now()) <= work.turn.now():
        return work.becomes(looked, pace.SOON, _stop_idle(looked))
    return work.becomes(looked, _next_look(looked, seen, work.turn.now()))


def _next_look(deployment: Deployment, seen: DeploymentObservation, now: datetime) -> timedelta:
    usual = {Status.CREATING: _CREATING_LOOK, Status.READY: _READY_LOOK}.get(deployment.status, _FAILED_LOOK)
    ends = now + timedelta(days=1) if deployment.expires_at is None else deployment.expires_at
    if deployment.status is Status.FAILED:
        return min(usual, max(ends - now, timedelta(seconds=1)))
    until = min(_idle_until(deployment, now), ends)
    return min(pace.asked_or(seen.next_look, usual), max(until - now, timedelta(seconds=1)))


def _has_expired(deployment: Deployment, now: datetime) -> bool:
    return deployment.expires_at is not None and deployment.expires_at <= now


def _stop_expired(deployment: Deployment) -> Also:
    def write(scope: Scope) -> None:
        newest = store.get(scope.write, deployment.id)
        if newest is None or newest.goal is not DeploymentGoal.PRESENT or not _has_expired(newest, scope.now()):
            return
        store.set_goal(scope.write, deployment.id, DeploymentGoal.ABSENT, reason=EXPIRED, due_at=scope.due_now())
        events.add(scope.write, deployment.id, "Its time is up, so it is deleted.", at=scope.now(), kind="note")

    return write


def _idle_until(deployment: Deployment, now: datetime) -> datetime:
    """Return when a deployment that nobody uses is stopped; far away if it never is."""
    if deployment.expires_after_idle_s is None or deployment.ready_at is None:
        return now + timedelta(days=1)
    used = max(deployment.last_used_at or deployment.ready_at, deployment.ready_at)
    return used + timedelta(seconds=deployment.expires_after_idle_s)


def _stop_idle(deployment: Deployment) -> Also:
    def write(scope: Scope) -> None:
        newest = store.get(scope.write, deployment.id)
        if newest is None or _idle_until(newest, scope.now()) > scope.now():
            return  # somebody has used it since the look
        store.set_goal(scope.write, deployment.id, DeploymentGoal.ABSENT, reason=IDLE, due_at=scope.due_now())
        minutes = (deployment.expires_after_idle_s or 0) // 60
        said = f"Nobody used it for {minutes} minutes, so it is stopped."
        events.add(scope.write, deployment.id, said, at=scope.now(), kind="note")

    return write


def _again(work: Serving, backend: Deploys) -> Outcome:
    """Make anew what is gone although it is wanted, but not for ever."""
    deployment, now = work.deployment, work.turn.now()
    with work.turn.open() as scope:
        past = [each for each in events.of_kind(scope.read, deployment.id, RESTART) if each.at > now - WITHIN]
    if len(past) >= RESTARTS:
        message = f"It stopped {len(past) + 1} times within {WITHIN.seconds // 60} minutes. Its log says why."
        return work.advances(Status.FAILED, _FAILED_LOOK, reason="backend_error", message=message)
    backend.deploy(_request(work))
    back = replace(deployment, restarts=deployment.restarts + 1, observed_at=now, endpoint=None, note="")
    if back.status is not Status.CREATING:
        back = back.advance(Status.CREATING, at=now)
    told = entry(deployment.id, "It was gone although it is wanted; it is made again.", kind=RESTART)
    return work.becomes(back, timedelta(seconds=1), told)


def _remove(work: Serving, backend: Deploys) -> Outcome:
    deployment = work.deployment
    if deployment.status is not Status.DELETING:
        backend.undeploy(deployment.id)
        reached(CrashPoint.UNDEPLOYED)
        return work.advances(Status.DELETING, pace.SOON, reason=deployment.reason or "requested")
    try:
        seen = backend.observe_deployment(deployment.id)
    except NotFound:
        return _removed(work)
    if seen.gone or seen.status is Status.DELETED:
        return _removed(work)
    if seen.status is not Status.DELETING:
        backend.undeploy(deployment.id)
    attempts = deployment.attempts + 1
    return work.stays(pace.backoff(attempts, asked=seen.next_look), "", attempts=attempts)


def _removed(work: Serving) -> Outcome:
    deployment, now = work.deployment, work.turn.now()
    if deployment.status is not Status.DELETING:
        deployment = deployment.advance(Status.DELETING, at=now, reason=deployment.reason)
    gone = deployment.advance(Status.DELETED, at=now, reason=deployment.reason)
    return work.becomes(replace(gone, endpoint=None), None)
