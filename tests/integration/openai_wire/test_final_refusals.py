"""What a provider refuses for good ends in a sentence, and pauses nobody else; what passes is tried again."""

from collections.abc import Callable

import pytest

from app.domain.deployments import DeploymentStatus
from app.domain.jobs import JobReason, JobStatus
from app.services import connections, deployments, jobs, models
from tests.integration.openai_wire.deploying import deploy, plane, tuned, until
from tests.support.openai_plane.house import WireHouse
from tests.support.openai_plane.script import Wrong

Build = Callable[..., WireHouse]
CREATE, PUT, DELETE = "POST /fine_tuning/jobs", "PUT /subscriptions/*", "DELETE /subscriptions/*/deployments/*"
ALWAYS = 10_000


def said(message: str, code: str = "Conflict") -> dict[str, object]:
    return {"error": {"code": code, "message": message}}


def paused(house: WireHouse) -> str | None:
    with house.open() as scope:
        return connections.get(scope, house.connection.id).paused_reason


def test_a_create_that_is_refused_by_409_for_good_ends_once_it_is_sure_that_nothing_runs(build: Build) -> None:
    house = build(Wrong(call=CREATE, kind="409", times=ALWAYS))
    failed = house.until(house.job().id, every=30)
    assert (failed.status, failed.reason) == (JobStatus.FAILED, JobReason.INVALID_REQUEST)
    assert "The server had an error (409)" in failed.message
    assert "mend what it names there" in failed.message
    assert house.plane.calls["wrong 0"] == 2, "a second try, after a look, and no third"
    assert not house.plane.jobs


def test_a_create_whose_second_409_was_accepted_is_found_and_not_failed(build: Build) -> None:
    house = build(Wrong(call=CREATE, kind="409"), Wrong(call=CREATE, kind="accepted_409"), lag_reads=3)
    assert house.until(house.job().id, every=30).status is JobStatus.SUCCEEDED
    assert len(house.plane.jobs) == 1


@pytest.mark.parametrize("kind", ["409", "413", "422"])
def test_an_upload_that_is_refused_for_good_ends_its_job(build: Build, kind: str) -> None:
    house = build(Wrong(call="POST /files", kind=kind, times=ALWAYS))
    failed = house.until(house.job().id, every=30)
    assert (failed.status, house.plane.calls["wrong 0"]) == (JobStatus.FAILED, 1)
    assert f"The server had an error ({kind})" in failed.message


def test_a_job_that_may_not_be_stopped_now_is_followed_to_its_end(build: Build) -> None:
    house = build(Wrong(call="POST /fine_tuning/jobs/*/cancel", kind="409", times=3), train_s=4_000.0)
    job = house.until(house.job().id, JobStatus.RUNNING)
    with house.open() as scope:
        jobs.cancel(scope, job.id)
    house.tick(2, every=5)
    assert (house.look(job.id).status, "may be billed" in house.look(job.id).note) == (JobStatus.RUNNING, True)
    assert house.until(job.id, every=60).status is JobStatus.CANCELLED
    assert {each.status(house.plane.script, house.plane.now()) for each in house.plane.jobs.values()} == {"cancelled"}


def test_what_passes_at_resource_manager_is_waited_out(build_azure: Build) -> None:
    busy = said("Another operation is being performed on the parent resource. Please try again later.")
    house = build_azure(Wrong(call=PUT, kind="409", times=2, body=busy))
    served = deploy(house, tuned(house))
    house.tick()
    with house.open() as scope:
        waiting = deployments.get(scope, served)
    assert (waiting.status, "Another operation" in waiting.note) == (DeploymentStatus.PENDING, True)
    until(house, served, DeploymentStatus.READY)


def test_a_put_that_was_accepted_and_answered_by_409_is_followed(build_azure: Build) -> None:
    house = build_azure(Wrong(call=PUT, kind="accepted_409"))
    served = deploy(house, tuned(house))
    until(house, served, DeploymentStatus.READY)
    assert len(plane(house).puts) == 1


@pytest.mark.parametrize(
    ("kind", "code"),
    [("409", "Conflict"), ("403", "RequestDisallowedByPolicy"), ("403", "AuthorizationFailed"), ("400", "BadSku")],
)
def test_a_deployment_that_is_refused_for_good_ends_and_trainings_go_on(
    build_azure: Build, kind: str, code: str
) -> None:
    house = build_azure(Wrong(call=PUT, kind=kind, times=ALWAYS, body=said("It may not be.", code)))
    served = deploy(house, tuned(house))
    failed = until(house, served, DeploymentStatus.FAILED)
    assert "It may not be." in failed.message
    assert (house.plane.calls["wrong 0"], paused(house)) == (1, None)
    assert kind != "403" or "role Foundry Owner" in failed.message
    assert tuned(house).fine_tuned_model, "who may not deploy may train"


def test_a_lock_on_a_deletion_is_said_and_what_is_billed_is_not_given_up(build_azure: Build) -> None:
    lock = said("The scope cannot perform delete operation because following scopes are locked.", "ScopeLocked")
    house = build_azure(Wrong(call=DELETE, kind="409", times=4, body=lock))
    job = tuned(house)
    served = deploy(house, job)
    until(house, served, DeploymentStatus.READY)
    with house.open() as scope:
        models.teardown(scope, str(job.fine_tuned_model), job.spec.name)
    held = until(house, served, DeploymentStatus.FAILED)
    assert ("are locked" in held.message, paused(house)) == (True, None)
    until(house, served, DeploymentStatus.DELETED, every=400)
    assert not plane(house).deployments


@pytest.mark.parametrize(
    ("kind", "body"),
    [("400", said("The chatCompletion operation does not work with the specified model.", "OperationNotSupported"))],
)
def test_a_deployment_that_can_never_answer_is_failed_not_creating(
    build_azure: Build, kind: str, body: dict[str, object]
) -> None:
    house = build_azure(Wrong(call="POST /chat/completions", kind=kind, times=3, body=body))
    served = deploy(house, tuned(house))
    failed = until(house, served, DeploymentStatus.FAILED)
    assert "It stands, and is billed, and does not answer" in failed.message
    until(house, served, DeploymentStatus.READY, every=400)


def test_a_deployment_that_is_never_ready_is_said_to_be_after_an_hour(build_azure: Build) -> None:
    house = build_azure(unready=ALWAYS)
    served = deploy(house, tuned(house))
    house.tick(40, every=60)
    with house.open() as scope:
        assert deployments.get(scope, served).status is DeploymentStatus.CREATING
    assert "deploy again after some minutes" in until(house, served, DeploymentStatus.FAILED, every=60).message


def test_a_name_that_never_comes_is_said_to_be_gone_after_an_hour_and_found_when_it_comes(build: Build) -> None:
    house = build(models_late_reads=20)
    served = deploy(house, tuned(house))
    assert "after an hour" in until(house, served, DeploymentStatus.FAILED, every=300).message
    until(house, served, DeploymentStatus.READY, every=400)
