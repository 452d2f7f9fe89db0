"""What nobody needs is noticed, left alone for a while, and then cleared away; what is not ours is never touched."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.backends.local.backend import LocalBackend
from app.backends.local.children import presence
from app.domain.actors import ENGINE, OWNER
from app.domain.errors import Conflict, NotFound
from app.domain.runs import KEPT_FOR, STOPPED_AFTER, Remains, RemainsReason
from app.engine.engine import Engine
from app.engine.sweep import AGAIN
from app.services import connections, jobs, remains
from app.services.scope import Backends, Scopes
from tests.campaigns import stand_in_child
from tests.support.house import TestHouse
from tests.support.local import backend_over, end_all, stand_in
from tests.support.waiting import until


class Workplace:
    """A house with this machine's backend, children that need no torch, and its engine in hand."""

    def __init__(self, house: TestHouse, folder: Path) -> None:
        self.house = house
        self.runs = house.house.files.runs
        self.backend: LocalBackend = backend_over(
            self.runs, stand_in(folder, Path(stand_in_child.__file__)), clock=house.clock
        )
        whole = replace(house.house, backends=Backends({"rehearsal": house.backend, "local": self.backend}))
        self.scopes = Scopes(whole)
        with self.scopes.open(ENGINE) as scope:
            connections.ensure_built_in(scope, local_slots=1)
        self.engine = Engine(self.scopes)

    def sweep(self, later: timedelta = timedelta(0)) -> list[Remains]:
        """Turn the clock, let the engine sweep, and return what remains."""
        self.house.clock.turn(later)
        for _ in range(2):
            self.engine.tick()
            self.engine.errands.wait()
        with self.scopes.open(OWNER) as scope:
            return list(remains.listed(scope))

    def serve(self, tag: str) -> Path:
        """Start a server for a deployment that nobody knows."""
        self.backend.workshop.runs.start(tag, "server", {"kind": "serve", "threads": 1, "offline": True})
        run = self.runs / tag
        return until(lambda: run if (run / presence.READY).exists() else None, doing="the child's start")


@pytest.fixture
def place(house: TestHouse, tmp_path: Path) -> Iterator[Workplace]:
    """Give the workplace; every child is ended."""
    made = Workplace(house, tmp_path)
    yield made
    made.engine.errands.close()
    end_all(made.runs)


def test_a_process_that_no_row_knows_is_stopped_after_a_while(place: Workplace) -> None:
    run = place.serve("dep_nobodys")
    (noticed,) = place.sweep()
    assert (noticed.run.tag, noticed.run.alive, noticed.reason) == ("dep_nobodys", True, RemainsReason.UNKNOWN)
    assert noticed.goes_at == place.house.clock.now() + STOPPED_AFTER
    assert [each.run.alive for each in place.sweep(STOPPED_AFTER - timedelta(seconds=1))] == [True]
    place.sweep(timedelta(seconds=2))
    until(lambda: not presence.is_held(run), doing="the orphan's end")
    assert [each.run.alive for each in place.sweep(AGAIN)] == [False]


def test_a_folder_that_no_row_knows_is_removed_after_its_time(place: Workplace) -> None:
    stray = place.runs / "job_stray"
    stray.mkdir()
    (stray / "weights").write_bytes(b"x" * 1000)
    (noticed,) = place.sweep()
    assert (noticed.run.size_bytes, noticed.run.alive) == (1000, False)
    assert stray.exists()
    place.sweep(KEPT_FOR - timedelta(seconds=1))
    assert stray.exists()
    assert place.sweep(timedelta(hours=1)) == []
    assert not stray.exists()


def test_the_time_to_object_survives_the_server(place: Workplace) -> None:
    (place.runs / "job_stray").mkdir()
    place.sweep()
    place.engine.errands.close()
    place.engine = Engine(place.scopes)
    place.sweep(KEPT_FOR)
    assert not (place.runs / "job_stray").exists()


def test_what_a_row_stands_for_is_left_alone(place: Workplace) -> None:
    with place.scopes.open(OWNER) as scope:
        job = jobs.create(scope, place.house.fields())
    (place.runs / job.id).mkdir(exist_ok=True)
    assert place.sweep() == []
    with place.scopes.open(OWNER) as scope, pytest.raises(Conflict, match="still needed"):
        remains.clear(scope, job.id)


def test_what_is_not_ours_is_neither_listed_nor_removed(place: Workplace, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine").touch()
    (place.runs / "notes").mkdir()
    (place.runs / "uploads").mkdir()
    (place.runs / "job_file").touch()
    (place.runs / "job_link").symlink_to(elsewhere)
    assert place.sweep() == []
    place.sweep(2 * KEPT_FOR)
    for name in ("job_link", "job_file", "notes"):
        place.backend.remove_run(name)
        with place.scopes.open(OWNER) as scope, pytest.raises(NotFound):
            remains.clear(scope, name)
    assert (elsewhere / "mine").exists()
    assert {path.name for path in place.runs.iterdir()} >= {"notes", "uploads", "job_file", "job_link"}


def test_a_folder_with_somebody_at_work_is_not_removed(place: Workplace) -> None:
    run = place.serve("dep_busy")
    place.backend.remove_run("dep_busy")
    assert run.exists()
    with place.scopes.open(OWNER) as scope:
        remains.clear(scope, "dep_busy")  # asks the process to end
    until(lambda: not presence.is_held(run), doing="its end")
    with place.scopes.open(OWNER) as scope:
        remains.clear(scope, "dep_busy")
    assert not run.exists()
