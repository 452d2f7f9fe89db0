"""A teardown is a row that falls due: it holds nobody up, is tried again later each time, and survives any death."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command

from app.backends.rehearsal import Fault, FaultKind, RehearsalBackend, Script
from app.domain.actors import OWNER
from app.domain.backend import RemoteJob, Unavailable
from app.domain.backend_abilities import DiscardsCheckpoints
from app.domain.jobs import JobStatus
from app.domain.models import FineTunedModel, ModelStatus
from app.engine.clockwork import Clockwork
from app.engine.engine import Engine
from app.services import checkpoints, engine_health, models
from app.services.scope import Backends, Scopes
from app.settings import ROOT
from app.store import models as store
from app.store.database import Database
from app.store.migrating import configuration
from tests.support.rehearsed import Rehearsed

Build = Callable[..., Rehearsed]
PATIENCE_S = 60


class Slow(RehearsalBackend):
    """A provider that takes as long as the test wants to remove a model."""

    def __init__(self, folder: Path, app_context: Rehearsed) -> None:
        super().__init__(folder, clock=app_context.clock, script=Script())
        self.asked, self.may_go = threading.Event(), threading.Event()

    def discard_model(self, model: str) -> None:
        self.asked.set()
        self.may_go.wait(2 * PATIENCE_S)
        super().discard_model(model)


@pytest.fixture
def slow(build: Build) -> Iterator[tuple[Rehearsed, Slow]]:
    """Give a house whose provider removes models slowly; nothing waits for it at the end."""
    app_context = build()
    backend = Slow(app_context.backend.folder, app_context)
    app_context.app_context.backends.built_in["rehearsal"] = app_context.backend = backend
    yield app_context, backend
    backend.may_go.set()


def torn_down(app_context: Rehearsed) -> str:
    """Train a model and ask for its teardown; return its id."""
    job = app_context.until(app_context.job().id)
    with app_context.open() as scope:
        model = models.get(scope, job.fine_tuned_model or "")
        models.teardown(scope, model.id, model.name)
    return model.id


def model_of(app_context: Rehearsed, identifier: str) -> FineTunedModel:
    with app_context.scopes.open(OWNER) as scope:
        return models.get(scope, identifier)


def discards(app_context: Rehearsed) -> int:
    return [each.call for each in app_context.backend.ledger.entries()].count("discard_model")


async def becomes(condition: Callable[[], bool], clockwork: Clockwork) -> bool:
    """Tell whether a condition comes true within some seconds, nudging the clockwork after each look."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not await asyncio.to_thread(condition):
                clockwork.nudge()
    except TimeoutError:
        return False
    return True


def test_while_a_provider_removes_a_model_everything_else_goes_on(slow: tuple[Rehearsed, Slow]) -> None:
    app_context, backend = slow
    model = torn_down(app_context)
    clockwork = Clockwork(app_context.scopes, interval_s=3600)
    seen: list[bool] = []

    async def main() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(clockwork.run(stop))
        seen.append(await becomes(backend.asked.is_set, clockwork))
        job = await asyncio.to_thread(app_context.job, "meanwhile")
        seen.append(await becomes(lambda: app_context.look(job.id).status is not JobStatus.PENDING, clockwork))
        backend.may_go.set()
        stop.set()
        await running

    asyncio.run(main())
    assert seen == [True, True]
    assert model_of(app_context, model).status is ModelStatus.DELETING


def test_it_is_begun_once_and_taken_in_when_it_is_done(slow: tuple[Rehearsed, Slow]) -> None:
    app_context, backend = slow
    model = torn_down(app_context)
    app_context.tick(5)
    assert (model_of(app_context, model).status, discards(app_context)) == (ModelStatus.DELETING, 0)
    backend.may_go.set()
    app_context.engine.tasks.wait()
    app_context.tick(2)
    assert (model_of(app_context, model).status, discards(app_context)) == (ModelStatus.DELETED, 1)
    assert model_of(app_context, model).next_look_at is None


def test_a_refused_one_waits_longer_each_time_also_in_the_next_process(build: Build) -> None:
    app_context = build(Fault(call="discard_model", kind=FaultKind.UNAVAILABLE, times=2))
    model = torn_down(app_context)
    app_context.tick()
    app_context.engine.tasks.wait()
    app_context.tick(2)
    seen = model_of(app_context, model)
    assert (seen.status, seen.attempts) == (ModelStatus.DELETING, 1)
    assert seen.failing_since is not None
    assert "Rehearsal: " in seen.note
    with app_context.open() as scope:
        assert [(each.table, each.id) for each in engine_health.health(scope).retrying] == [("models", model)]
    heir = app_context.again()
    heir.engine.take_over()
    assert heir.engine.tick() == 0, "it is not due yet"
    heir.tick(4)
    heir.engine.tasks.wait()
    heir.tick(2)
    assert model_of(heir, model).attempts == 2
    with heir.open() as scope:
        engine_health.look_now(scope, "models", model)
    heir.engine.tick()
    heir.engine.tasks.wait()
    heir.tick(2)
    done = model_of(heir, model)
    assert (done.status, done.note, done.attempts, done.failing_since) == (ModelStatus.DELETED, "", 0, None)
    assert len(heir.journal(model, "note")) == 2, "that it was made, and the first try that failed"


