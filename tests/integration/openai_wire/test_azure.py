"""A model at Azure OpenAI from its rows to its teardown, and what goes wrong on the way."""

import re
from collections.abc import Callable

import pytest

from app.domain.backend import ChatRequest, Chats, Checks
from app.domain.catalog import LooksUpModels
from app.domain.connections import CheckStatus
from app.domain.deployments import DeploymentStatus
from app.domain.jobs import JobReason, JobStatus
from app.domain.models import ModelStatus
from app.services import drafts, lifecycle, models, pausing
from tests.integration.openai_wire.deploying import deploy, plane, tuned, until
from tests.support.openai_plane.house import WireHouse
from tests.support.openai_plane.script import Wrong
from tests.support.waiting import until as waiting

Build = Callable[..., WireHouse]
CREATE = "POST /fine_tuning/jobs"


@pytest.fixture
def build(build_azure: Build) -> Build:
    """Give the builder of a house that is connected to Azure's planes."""
    return build_azure


def doctor(house: WireHouse) -> dict[str, CheckStatus]:
    backend = house.app_context.backends.of(house.connection)
    assert isinstance(backend, Checks)
    return {check.id: check.status for check in backend.doctor()}


def test_a_model_goes_all_the_way(build: Build) -> None:
    house = build()
    job = tuned(house)
    (sent,) = house.plane.requests
    assert sent["trainingType"] == "GlobalStandard"
    assert job.raw_status == "succeeded"
    served = deploy(house, job)
    until(house, served, DeploymentStatus.CREATING)
    ready = until(house, served, DeploymentStatus.READY)
    assert str(ready.endpoint).endswith("/openai/v1/chat/completions")
    assert plane(house).deployments["tunedesk-" + served.replace("_", "-")].unready == 2
    backend = house.app_context.backends.of(house.connection)
    assert isinstance(backend, Chats)
    answer = "".join(
        each.text for each in backend.chat(served, ChatRequest(messages=[{"role": "user", "content": "hi"}]))
    )
    assert answer.strip() == "You said: hi"
    with house.open() as scope:
        models.teardown(scope, str(job.fine_tuned_model), job.spec.name)
    for _ in range(40):
        house.tick(every=15)
        house.engine.tasks.wait()
    with house.open() as scope:
        assert models.get(scope, str(job.fine_tuned_model)).status is ModelStatus.DELETED
    assert (plane(house).deployments, plane(house).jobs, plane(house).files) == ({}, {}, {})


@pytest.mark.parametrize("kind", ["accepted_500", "accepted_cut"])
def test_what_was_accepted_is_found_by_its_file(build: Build, kind: str) -> None:
    house = build(Wrong(call=CREATE, kind=kind))
    job = house.job()
    assert house.until(job.id, every=20).status is JobStatus.SUCCEEDED
    assert len(house.plane.jobs) == 1
    assert "although its answer was lost" in house.said(job.id)


def test_a_file_that_is_never_taken_in_is_said_waited_for_and_given_up_after_a_day(build: Build) -> None:
    house = build(file_s=float("inf"))
    job = house.job()
    house.until(job.id, JobStatus.PREPARING)
    house.tick(10, every=60)
    assert house.look(job.id).note == "The backend is taking in the files.", "ten minutes are usual"
    house.tick(5, every=300)
    late = house.look(job.id)
    assert late.status is JobStatus.PREPARING
    assert re.search(r"has had the file file-\d+ for over half an hour, and still says 'pending' of it", late.note)
    house.restart()
    house.tick(3, every=600)
    assert "for over half an hour" in house.look(job.id).note, "a restart begins no other wait"
    failed = house.until(job.id, every=3600, limit=30)
    assert (failed.status, failed.reason) == (JobStatus.FAILED, JobReason.TIMED_OUT)
    assert "Nothing was trained or billed. Retry the job" in failed.message
    assert not house.plane.requests
    assert 24 <= (house.clock.now() - failed.created_at).total_seconds() / 3600 <= 26


def test_pausing_keeps_azures_word(build: Build) -> None:
    house = build(train_s=100.0)
    job = house.job()
    house.until(job.id, JobStatus.RUNNING)
    house.tick(3, every=5)
    with house.open() as scope:
        pausing.pause(scope, job.id)
    assert house.until(job.id, JobStatus.PAUSED).raw_status == "paused"
    with house.open() as scope:
        pausing.resume(scope, job.id)
    assert house.until(job.id).status is JobStatus.SUCCEEDED


def test_the_misleading_refusal_of_a_region_is_explained(build: Build) -> None:
    house = build()
    house.base_model = "gpt-4o-2024-08-06"
    job = house.until(house.job(options={"training_type": "Standard"}).id)
    assert (job.status, job.reason) == (JobStatus.FAILED, JobReason.INVALID_REQUEST)
    assert "choose Global Standard" in job.message


def test_an_open_model_answers_at_another_address(build: Build) -> None:
    house = build()
    house.base_model = "gpt-oss-20b"
    served = deploy(house, tuned(house), capacity=100)
    ready = until(house, served, DeploymentStatus.READY)
    assert "/openai/deployments/tunedesk-" in str(ready.endpoint)


def test_quota_that_is_missing_is_named(build: Build) -> None:
    house = build(quota=5)
    served = deploy(house, tuned(house), capacity=50)
    failed = until(house, served, DeploymentStatus.FAILED)
    assert "50 thousand tokens a minute of this SKU are needed in swedencentral" in failed.message


def test_a_developer_deployment_ends_after_a_day_and_is_made_again(build: Build) -> None:
    house = build()
    served = deploy(house, tuned(house), sku="DeveloperTier")
    ready = until(house, served, DeploymentStatus.READY)
    assert ready.cost_per_hour is not None
    house.tick(every=90_000)
    house.tick(2, every=1)
    assert until(house, served, DeploymentStatus.READY).restarts == 1


def test_the_resources_own_list_says_when_training_ends_and_the_radar_shows_it(build: Build) -> None:
    house = build(train_until=1_797_000_000)  # 11 December 2026, in less than 90 days
    tuned(house)
    backend = house.app_context.backends.of(house.connection)
    assert isinstance(backend, LooksUpModels)
    before = backend.base_model(house.base_model).lifecycle
    assert str(before.train_until) == "2027-04-14", "as the data has it"
    backend.refresh_catalog()
    waiting(lambda: backend.catalog_state().fetched_at is not None, doing="the look-up")
    life = backend.base_model(house.base_model).lifecycle
    assert (str(life.train_until), life.source) == ("2026-12-11", "the resource's own list of models")
    assert life.serve_until == before.serve_until, "what was tuned answers longer than its base"
    assert "It answers untuned until 2026-12-10." in life.note
    with house.open() as scope:
        drafts.create(scope, {"connection": house.connection.id, "base_model": house.base_model, "name": "soon"})
        (ending,) = [each for each in lifecycle.endings(scope) if each.kind == "draft"]
    assert str(ending.day) == "2026-12-11"


def test_the_doctor_tells_the_right_to_train_from_that_to_deploy(build: Build) -> None:
    house = build(may_deploy=False)
    found = doctor(house)
    assert (found["jobs"], found["deploy"]) == (CheckStatus.PASS, CheckStatus.FAIL)
    assert found["region"] is CheckStatus.PASS


def test_a_healthy_resource_passes_every_check(build: Build) -> None:
    house = build()
    assert set(doctor(house).values()) == {CheckStatus.PASS}
