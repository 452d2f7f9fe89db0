"""The line of jobs takes turns between people, and tells nobody what others have in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from app.domain.actors import Actor, ProjectRole, Role
from app.domain.jobs import JobStatus
from app.services import datasets, jobs, queue
from app.services.queue import Move
from app.services.scope import Scope
from app.store import jobs as store
from app.store import schema
from tests.support.app_context import TestHouse, chats
from tests.support.connections import REHEARSAL_ID


@pytest.fixture
def line(app_context: TestHouse) -> dict[str, str]:
    """Three jobs of Ada's, then one of Bob's and one of Cleo's, all waiting; ids by a short name."""
    project, made = app_context.project("ours"), {}
    with app_context.open() as scope:
        rows = [chats(20, ("yes", "no"), "number {n}?")]
        dataset = datasets.upload(scope, name="rows", filename="rows.jsonl", chunks=rows, project=project).id
    for short in ("a1", "a2", "a3", "b1", "c1"):
        fields = app_context.fields(project=project, training_dataset=dataset, validation={"kind": "none"})
        actor = Actor(f"per_{short[0]}", Role.PERSON, short[0], {project: ProjectRole.MEMBER})
        with app_context.scopes.open(actor) as scope:
            made[short] = jobs.create(scope, {**fields, "name": short}).id
        app_context.clock.turn(timedelta(seconds=1))
    return made


def names(scope: Scope) -> list[str]:
    return [job.spec.name for job in queue.line(scope, REHEARSAL_ID)]


def start(house: TestHouse, identifier: str, status: JobStatus) -> None:
    """Write that a job was begun now."""
    with house.open() as scope:
        change = schema.jobs.update().where(schema.jobs.c.id == identifier)
        scope.write.execute(change.values(status=status.value, submit_started_at=scope.now()))
    house.clock.turn(timedelta(seconds=1))


def test_everybody_has_a_turn_before_anybody_has_two(app_context: TestHouse, line: dict[str, str]) -> None:
    with app_context.open() as scope:
        assert names(scope) == ["a1", "b1", "c1", "a2", "a3"]
        assert store.first_waiting(scope.read, REHEARSAL_ID) == line["a1"]


def test_whoever_waited_longest_for_a_start_is_next(app_context: TestHouse, line: dict[str, str]) -> None:
    for short, expected in (("a1", "b1"), ("b1", "c1"), ("c1", "a2"), ("a2", "a3")):
        start(app_context, line[short], JobStatus.SUCCEEDED)
        with app_context.open() as scope:
            assert store.first_waiting(scope.read, REHEARSAL_ID) == line[expected]
            assert names(scope)[0] == expected


def test_one_moves_among_ones_own(app_context: TestHouse, line: dict[str, str]) -> None:
    with app_context.open() as scope:
        queue.move(scope, line["a3"], Move.FRONT)
    with app_context.open() as scope:
        assert names(scope) == ["a3", "b1", "c1", "a1", "a2"]


def test_one_owner_has_one_line(app_context: TestHouse) -> None:
    project, dataset = app_context.project("ours"), app_context.dataset().id
    for number in range(3):
        with app_context.open() as scope:
            fields = app_context.fields(project=project, training_dataset=dataset, validation={"kind": "none"})
            jobs.create(scope, {**fields, "name": str(number)})
        app_context.clock.turn(timedelta(seconds=1))
    with app_context.open() as scope:
        assert names(scope) == ["0", "1", "2"]


@contextmanager
def heard(scope: Scope) -> Iterator[list[tuple[str, tuple[Any, ...]]]]:
    """Give the list that each statement about turns is written to, with its parameters, while the block lasts."""
    asked: list[tuple[str, tuple[Any, ...]]] = []

    def hear(_connection: object, _cursor: object, statement: str, parameters: tuple[Any, ...], *_: object) -> None:
        if "ORDER BY jobs.submit_started_at" in statement or "count(*)" in statement:
            asked.append((statement, parameters))

    event.listen(scope.read.engine, "before_cursor_execute", hear)
    yield asked
    event.remove(scope.read.engine, "before_cursor_execute", hear)


def test_whose_turn_it_is_is_known_without_a_look_at_what_is_over(app_context: TestHouse, line: dict[str, str]) -> None:
    start(app_context, line["a1"], JobStatus.RUNNING)
    plans: list[str] = []
    with app_context.open() as scope:
        with heard(scope) as asked:
            assert names(scope)[0] == "b1"
        for statement, parameters in asked:
            plans += [row[3] for row in scope.read.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    looks = [step for step in plans if "jobs" in step and "SUBQUERY" not in step]
    assert looks
    narrow = ("connection=? AND status=?", "connection=? AND created_by=?")
    assert [step for step in looks if not any(each in step for each in narrow)] == []


def test_a_line_of_another_number_of_people_asks_the_same(app_context: TestHouse) -> None:
    """SQLAlchemy keeps each statement: a server with thirty people at work kept more of them every minute."""
    texts: dict[int, list[str]] = {}
    with app_context.open() as scope:
        for people in range(2, 33):
            waiting = [(f"job_{n}", f"per_{n}") for n in range(people)]
            with heard(scope) as asked:
                assert len(store.in_turn(scope.read, REHEARSAL_ID, waiting)) == people
            texts[people] = [statement for statement, _ in asked]
    assert {len(each) for each in texts.values()} == {2}  # however many they are: a page asks this, too
    assert len({text for each in texts.values() for text in each}) == 1 + len({2, 4, 8, 16, 32})