def test_one_that_died_before_it_was_recorded_goes_on(build: Build) -> None:
    app_context = build()
    model = torn_down(app_context)
    app_context.tick()
    app_context.engine.tasks.wait()
    assert discards(app_context) == 1
    heir = app_context.again()
    heir.engine.take_over()
    heir.tick(2)
    heir.engine.tasks.wait()
    heir.tick(2)
    assert model_of(heir, model).status is ModelStatus.DELETED
    assert [each.message for each in heir.journal(model, "status")] == ["deleted"]


def test_one_that_somebody_ended_by_hand_meanwhile_is_not_recorded_twice(slow: tuple[Rehearsed, Slow]) -> None:
    app_context, backend = slow
    model = torn_down(app_context)
    app_context.tick()
    backend.may_go.set()
    with app_context.open() as scope:
        models.delete(scope, model)
    app_context.engine.tasks.wait()
    app_context.tick(3)
    assert [each.message for each in app_context.journal(model, "status")] == ["deleted"]
    assert model_of(app_context, model).next_look_at is None


def test_what_came_of_an_earlier_teardown_is_not_taken_for_a_later_one(slow: tuple[Rehearsed, Slow]) -> None:
    app_context, backend = slow
    model = torn_down(app_context)
    app_context.tick()
    backend.may_go.set()
    with app_context.open() as scope:
        models.delete(scope, model)
    app_context.engine.tasks.wait()
    app_context.tick(2)
    with app_context.open() as scope:  # its weights are there again, as after "Save as model" from its checkpoint
        store.save(scope.write, replace(model_of(app_context, model), status=ModelStatus.PRESENT, deleted_at=None))
    with app_context.open() as scope:
        models.teardown(scope, model, model_of(app_context, model).name)
    before = discards(app_context)
    app_context.tick()
    app_context.engine.tasks.wait()
    app_context.tick(2)
    assert discards(app_context) == before + 1
    assert model_of(app_context, model).status is ModelStatus.DELETED


class Giving(RehearsalBackend, DiscardsCheckpoints):
    """A provider that gives the space of checkpoints back, at the second try."""

    tries = 0

    def discard_checkpoints(self, job: RemoteJob) -> None:
        self.tries += 1
        if self.tries == 1:
            raise Unavailable(f"{job.id} is busy.")


def test_giving_space_back_is_tried_again_and_done_once(build: Build) -> None:
    app_context = build()
    app_context.backend = backend = Giving(app_context.backend.folder, clock=app_context.clock, script=Script())
    app_context.app_context = replace(app_context.app_context, backends=Backends([backend]), checkpoint_days=1)
    app_context.scopes = Scopes(app_context.app_context)
    app_context.engine = Engine(app_context.scopes)
    job = app_context.until(app_context.job().id).id
    app_context.tick(1, every=timedelta(days=1, hours=1))
    app_context.tick(1)
    app_context.engine.tasks.wait()
    app_context.tick(2)
    seen = app_context.look(job)
    assert (seen.status, seen.attempts, seen.note) == (JobStatus.SUCCEEDED, 1, f"{seen.remote_id} is busy.")
    app_context.tick(4)
    app_context.engine.tasks.wait()
    app_context.tick(2)
    seen = app_context.look(job)
    assert (seen.status, seen.attempts, seen.note, seen.next_look_at) == (JobStatus.SUCCEEDED, 0, "", None)
    with app_context.open() as scope:
        assert not any(each.present for each in checkpoints.of_job(scope, job))
    app_context.tick(1, every=timedelta(hours=2))
    app_context.tick(2)
    assert backend.tries == 2


def test_one_under_way_in_an_older_database_is_due_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'older.sqlite3'}"
    config = configuration(url, ROOT / "migrations")
    command.upgrade(config, "0008")
    database = Database(url)
    with database.writers.connect() as tx:
        tx.exec_driver_sql("ROLLBACK")
        tx.exec_driver_sql("PRAGMA foreign_keys=OFF")
        tx.exec_driver_sql("BEGIN IMMEDIATE")
        for status in ModelStatus:
            tx.exec_driver_sql(
                "INSERT INTO models (id, remote_id, status, name, project, connection, base_model, adapter, created_at)"
                " VALUES (?, ?, ?, 'm', 'p', 'c', 'b', 'none', 0)",
                (status.value, status.value, status.value),
            )
        tx.commit()
    database.close()
    command.upgrade(config, "head")
    database = Database(url)
    with database.reading() as tx:
        due = tx.exec_driver_sql("SELECT id FROM models WHERE due_at <= 0").scalars().all()
    database.close()
    assert due == [ModelStatus.DELETING.value]


def test_a_task_that_calls_out_keeps_no_file_waiting(slow: tuple[Rehearsed, Slow]) -> None:
    app_context, backend = slow
    for _ in range(3):
        torn_down(app_context)
    app_context.tick(2, every=timedelta(seconds=2))
    assert backend.asked.wait(PATIENCE_S)
    app_context.engine.tasks.from_bytes = 0
    job = app_context.job("large", validation={"kind": "split", "ratio": 0.2, "test_ratio": 0.2, "seed": 7})
    moved = threading.Event()

    def split() -> None:
        while app_context.look(job.id).parts is None and not moved.is_set():
            app_context.tick()
        moved.set()

    turning = threading.Thread(target=split)
    turning.start()
    done = moved.wait(PATIENCE_S)
    moved.set()
    turning.join()
    assert done
