"""A training of this machine steered by the engine: stopped early, continued, its checkpoints given back."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.domain.errors import Conflict
from app.domain.jobs import JobGoal, JobStatus
from app.engine.housekeeping import KEYS_EVERY
from app.services import drafts, jobs, models, retention
from tests.support.steered import KEPT_DAYS, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.close()


def test_stopped_early_it_succeeds_with_a_model_and_says_so(desk: Desk) -> None:
    job = desk.submit()
    with desk.house.open() as scope, pytest.raises(Conflict, match="Nothing has been trained yet"):
        jobs.stop(scope, job)
    desk.trained(job, 2)
    ended = desk.stopped(job)
    assert (ended.status, ended.goal) == (JobStatus.SUCCEEDED, JobGoal.STOPPED)
    assert ended.message.startswith("Stopped early as asked, after step 2 of 8.")
    assert desk.model(ended).job == job
    with desk.house.open() as scope:
        told = [event.message for event in jobs.events(scope, job).items]
        assert "owner asked to stop, and to keep what has been learned." in told
        assert jobs.stop(scope, job).status is JobStatus.SUCCEEDED  # asking again is fine
        with pytest.raises(Conflict, match="already succeeded"):
            jobs.cancel(scope, job)


def test_cancelled_after_it_was_asked_to_stop_it_is_cancelled(desk: Desk) -> None:
    job = desk.submit()
    desk.trained(job, 1)
    (desk.runs / job / "stubborn").touch()
    with desk.house.open() as scope:
        jobs.cancel(scope, job)
    with desk.house.open() as scope, pytest.raises(Conflict, match="being cancelled already"):
        jobs.stop(scope, job)


def test_a_tuned_model_is_trained_further_and_both_know_it(desk: Desk) -> None:
    first = desk.submit(name="triage")
    desk.trained(first, 1)
    parent = desk.model(desk.stopped(first))
    with desk.house.open() as scope:
        draft = drafts.of_model(scope, parent.id)
        assert (draft.values["base_model"], draft.values["name"]) == (parent.remote_id, "triage-2")
    with desk.house.open() as scope:
        second = drafts.submit(scope, draft.id).id
    desk.trained(second, 1)
    child = desk.model(desk.stopped(second))
    with desk.house.open() as scope:
        found = models.parent(scope, child)
        assert found is not None
        assert found.id == parent.id
        assert [each.id for each in models.children(scope, parent)] == [child.id]
        assert models.parent(scope, parent) is None


def test_weights_below_an_adapter_are_not_torn_down(desk: Desk) -> None:
    first = desk.submit(name="below")
    desk.trained(first, 1)
    below = desk.model(desk.stopped(first))
    project = below.project
    second = desk.submit(name="above", base_model=below.remote_id, project=project, options={"adapter": "lora"})
    desk.trained(second, 1)
    above = desk.model(desk.stopped(second))
    with desk.house.open() as scope:
        assert models.teardown_plan(scope, below.id).blockers == (
            "The adapter 'above' stands upon these weights. Remove it first.",
        )
        with pytest.raises(Conflict, match="stands upon these weights"):
            models.teardown(scope, below.id, "below")
    with desk.house.open() as scope:
        models.teardown(scope, above.id, "above")
    desk.engine.tick()
    with desk.house.open() as scope:
        assert models.teardown_plan(scope, below.id).blockers == ()
        models.teardown(scope, below.id, "below")
    desk.engine.tick()
    assert not (desk.runs / first / "model").exists()


def test_a_checkpoint_is_trained_further(desk: Desk) -> None:
    first = desk.submit()
    desk.trained(first, 2)
    desk.stopped(first)
    with desk.house.open() as scope:
        draft = drafts.of_checkpoint(scope, first, 1)
    assert draft.values["base_model"] == f"run:{first}@1"
    with desk.house.open() as scope, pytest.raises(Conflict, match="no checkpoint at step 7"):
        drafts.of_checkpoint(scope, first, 7)


def test_checkpoints_of_what_succeeded_go_after_their_time(desk: Desk) -> None:
    done = desk.submit()
    desk.trained(done, 2)
    desk.stopped(done)
    gone = desk.submit()
    desk.trained(gone, 2)
    with desk.house.open() as scope, pytest.raises(Conflict, match="still under way"):
        retention.discard(scope, gone)
    with desk.house.open() as scope:
        jobs.cancel(scope, gone)
    desk.until_it(gone, lambda job: job.status.is_final)

    def present(job: str) -> list[int]:
        with desk.house.open() as scope:
            return [each.step for each in jobs.checkpoints(scope, job) if each.present]

    assert (present(done), present(gone)) == ([1, 2], [1, 2])
    desk.house.clock.turn(timedelta(days=KEPT_DAYS) + KEYS_EVERY)
    desk.engine.tick()
    assert (present(done), present(gone)) == ([], [1, 2])  # what was cancelled has nothing else
    assert not (desk.runs / done / "checkpoints").exists()
    assert (desk.runs / done / "model").exists()
    with desk.house.open() as scope:
        retention.discard(scope, gone)
    assert present(gone) == []
    assert not (desk.runs / gone / "checkpoints").exists()
