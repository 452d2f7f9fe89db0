"""A split or a conversion that may outlast a lease is begun once and looked at; it neither blocks nor repeats."""

import threading
from collections.abc import Callable

import pytest

from app.domain.jobs import FineTuningJob, JobStatus
from app.engine.background_tasks import BackgroundTasks, NotReady
from app.kit.crash_points import CrashPoint, watched
from app.services import jobs
from tests.support.rehearsed import Rehearsed

Build = Callable[..., Rehearsed]
SPLIT = {"kind": "split", "ratio": 0.2, "test_ratio": 0.2, "seed": 7}


@pytest.fixture
def tasks() -> BackgroundTasks:
    """Give errands of their own."""
    return BackgroundTasks()


def test_a_task_is_begun_once_and_reported_once(tasks: BackgroundTasks) -> None:
    go, begun = threading.Event(), []

    def task() -> str:
        begun.append(1)
        go.wait(20)
        return "done"

    for _ in range(3):
        with pytest.raises(NotReady):
            tasks.result("a", task)
    go.set()
    tasks.wait()
    assert tasks.result("a", task) == "done"
    assert begun == [1]
    tasks.close()


def test_a_task_that_fails_raises_once_and_may_be_begun_anew(tasks: BackgroundTasks) -> None:
    def task() -> str:
        raise ValueError("no")

    with pytest.raises(NotReady):
        tasks.result("a", task)
    tasks.wait()
    with pytest.raises(ValueError, match="no"):
        tasks.result("a", task)
    with pytest.raises(NotReady):
        tasks.result("a", task)
    tasks.wait()
    tasks.close()


def large(app_context: Rehearsed) -> FineTuningJob:
    """Record a job whose rows count as too many to be worked on within a turn."""
    app_context.engine.tasks.from_bytes = 0
    return app_context.job(validation=SPLIT)


def test_a_long_split_and_a_long_conversion_are_made_beside_the_turns(build: Build) -> None:
    app_context = build()
    job, begun, go, points = large(app_context), threading.Event(), threading.Event(), []

    def hold(point: CrashPoint) -> None:
        points.append(point)
        if point is CrashPoint.SPLIT_HALF_MADE:
            begun.set()
            go.wait(20)

    with watched(hold):
        app_context.tick(5)
        waiting = app_context.look(job.id)
        assert (waiting.status, waiting.note) == (JobStatus.PREPARING, "The rows are being made ready.")
        assert begun.wait(20)
        assert points.count(CrashPoint.SPLIT_HALF_MADE) == 1, "five turns looked, one began"
        go.set()
        for _ in range(6):
            app_context.engine.tasks.wait()
            app_context.tick()
    assert points.count(CrashPoint.SPLIT_HALF_MADE) == 3
    assert points.count(CrashPoint.CONVERSION_HALF_WRITTEN) == 2
    assert app_context.until(job.id).status is JobStatus.SUCCEEDED
    assert len(app_context.accepted(job.id)) == 1


def test_a_job_that_is_cancelled_meanwhile_forgets_its_task(build: Build) -> None:
    app_context = build()
    job, go = large(app_context), threading.Event()

    def hold(point: CrashPoint) -> None:
        if point is CrashPoint.SPLIT_HALF_MADE:
            go.wait(20)

    with watched(hold):
        app_context.tick(3)
        with app_context.open() as scope:
            jobs.cancel(scope, job.id)
        app_context.tick(2)
        assert app_context.look(job.id).status is JobStatus.CANCELLED
        go.set()
        app_context.engine.tasks.wait()


def test_the_server_may_die_within_either(build: Build) -> None:
    app_context = build()
    job = large(app_context)
    app_context.tick(2)
    heir = app_context.again()
    heir.engine.tasks.from_bytes = 0
    heir.engine.take_over()
    for _ in range(8):
        heir.engine.tasks.wait()
        heir.tick()
    assert heir.until(job.id).status is JobStatus.SUCCEEDED
    heir.engine.tasks.close()
    app_context.engine.tasks.wait()
