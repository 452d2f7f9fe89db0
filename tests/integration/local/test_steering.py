"""A training of this machine steered by the engine: stopped early, continued, its checkpoints given back."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from app.domain.connections import LOCAL_ID
from app.domain.errors import Conflict
from app.domain.jobs import FineTuningJob, JobGoal, JobStatus
from app.domain.models import FineTunedModel
from app.engine.engine import Engine
from app.engine.housekeeping import KEYS_EVERY
from app.services import drafts, jobs, models, retention
from tests.support import local
from tests.support.house import TestHouse
from tests.support.waiting import until

KEPT_DAYS = 30


class Desk:
    """A house whose one backend is this machine, with trainings that are moved by files."""

    def __init__(self, folder: Path) -> None:
        self.runs = folder / "runs"
        interpreter = local.stand_in(folder, local.ROOT / "tests" / "support" / "stand_in_trainer.py")
        self.house = TestHouse(folder, {"local": local.backend_over(self.runs, interpreter)}, checkpoint_days=KEPT_DAYS)
        self.engine = Engine(self.house.scopes)

    def submit(self, **changes: object) -> str:
        fields = self.house.fields(
            connection=LOCAL_ID, base_model="builtin:starter", validation={"kind": "none"}, **changes
        )
        with self.house.open() as scope:
            return jobs.create(scope, fields).id

    def job(self, identifier: str) -> FineTuningJob:
        with self.house.open() as scope:
            return jobs.get(scope, identifier)

    def until_it(self, identifier: str, is_so: Callable[[FineTuningJob], bool]) -> FineTuningJob:
        """Turn clock and engine until a job is as wished."""

        def look() -> FineTuningJob | None:
            self.house.clock.turn(timedelta(seconds=2))
            self.engine.tick()
            job = self.job(identifier)
            return job if is_so(job) else None

        return until(look, doing="the job's way")

    def trained(self, identifier: str, steps: int) -> FineTuningJob:
        """Let a job train so many steps, a checkpoint after each."""
        self.until_it(identifier, lambda job: job.status is JobStatus.RUNNING)
        for step in range(1, steps + 1):
            for word in ("saves", "step"):
                (self.runs / identifier / word).touch()
            self.until_it(identifier, partial(_has_reached, step))
        return self.job(identifier)

    def stopped(self, identifier: str) -> FineTuningJob:
        with self.house.open() as scope:
            jobs.stop(scope, identifier)
        return self.until_it(identifier, lambda job: job.status.is_final)

    def model(self, job: FineTuningJob) -> FineTunedModel:
        with self.house.open() as scope:
            return models.get(scope, job.fine_tuned_model or "")


def _has_reached(step: int, job: FineTuningJob) -> bool:
    return (job.progress.step or 0) >= step


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    local.end_all(made.runs)
    made.house.database.close()


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
