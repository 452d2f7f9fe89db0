"""A training of this machine steered by the engine: stopped early, continued, its checkpoints given back."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.domain.errors import Conflict, Invalid
from app.domain.jobs import JobGoal, JobStatus
from app.engine.maintenance import KEYS_EVERY
from app.services import checkpoints, drafts, jobs, models, retention
from tests.support.steered import KEPT_DAYS, DemoClient


@pytest.fixture
def client(tmp_path: Path) -> Iterator[DemoClient]:
    made = DemoClient(tmp_path)
    yield made
    made.close()


def test_stopped_early_it_succeeds_with_a_model_and_says_so(client: DemoClient) -> None:
    job = client.submit()
    with client.app_context.open() as scope, pytest.raises(Conflict, match="Nothing has been trained yet"):
        jobs.stop(scope, job)
    client.trained(job, 2)
    ended = client.stopped(job)
    assert (ended.status, ended.goal) == (JobStatus.SUCCEEDED, JobGoal.STOPPED)
    assert ended.message.startswith("Stopped early as asked, after step 2 of 8.")
    assert client.model(ended).job == job
    with client.app_context.open() as scope:
        reported = [event.message for event in jobs.events(scope, job).items]
        assert "owner asked to stop, and to keep what has been learned." in reported
        assert jobs.stop(scope, job).status is JobStatus.SUCCEEDED  # asking again is fine
        with pytest.raises(Conflict, match="already succeeded"):
            jobs.cancel(scope, job)


def test_cancelled_after_it_was_asked_to_stop_it_is_cancelled(client: DemoClient) -> None:
    job = client.submit()
    client.trained(job, 1)
    (client.runs / job / "stubborn").touch()
    with client.app_context.open() as scope:
        jobs.cancel(scope, job)
    with client.app_context.open() as scope, pytest.raises(Conflict, match="being cancelled already"):
        jobs.stop(scope, job)


def test_a_tuned_model_is_trained_further_and_both_know_it(client: DemoClient) -> None:
    first = client.submit(name="triage")
    client.trained(first, 1)
    parent = client.model(client.stopped(first))
    with client.app_context.open() as scope:
        draft = drafts.of_model(scope, parent.id)
        assert (draft.values["base_model"], draft.values["name"]) == (parent.remote_id, "triage-2")
    with client.app_context.open() as scope:
        second = drafts.submit(scope, draft.id).id
    client.trained(second, 1)
    child = client.model(client.stopped(second))
    with client.app_context.open() as scope:
        found = models.parent(scope, child)
        assert found is not None
        assert found.id == parent.id
        assert [each.id for each in models.children(scope, parent)] == [child.id]
        assert models.parent(scope, parent) is None


def test_weights_below_an_adapter_are_not_torn_down(client: DemoClient) -> None:
    first = client.submit(name="below")
    client.trained(first, 1)
    below = client.model(client.stopped(first))
    project = below.project
    second = client.submit(name="above", base_model=below.remote_id, project=project, options={"adapter": "lora"})
    client.trained(second, 1)
    above = client.model(client.stopped(second))
    with client.app_context.open() as scope:
        assert models.teardown_plan(scope, below.id).blockers == (
            "The adapter 'above' stands upon these weights. Remove it first.",
        )
        with pytest.raises(Conflict, match="stands upon these weights"):
            models.teardown(scope, below.id, "below")
    with client.app_context.open() as scope:
        models.teardown(scope, above.id, "above")
    client.turned()
    with client.app_context.open() as scope:
        assert models.teardown_plan(scope, below.id).blockers == ()
        models.teardown(scope, below.id, "below")
    client.turned()
    assert not (client.runs / first / "model").exists()


def test_a_checkpoint_is_trained_further(client: DemoClient) -> None:
    first = client.submit()
    client.trained(first, 2)
    client.stopped(first)
    with client.app_context.open() as scope:
        draft = drafts.of_checkpoint(scope, first, 1)
        assert len(models.list_models(scope).items) == 1
    assert (draft.values["base_model"], draft.values["name"]) == (f"run:{first}@1", "tuned-2")
    assert not (client.runs / first / "model-1").exists()
    with client.app_context.open() as scope, pytest.raises(Conflict, match="no checkpoint at step 7"):
        drafts.of_checkpoint(scope, first, 7)
    with client.app_context.open() as scope:
        second = drafts.submit(scope, draft.id).id
    assert (client.runs / first / "model-1").is_dir()
    client.trained(second, 1)
    child = client.model(client.stopped(second))
    with client.app_context.open() as scope:
        parent = models.parent(scope, child)
        assert parent is not None
        assert (parent.job, parent.checkpoint_step) == (first, 1)
        assert jobs.retry(scope, second).spec.base_model == parent.remote_id
        assert len(models.list_models(scope).items) == 3


def test_a_checkpoint_that_went_before_the_submit_is_said_at_the_base_model(client: DemoClient) -> None:
    first = client.submit()
    client.trained(first, 2)
    client.stopped(first)
    with client.app_context.open() as scope:
        draft = drafts.of_checkpoint(scope, first, 1)
    with client.app_context.open() as scope:
        retention.discard(scope, first)
    with client.app_context.open() as scope, pytest.raises(Invalid, match="step 1 has been removed") as caught:
        drafts.submit(scope, draft.id)
    assert [each.pointer for each in caught.value.problems] == ["/base_model"]


def test_checkpoints_of_what_succeeded_go_after_their_time(client: DemoClient) -> None:
    done = client.submit()
    client.trained(done, 2)
    client.stopped(done)
    gone = client.submit()
    client.trained(gone, 2)
    with client.app_context.open() as scope, pytest.raises(Conflict, match="still under way"):
        retention.discard(scope, gone)
    with client.app_context.open() as scope:
        jobs.cancel(scope, gone)
    client.until_it(gone, lambda job: job.status.is_final)

    def present(job: str) -> list[int]:
        with client.app_context.open() as scope:
            return [each.step for each in checkpoints.of_job(scope, job) if each.present]

    assert (present(done), present(gone)) == ([1, 2], [1, 2])
    client.app_context.clock.turn(timedelta(days=KEPT_DAYS) + KEYS_EVERY)
    client.turned()
    assert (present(done), present(gone)) == ([], [1, 2])  # what was cancelled has nothing else
    assert not (client.runs / done / "checkpoints").exists()
    assert (client.runs / done / "model").exists()
    with client.app_context.open() as scope:
        retention.discard(scope, gone)
    assert present(gone) == []
    assert not (client.runs / gone / "checkpoints").exists()
