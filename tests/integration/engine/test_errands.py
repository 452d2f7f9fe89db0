"""A split or a conversion that may outlast a lease is begun once and looked at; it neither blocks nor repeats."""

import threading
from collections.abc import Callable

import pytest

from app.domain.jobs import FineTuningJob, JobStatus
from app.engine.errands import Errands, UnderWay
from app.kit.crash_points import CrashPoint, watched
from app.services import jobs
from tests.support.rehearsed import Rehearsed

Build = Callable[..., Rehearsed]
SPLIT = {"kind": "split", "ratio": 0.2, "test_ratio": 0.2, "seed": 7}


@pytest.fixture
def errands() -> Errands:
    """Give errands of their own."""
    return Errands()


def test_an_errand_is_begun_once_and_told_once(errands: Errands) -> None:
    go, begun = threading.Event(), []

    def errand() -> str:
        begun.append(1)
        go.wait(20)
        return "done"

    for _ in range(3):
        with pytest.raises(UnderWay):
            errands.result("a", errand)
    go.set()
    errands.wait()
    assert errands.result("a", errand) == "done"
    assert begun == [1]
    errands.close()


def test_an_errand_that_fails_raises_once_and_may_be_begun_anew(errands: Errands) -> None:
    def errand() -> str:
        raise ValueError("no")

    with pytest.raises(UnderWay):
        errands.result("a", errand)
    errands.wait()
    with pytest.raises(ValueError, match="no"):
        errands.result("a", errand)
    with pytest.raises(UnderWay):
        errands.result("a", errand)
    errands.wait()
    errands.close()


def large(house: Rehearsed) -> FineTuningJob:
    """Record a job whose rows count as too many to be worked on within a turn."""
    house.engine.errands.from_bytes = 0
    return house.job(validation=SPLIT)


def test_a_long_split_and_a_long_conversion_are_made_beside_the_turns(build: Build) -> None:
    house = build()
    job, begun, go, points = large(house), threading.Event(), threading.Event(), []

    def hold(point: CrashPoint) -> None:
        points.append(point)
        if point is CrashPoint.SPLIT_HALF_MADE:
            begun.set()
            go.wait(20)

    with watched(hold):
        house.tick(5)
        waiting = house.look(job.id)
        assert (waiting.status, waiting.note) == (JobStatus.PREPARING, "The rows are being made ready.")
        assert begun.wait(20)
        assert points.count(CrashPoint.SPLIT_HALF_MADE) == 1, "five turns looked, one began"
        go.set()
        for _ in range(6):
            house.engine.errands.wait()
            house.tick()
    assert points.count(CrashPoint.SPLIT_HALF_MADE) == 3
    assert points.count(CrashPoint.CONVERSION_HALF_WRITTEN) == 2
    assert house.until(job.id).status is JobStatus.SUCCEEDED
    assert len(house.accepted(job.id)) == 1


def test_a_job_that_is_cancelled_meanwhile_forgets_its_errand(build: Build) -> None:
    house = build()
    job, go = large(house), threading.Event()

    def hold(point: CrashPoint) -> None:
        if point is CrashPoint.SPLIT_HALF_MADE:
            go.wait(20)

    with watched(hold):
        house.tick(3)
        with house.open() as scope:
            jobs.cancel(scope, job.id)
        house.tick(2)
        assert house.look(job.id).status is JobStatus.CANCELLED
        go.set()
        house.engine.errands.wait()


def test_the_server_may_die_within_either(build: Build) -> None:
    house = build()
    job = large(house)
    house.tick(2)
    heir = house.again()
    heir.engine.errands.from_bytes = 0
    heir.engine.take_over()
    for _ in range(8):
        heir.engine.errands.wait()
        heir.tick()
    assert heir.until(job.id).status is JobStatus.SUCCEEDED
    heir.engine.errands.close()
    house.engine.errands.wait()


def test_halves_of_earlier_turns_are_cleared_away(build: Build) -> None:
    house = build()
    job = house.job()
    folder = house.house.files.run_folder(job.id) / "input"
    folder.mkdir()
    (folder / "training.0.part").write_bytes(b"half")
    (folder / "training.999999.part").write_bytes(b"of a later turn")
    house.until(job.id, JobStatus.QUEUED, JobStatus.RUNNING)
    assert sorted(path.name for path in folder.iterdir()) == ["training.999999.part", "training.jsonl"]
