"""The line of waiting jobs: whoever is first is admitted first, and people say who that is."""

from datetime import timedelta

import pytest

from app.domain.connections import REHEARSAL_ID
from app.domain.errors import Conflict
from app.domain.jobs import JobStatus
from app.engine.engine import Engine
from app.services import jobs, queue
from app.services.queue import Move
from tests.support.house import TestHouse


def submitted(house: TestHouse, count: int, *, apart_s: float = 1.0) -> list[str]:
    """Record jobs, `apart_s` seconds one after the other; with 0, all in the same microsecond."""
    made, project, rows = [], house.project(), house.dataset().id
    for number in range(count):
        fields = house.fields(name=f"job-{number}", project=project, training_dataset=rows)
        with house.open() as scope:
            made.append(jobs.create(scope, fields).id)
        if apart_s:
            house.clock.turn(timedelta(seconds=apart_s))
    return made


def line(house: TestHouse) -> list[str]:
    with house.open() as scope:
        return [job.id for job in queue.line(scope, REHEARSAL_ID)]


def moved(house: TestHouse, job: str, to: Move) -> list[str]:
    with house.open() as scope:
        queue.move(scope, job, to)
    return line(house)


@pytest.mark.parametrize("apart_s", [1.0, 0.0], ids=["one after the other", "in the same microsecond"])
def test_each_move_does_what_it_says(house: TestHouse, apart_s: float) -> None:
    made = submitted(house, 4, apart_s=apart_s)
    a, b, c, d = line(house)  # of the same microsecond, the ids decide
    assert sorted(made) == sorted([a, b, c, d])
    assert moved(house, d, Move.FRONT) == [d, a, b, c]
    assert moved(house, d, Move.BACK) == [a, b, c, d]
    assert moved(house, a, Move.UP) == [a, b, c, d]
    assert moved(house, d, Move.DOWN) == [a, b, c, d]
    assert moved(house, d, Move.FRONT) == [d, a, b, c]
    with house.open() as scope:
        assert queue.place(scope, jobs.get(scope, a)) == (2, 4)


def test_neighbours_change_places(house: TestHouse) -> None:
    a, b, c = submitted(house, 3)
    assert moved(house, c, Move.UP) == [a, c, b]
    assert moved(house, a, Move.DOWN) == [c, a, b]
    assert moved(house, b, Move.BACK) == [c, a, b]


def test_who_was_moved_to_the_front_is_admitted_first(house: TestHouse, engine: Engine) -> None:
    made = submitted(house, 8)
    assert moved(house, made[-1], Move.FRONT)[0] == made[-1]
    engine.tick()
    with house.open() as scope:
        assert jobs.get(scope, made[-1]).status is not JobStatus.PENDING
        waiting = [job.id for job in queue.line(scope, REHEARSAL_ID)]
    assert made[-2] in waiting


def test_only_who_waits_is_moved(house: TestHouse) -> None:
    (job,) = submitted(house, 1)
    with house.open() as scope:
        jobs.cancel(scope, job)
    with house.open() as scope, pytest.raises(Conflict, match="waits in no line"):
        queue.move(scope, job, Move.UP)
    with house.open() as scope:
        assert queue.place(scope, jobs.get(scope, job)) is None
