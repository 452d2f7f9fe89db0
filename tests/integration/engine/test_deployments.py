"""A deployment is made, watched, made again, stopped when idle, and removed; whatever happens, it can be removed."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from app.backends.rehearsal import Fault, FaultKind
from app.domain.actors import OWNER
from app.domain.backend import ChatRequest
from app.domain.deployments import Deployment, DeploymentGoal, DeploymentStatus
from app.services import deployments, models
from tests.support.connections import REHEARSAL_ID
from tests.support.rehearsed import Rehearsed

Build = Callable[..., Rehearsed]
Status = DeploymentStatus


def deploy(app_context: Rehearsed, **more: object) -> str:
    target = {"base_model": "rehearsal:small", "connection": REHEARSAL_ID}
    with app_context.scopes.open(OWNER) as scope:
        return deployments.create(scope, target=target, **more).id  # type: ignore[arg-type]


def delete(app_context: Rehearsed, identifier: str) -> None:
    with app_context.scopes.open(OWNER) as scope:
        deployments.delete(scope, identifier)


def until(app_context: Rehearsed, identifier: str, status: Status, limit: int = 900) -> Deployment:
    for _ in range(limit):
        seen = app_context.deployment(identifier)
        if seen.status is status:
            return seen
        app_context.tick()
    raise AssertionError(f"{app_context.deployment(identifier)} never became {status}")


def made(app_context: Rehearsed, tag: str) -> int:
    return len(app_context.backend.made("deploy", tag))


def test_a_deployment_becomes_ready_answers_and_goes(build: Build) -> None:
    app_context = build()
    identifier = deploy(app_context)
    ready = until(app_context, identifier, Status.READY)
    assert ready.endpoint == f"rehearsal://{identifier}"
    asked = ChatRequest(messages=[{"role": "user", "content": "Hello there"}])
    with app_context.scopes.open(OWNER) as scope:
        said = deployments.chat(scope, app_context.scopes, identifier, asked)
        assert "".join(chunk.text for chunk in said.chunks) == "[Rehearsal] You said: Hello there"
    delete(app_context, identifier)
    gone = until(app_context, identifier, Status.DELETED)
    assert (gone.reason, gone.endpoint) == ("requested", None)
    assert [event.message for event in app_context.journal(identifier, "status")] == [
        "pending",
        "creating",
        "ready",
        "deleting",
        "deleted",
    ]
    assert app_context.tick(10) == 0


def test_what_is_gone_although_it_is_wanted_comes_back(build: Build) -> None:
    app_context = build()
    identifier = deploy(app_context)
    until(app_context, identifier, Status.READY)
    app_context.backend.undeploy(identifier)  # somebody removes it at the provider
    until(app_context, identifier, Status.CREATING)
    back = until(app_context, identifier, Status.READY)
    assert (back.restarts, made(app_context, identifier)) == (1, 2)
    assert len(app_context.journal(identifier, "restart")) == 1


def test_what_goes_again_and_again_fails_and_can_still_be_deleted(build: Build) -> None:
    app_context = build(Fault(call="serve", kind=FaultKind.GONE, times=None, seconds=5.0))
    identifier = deploy(app_context)
    failed = until(app_context, identifier, Status.FAILED)
    assert failed.restarts == 5
    assert failed.message == "It stopped 6 times within 10 minutes. Its log says why."
    delete(app_context, identifier)
    until(app_context, identifier, Status.DELETED)


def test_rare_losses_are_made_good_for_ever(build: Build) -> None:
    app_context = build(look_s=30.0)
    identifier = deploy(app_context)
    for _ in range(8):
        until(app_context, identifier, Status.READY)
        app_context.backend.undeploy(identifier)  # somebody removes it at the provider
        app_context.tick(5, every=timedelta(minutes=1))
    assert until(app_context, identifier, Status.READY).restarts == 8


def test_a_process_that_dies_while_it_deploys_leaves_one_deployment(build: Build) -> None:
    app_context = build()
    identifier = deploy(app_context)
    app_context.clock.turn(timedelta(seconds=1))
    (claim,) = app_context.engine.claim(10)
    with app_context.scopes.open(OWNER) as scope:
        wanted = deployments.get(scope, claim.id)
    assert wanted.status is Status.PENDING
    app_context.engine.reconcile(claim)
    with app_context.scopes.open(OWNER) as scope:  # as if the record had never been written
        scope.write.exec_driver_sql("UPDATE deployments SET status = 'pending', due_at = 0")
    heir = app_context.again()
    until(heir, identifier, Status.READY)
    assert made(heir, identifier) == 1


def test_an_idle_deployment_stops_and_says_why(build: Build) -> None:
    app_context = build(look_s=30.0)
    identifier = deploy(app_context, expires_after_idle_s=120)
    until(app_context, identifier, Status.READY)
    app_context.clock.turn(timedelta(seconds=90))
    asked = ChatRequest(messages=[{"role": "user", "content": "Still there?"}])
    with app_context.scopes.open(OWNER) as scope:
        list(deployments.chat(scope, app_context.scopes, identifier, asked).chunks)
    used = app_context.clock.now()
    gone = until(app_context, identifier, Status.DELETED)
    assert (gone.reason, gone.goal) == ("idle", DeploymentGoal.ABSENT)
    assert app_context.clock.now() - used >= timedelta(seconds=120)
    assert any("stopped" in event.message for event in app_context.journal(identifier, "note"))


def test_one_that_is_never_to_stop_does_not(build: Build) -> None:
    app_context = build()
    identifier = deploy(app_context, expires_after_idle_s=0)
    until(app_context, identifier, Status.READY)
    app_context.tick(5, every=timedelta(hours=10))
    assert app_context.deployment(identifier).status is Status.READY


@pytest.mark.parametrize(
    "before", [Status.PENDING, Status.CREATING, Status.READY, Status.FAILED], ids=lambda status: status.value
)
def test_it_can_be_deleted_from_every_status(build: Build, before: Status) -> None:
    faults = [Fault(call="serve", kind=FaultKind.FAILS)] if before is Status.FAILED else []
    app_context = build(*faults)
    identifier = deploy(app_context)
    until(app_context, identifier, before)
    delete(app_context, identifier)
    until(app_context, identifier, Status.DELETED)
    if before is Status.PENDING:
        assert made(app_context, identifier) == 0


def test_refused_and_broken_calls_do_not_keep_it_from_being_deleted(build: Build) -> None:
    app_context = build(
        Fault(call="undeploy", kind=FaultKind.REJECTED, times=1),
        Fault(call="undeploy", kind=FaultKind.BROKEN, times=3),
    )
    identifier = deploy(app_context)
    until(app_context, identifier, Status.READY)
    delete(app_context, identifier)
    until(app_context, identifier, Status.DELETED)


def test_passing_failure_while_making_it_is_tried_again(build: Build) -> None:
    app_context = build(Fault(call="deploy", kind=FaultKind.NO_CAPACITY, times=2))
    identifier = deploy(app_context)
    app_context.tick()
    assert app_context.deployment(identifier).note.startswith("Rehearsal: no capacity")
    assert until(app_context, identifier, Status.READY).note == ""


def test_a_refusal_fails_it_with_the_reason(build: Build) -> None:
    app_context = build(Fault(call="deploy", kind=FaultKind.QUOTA_EXCEEDED))
    failed = until(app_context, deploy(app_context), Status.FAILED)
    assert (failed.reason, failed.message.startswith("Rehearsal: quota exceeded")) == ("quota", True)


def test_a_torn_down_model_is_removed_once_nothing_serves_it(build: Build) -> None:
    app_context = build()
    job = app_context.until(app_context.job().id)
    assert job.fine_tuned_model is not None
    with app_context.scopes.open(OWNER) as scope:
        serving = deployments.create(scope, target={"model": job.fine_tuned_model}).id
    until(app_context, serving, Status.READY)
    with app_context.scopes.open(OWNER) as scope:
        name = models.get(scope, job.fine_tuned_model).name
        models.teardown(scope, job.fine_tuned_model, name)
    until(app_context, serving, Status.DELETED)
    app_context.tick()
    app_context.engine.tasks.wait()
    app_context.tick(2)
    with app_context.scopes.open(OWNER) as scope:
        assert models.teardown_plan(scope, job.fine_tuned_model).steps[-1].done
    assert [entry.call for entry in app_context.backend.ledger.entries()].count("discard_model") == 1
