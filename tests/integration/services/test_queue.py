"""The line of waiting jobs: whoever is first is admitted first, and people say who that is."""

from datetime import timedelta

import pytest

from app.domain.errors import Conflict
from app.domain.jobs import JobStatus
from app.engine.engine import Engine
from app.services import jobs, queue
from app.services.queue import Move
from tests.support.app_context import TestHouse
from tests.support.connections import REHEARSAL_ID


def submitted(app_context: TestHouse, count: int, *, apart_s: float = 1.0) -> list[str]:
    """Record jobs, `apart_s` seconds one after the other; with 0, all in the same microsecond."""
    made, project, rows = [], app_context.project(), app_context.dataset().id
    for number in range(count):
        fields = app_context.fields(name=f"job-{number}", project=project, training_dataset=rows)
        with app_context.open() as scope:
            made.append(jobs.create(scope, fields).id)
        if apart_s:
            app_context.clock.turn(timedelta(seconds=apart_s))
    return made


def line(app_context: TestHouse) -> list[str]:
    with app_context.open() as scope:
        return [job.id for job in queue.line(scope, REHEARSAL_ID)]


def moved(app_context: TestHouse, job: str, to: Move) -> list[str]:
    with app_context.open() as scope:
        queue.move(scope, job, to)
    return line(app_context)


@pytest.mark.parametrize("apart_s", [1.0, 0.0], ids=["one after the other", "in the same microsecond"])
def test_each_move_does_what_it_says(app_context: TestHouse, apart_s: float) -> None:
    made = submitted(app_context, 4, apart_s=apart_s)
    a, b, c, d = line(app_context)  # of the same microsecond, the ids decide
    assert sorted(made) == sorted([a, b, c, d])
    assert moved(app_context, d, Move.FRONT) == [d, a, b, c]
    assert moved(app_context, d, Move.BACK) == [a, b, c, d]
    assert moved(app_context, a, Move.UP) == [a, b, c, d]
    assert moved(app_context, d, Move.DOWN) == [a, b, c, d]
    assert moved(app_context, d, Move.FRONT) == [d, a, b, c]
    with app_context.open() as scope:
        assert queue.position(scope, jobs.get(scope, a)) == (2, 4)


def test_neighbours_swap_positions(app_context: TestHouse) -> None:
    a, b, c = submitted(app_context, 3)
    assert moved(app_context, c, Move.UP) == [a, c, b]
    assert moved(app_context, a, Move.DOWN) == [c, a, b]
    assert moved(app_context, b, Move.BACK) == [c, a, b]


def test_who_was_moved_to_the_front_is_admitted_first(app_context: TestHouse, engine: Engine) -> None:
    made = submitted(app_context, 8)
    assert moved(app_context, made[-1], Move.FRONT)[0] == made[-1]
    engine.tick()
    with app_context.open() as scope:
        assert jobs.get(scope, made[-1]).status is not JobStatus.PENDING
        waiting = [job.id for job in queue.line(scope, REHEARSAL_ID)]
    assert made[-2] in waiting


def test_only_who_waits_is_moved(app_context: TestHouse) -> None:
    (job,) = submitted(app_context, 1)
    with app_context.open() as scope:
        jobs.cancel(scope, job)
    with app_context.open() as scope, pytest.raises(Conflict, match="is not in the queue"):
        queue.move(scope, job, Move.UP)
    with app_context.open() as scope:
        assert queue.position(scope, jobs.get(scope, job)) is None
