"""A deployment is made, watched, made again, stopped when idle, and removed; whatever happens, it can be removed."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from app.backends.rehearsal import Fault, FaultKind
from app.domain.actors import OWNER
from app.domain.backend import ChatRequest
from app.domain.connections import REHEARSAL_ID
from app.domain.deployments import Deployment, DeploymentGoal, DeploymentStatus
from app.services import deployments, models
from tests.support.rehearsed import Rehearsed

Build = Callable[..., Rehearsed]
Status = DeploymentStatus


def deploy(house: Rehearsed, **more: object) -> str:
    target = {"base_model": "rehearsal:small", "connection": REHEARSAL_ID}
    with house.scopes.open(OWNER) as scope:
        return deployments.create(scope, target=target, **more).id  # type: ignore[arg-type]


def delete(house: Rehearsed, identifier: str) -> None:
    with house.scopes.open(OWNER) as scope:
        deployments.delete(scope, identifier)


def until(house: Rehearsed, identifier: str, status: Status, limit: int = 900) -> Deployment:
    for _ in range(limit):
        seen = house.deployment(identifier)
        if seen.status is status:
            return seen
        house.tick()
    raise AssertionError(f"{house.deployment(identifier)} never became {status}")


def made(house: Rehearsed, tag: str) -> int:
    return len(house.backend.made("deploy", tag))


def test_a_deployment_becomes_ready_answers_and_goes(build: Build) -> None:
    house = build()
    identifier = deploy(house)
    ready = until(house, identifier, Status.READY)
    assert ready.endpoint == f"rehearsal://{identifier}"
    asked = ChatRequest(messages=[{"role": "user", "content": "Hello there"}])
    with house.scopes.open(OWNER) as scope:
        said = deployments.chat(house.scopes, scope, identifier, asked)
        assert "".join(chunk.text for chunk in said.chunks) == "[Rehearsal] You said: Hello there"
    delete(house, identifier)
    gone = until(house, identifier, Status.DELETED)
    assert (gone.reason, gone.endpoint) == ("requested", None)
    assert [event.message for event in house.journal(identifier, "status")] == [
        "pending",
        "creating",
        "ready",
        "deleting",
        "deleted",
    ]
    assert house.tick(10) == 0


def test_what_is_gone_although_it_is_wanted_comes_back(build: Build) -> None:
    house = build()
    identifier = deploy(house)
    until(house, identifier, Status.READY)
    house.backend.lose_deployment(identifier)
    until(house, identifier, Status.CREATING)
    back = until(house, identifier, Status.READY)
    assert (back.restarts, made(house, identifier)) == (1, 2)
    assert len(house.journal(identifier, "restart")) == 1


def test_what_goes_again_and_again_fails_and_can_still_be_deleted(build: Build) -> None:
    house = build(Fault(call="serve", kind=FaultKind.GONE, times=None, seconds=5.0))
    identifier = deploy(house)
    failed = until(house, identifier, Status.FAILED)
    assert failed.restarts == 5
    assert failed.message == "It stopped 6 times within 10 minutes. Its log says why."
    delete(house, identifier)
    until(house, identifier, Status.DELETED)


def test_rare_losses_are_made_good_for_ever(build: Build) -> None:
    house = build(look_s=30.0)
    identifier = deploy(house)
    for _ in range(8):
        until(house, identifier, Status.READY)
        house.backend.lose_deployment(identifier)
        house.tick(5, every=timedelta(minutes=1))
    assert until(house, identifier, Status.READY).restarts == 8


def test_a_process_that_dies_while_it_deploys_leaves_one_deployment(build: Build) -> None:
    house = build()
    identifier = deploy(house)
    house.clock.turn(timedelta(seconds=1))
    (claim,) = house.engine.claim(10)
    with house.scopes.open(OWNER) as scope:
        wanted = deployments.get(scope, claim.id)
    assert wanted.status is Status.PENDING
    house.engine.act(claim)
    with house.scopes.open(OWNER) as scope:  # as if the record had never been written
        scope.write.exec_driver_sql("UPDATE deployments SET status = 'pending', due_at = 0")
    heir = house.again()
    until(heir, identifier, Status.READY)
    assert made(heir, identifier) == 1


def test_an_idle_deployment_stops_and_says_why(build: Build) -> None:
    house = build(look_s=30.0)
    identifier = deploy(house, expires_after_idle_s=120)
    until(house, identifier, Status.READY)
    house.clock.turn(timedelta(seconds=90))
    asked = ChatRequest(messages=[{"role": "user", "content": "Still there?"}])
    with house.scopes.open(OWNER) as scope:
        list(deployments.chat(house.scopes, scope, identifier, asked).chunks)
    used = house.clock.now()
    gone = until(house, identifier, Status.DELETED)
    assert (gone.reason, gone.goal) == ("idle", DeploymentGoal.ABSENT)
    assert house.clock.now() - used >= timedelta(seconds=120)
    assert any("stopped" in event.message for event in house.journal(identifier, "note"))


def test_one_that_is_never_to_stop_does_not(build: Build) -> None:
    house = build()
    identifier = deploy(house, expires_after_idle_s=0)
    until(house, identifier, Status.READY)
    house.tick(5, every=timedelta(hours=10))
    assert house.deployment(identifier).status is Status.READY


@pytest.mark.parametrize(
    "before", [Status.PENDING, Status.CREATING, Status.READY, Status.FAILED], ids=lambda status: status.value
)
def test_it_can_be_deleted_from_every_status(build: Build, before: Status) -> None:
    faults = [Fault(call="serve", kind=FaultKind.FAILS)] if before is Status.FAILED else []
    house = build(*faults)
    identifier = deploy(house)
    until(house, identifier, before)
    delete(house, identifier)
    until(house, identifier, Status.DELETED)
    if before is Status.PENDING:
        assert made(house, identifier) == 0


def test_refused_and_broken_calls_do_not_keep_it_from_being_deleted(build: Build) -> None:
    house = build(
        Fault(call="undeploy", kind=FaultKind.REJECTED, times=1),
        Fault(call="undeploy", kind=FaultKind.BROKEN, times=3),
    )
    identifier = deploy(house)
    until(house, identifier, Status.READY)
    delete(house, identifier)
    until(house, identifier, Status.DELETED)


def test_passing_trouble_while_making_it_is_tried_again(build: Build) -> None:
    house = build(Fault(call="deploy", kind=FaultKind.NO_CAPACITY, times=2))
    identifier = deploy(house)
    house.tick()
    assert house.deployment(identifier).note.startswith("Rehearsal: no capacity")
    assert until(house, identifier, Status.READY).note == ""


def test_a_refusal_fails_it_with_the_reason(build: Build) -> None:
    house = build(Fault(call="deploy", kind=FaultKind.QUOTA_EXCEEDED))
    failed = until(house, deploy(house), Status.FAILED)
    assert (failed.reason, failed.message.startswith("Rehearsal: quota exceeded")) == ("quota", True)


def test_a_torn_down_model_is_removed_once_nothing_serves_it(build: Build) -> None:
    house = build()
    job = house.until(house.job().id)
    assert job.fine_tuned_model is not None
    with house.scopes.open(OWNER) as scope:
        serving = deployments.create(scope, target={"model": job.fine_tuned_model}).id
    until(house, serving, Status.READY)
    with house.scopes.open(OWNER) as scope:
        name = models.get(scope, job.fine_tuned_model).name
        models.teardown(scope, job.fine_tuned_model, name)
    until(house, serving, Status.DELETED)
    house.tick()
    with house.scopes.open(OWNER) as scope:
        assert models.teardown_plan(scope, job.fine_tuned_model).steps[-1].done
    assert [entry.call for entry in house.backend.ledger.entries()].count("discard_model") == 1
