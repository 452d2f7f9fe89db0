"""What nobody needs is noticed, left alone for a while, and then cleared away; what is not ours is never touched."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.backends.local.backend import LocalBackend
from app.domain.actors import ENGINE, OWNER
from app.domain.errors import Conflict, NotFound
from app.domain.runs import KEPT_FOR, STOPPED_AFTER, OrphanRun, OrphanRunReason
from app.engine.engine import Engine
from app.engine.orphan_gc import AGAIN
from app.services import connections, jobs, orphan_runs
from app.services.scope import Backends, Scopes
from app.training import run_lock
from tests.campaigns import stand_in_child
from tests.support.app_context import TestHouse
from tests.support.local import backend_over, end_all, stand_in
from tests.support.waiting import until


class Workplace:
    """A house with this machine's backend, children that need no torch, and its engine in hand."""

    def __init__(self, app_context: TestHouse, folder: Path) -> None:
        self.app_context = app_context
        self.runs = app_context.app_context.files.runs
        self.backend: LocalBackend = backend_over(
            self.runs, stand_in(folder, Path(stand_in_child.__file__)), clock=app_context.clock
        )
        whole = replace(app_context.app_context, backends=Backends([app_context.backend, self.backend]))
        self.scopes = Scopes(whole)
        with self.scopes.open(ENGINE) as scope:
            connections.ensure_built_in(scope)
        self.engine = Engine(self.scopes)

    def sweep(self, later: timedelta = timedelta(0)) -> list[OrphanRun]:
        """Turn the clock, let the engine sweep, and return what remains."""
        self.app_context.clock.turn(later)
        for _ in range(2):
            self.engine.tick()
            self.engine.tasks.wait()
        with self.scopes.open(OWNER) as scope:
            return list(orphan_runs.listed(scope))

    def serve(self, tag: str) -> Path:
        """Start a server for a deployment that nobody knows."""
        self.backend.context.runs.start(tag, {"kind": "serve", "threads": 1, "offline": True})
        run = self.runs / tag
        return until(lambda: run if (run / run_lock.READY).exists() else None, doing="the child's start")


@pytest.fixture
def installation(app_context: TestHouse, tmp_path: Path) -> Iterator[Workplace]:
    """Give the workplace; every child is ended."""
    made = Workplace(app_context, tmp_path)
    yield made
    made.engine.tasks.close()
    end_all(made.runs)


def test_a_process_that_no_row_knows_is_stopped_after_a_while(installation: Workplace) -> None:
    run = installation.serve("dep_nobodys")
    (noticed,) = installation.sweep()
    assert (noticed.run.tag, noticed.run.alive, noticed.reason) == ("dep_nobodys", True, OrphanRunReason.UNKNOWN)
    assert noticed.goes_at == installation.app_context.clock.now() + STOPPED_AFTER
    assert [each.run.alive for each in installation.sweep(STOPPED_AFTER - timedelta(seconds=1))] == [True]
    installation.sweep(timedelta(seconds=2))
    until(lambda: not run_lock.is_locked(run), doing="the orphan's end")
    assert [each.run.alive for each in installation.sweep(AGAIN)] == [False]


def test_a_folder_that_no_row_knows_is_removed_after_its_time(installation: Workplace) -> None:
    stray = installation.runs / "job_stray"
    stray.mkdir()
    (stray / "weights").write_bytes(b"x" * 1000)
    (noticed,) = installation.sweep()
    assert (noticed.run.size_bytes, noticed.run.alive) == (1000, False)
    assert stray.exists()
    installation.sweep(KEPT_FOR - timedelta(seconds=1))
    assert stray.exists()
    assert installation.sweep(timedelta(hours=1)) == []
    assert not stray.exists()


def test_the_time_to_object_survives_the_server(installation: Workplace) -> None:
    (installation.runs / "job_stray").mkdir()
    installation.sweep()
    installation.engine.tasks.close()
    installation.engine = Engine(installation.scopes)
    installation.sweep(KEPT_FOR)
    assert not (installation.runs / "job_stray").exists()


def test_what_a_row_stands_for_is_left_alone(installation: Workplace) -> None:
    with installation.scopes.open(OWNER) as scope:
        job = jobs.create(scope, installation.app_context.fields())
    (installation.runs / job.id).mkdir(exist_ok=True)
    assert installation.sweep() == []
    with installation.scopes.open(OWNER) as scope, pytest.raises(Conflict, match="still needed"):
        orphan_runs.clear(scope, job.id)


def test_what_is_not_ours_is_neither_listed_nor_removed(installation: Workplace, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine").touch()
    (installation.runs / "notes").mkdir()
    (installation.runs / "uploads").mkdir()
    (installation.runs / "job_file").touch()
    (installation.runs / "job_link").symlink_to(elsewhere)
    assert installation.sweep() == []
    installation.sweep(2 * KEPT_FOR)
    for name in ("job_link", "job_file", "notes"):
        installation.backend.remove_run(name)
        with installation.scopes.open(OWNER) as scope, pytest.raises(NotFound):
            orphan_runs.clear(scope, name)
    assert (elsewhere / "mine").exists()
    assert {path.name for path in installation.runs.iterdir()} >= {"notes", "uploads", "job_file", "job_link"}


def test_a_folder_with_somebody_at_work_is_not_removed(installation: Workplace) -> None:
    run = installation.serve("dep_busy")
    installation.backend.remove_run("dep_busy")
    assert run.exists()
    with installation.scopes.open(OWNER) as scope:
        orphan_runs.clear(scope, "dep_busy")  # asks the process to end
    until(lambda: not run_lock.is_locked(run), doing="its end")
    with installation.scopes.open(OWNER) as scope:
        orphan_runs.clear(scope, "dep_busy")
    assert not run.exists()
