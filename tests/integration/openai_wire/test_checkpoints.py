"""Checkpoints of a provider that keeps the weights are models: deployed, asked, and removed in the right order."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.domain.deployments import DeploymentStatus
from app.domain.errors import Conflict
from app.domain.models import FineTunedModel, ModelStatus
from app.services import checkpoints, deployments, models
from tests.support.door import visiting
from tests.support.openai_plane.azure import AzureScript
from tests.support.openai_plane.azure_bench import azure_house
from tests.support.openai_plane.house import WireHouse, openai_house
from tests.support.openai_plane.script import Script
from tests.support.spending import ANYTHING


@pytest.fixture(params=[False, True], ids=["openai", "azure"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WireHouse]:
    """A house that is connected to one of both."""
    with ExitStack() as stack:
        azure = azure_house(tmp_path, AzureScript()) if request.param else None
        yield stack.enter_context(azure or openai_house(tmp_path, Script()))


def made(house: WireHouse) -> tuple[FineTunedModel, FineTunedModel]:
    """Return the model of a job, and that of its first checkpoint."""
    job = house.until(house.job().id)
    with house.open() as scope:
        first = checkpoints.of_job(scope, job)[0]
    with house.open() as scope:
        step = checkpoints.make_model(scope, job.id, first.step)
    with house.open() as scope:
        assert checkpoints.make_model(scope, job.id, first.step).id == step.id, "asking again finds the first"
        return models.get(scope, str(job.fine_tuned_model)), step


def test_a_checkpoint_is_deployed_and_the_job_not_removed_under_it(house: WireHouse) -> None:
    result, step = made(house)
    is_azure = house.kind.profile.id == "azure_openai"
    assert step.remote_id.startswith("ftchkpt-") is is_azure
    assert (step.checkpoint_step, step.remote_id == result.remote_id) == (10, False)
    with house.open() as scope:
        served = deployments.create(scope, target={"model": step.id}, accepted=ANYTHING).id
    for _ in range(60):
        house.tick(every=15.0)
        with house.open() as scope:
            if deployments.get(scope, served).status is DeploymentStatus.READY:
                break
    with house.open() as scope:
        assert deployments.get(scope, served).status is DeploymentStatus.READY
        assert bool(models.teardown_plan(scope, result.id).blockers) is is_azure
    if is_azure:
        for act in (lambda scope: models.delete(scope, result.id), lambda scope: teardown(scope, result)):
            with pytest.raises(Conflict, match="checkpoint of the same job"), house.open() as scope:
                act(scope)
    for model in (step, result):
        with house.open() as scope:
            models.teardown(scope, model.id, model.name)
        until_gone(house, model.id)


def teardown(scope: object, model: FineTunedModel) -> None:
    models.teardown(scope, model.id, model.name)  # type: ignore[arg-type]


def until_gone(house: WireHouse, model: str) -> None:
    for _ in range(60):
        with house.open() as scope:
            if models.get(scope, model).status is ModelStatus.DELETED:
                return
        house.tick(every=5.0)
        house.engine.tasks.wait()
    raise AssertionError("it was never torn down")


def test_the_last_checkpoint_of_openai_is_the_result(tmp_path: Path) -> None:
    with openai_house(tmp_path, Script()) as house:
        job = house.until(house.job().id)
        with house.open() as scope:
            last = checkpoints.of_job(scope, job)[-1]
        with house.open() as scope:
            assert checkpoints.make_model(scope, job.id, last.step).id == job.fine_tuned_model
        with visiting(house.scopes) as client:
            assert "Save as model" in client.get(f"/jobs/{job.id}").text
            answer = client.post(f"/jobs/{job.id}/checkpoints/{last.step}/model")
            assert answer.headers["location"].startswith(f"/models/{job.fine_tuned_model}")


def test_a_training_that_is_over_has_taken_as_many_steps_as_it_had(house: WireHouse) -> None:
    job = house.until(house.job().id)
    assert job.progress.step == job.progress.steps == house.plane.script.steps


def test_the_tokens_that_the_provider_counted_are_shown(house: WireHouse) -> None:
    job = house.until(house.job().id)
    (there,) = house.plane.jobs.values()
    assert job.progress.trained_tokens == house.plane.job_body(there)["trained_tokens"]
    assert job.progress.trained_tokens
    with visiting(house.scopes) as client:
        assert client.get(f"/api/v1/jobs/{job.id}").json()["progress"]["trained_tokens"] == job.progress.trained_tokens
        shown = client.get(f"/jobs/{job.id}").text
    assert "counted by the provider" in shown.partition("Trained tokens")[2][:300]
