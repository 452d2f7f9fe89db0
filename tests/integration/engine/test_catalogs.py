from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from app.backends.rehearsal import RehearsalBackend, Script
from app.domain.catalog import CatalogState, LooksUpModels
from app.domain.connections import Check, CheckStatus, DoctorReport
from app.engine.background_tasks import BackgroundTasks
from app.engine.ending_models import EndingModels
from app.engine.maintenance import CATALOGS_KEPT, Maintenance
from app.engine.orphan_gc import OrphanCollector
from app.services import connections
from app.store import connections as store
from tests.support.app_context import TestHouse
from tests.support.clock import TurnedClock
from tests.support.connections import REHEARSAL_ID


class Looking(RehearsalBackend, LooksUpModels):
    """A provider whose catalog is looked up; counts how often."""

    fetched_at: datetime | None = None
    problem = ""
    looks = 0

    def catalog_state(self) -> CatalogState:
        return CatalogState(fetched_at=self.fetched_at, refreshing=False, data_as_of=None, problem=self.problem)

    def refresh_catalog(self) -> None:
        self.looks += 1


@pytest.fixture
def backend(app_context: TestHouse, tmp_path: Path) -> Looking:
    made = Looking(tmp_path / "looking", clock=app_context.clock, script=Script())
    app_context.app_context.backends.built_in["rehearsal"] = made
    return made


def checked(app_context: TestHouse, status: CheckStatus) -> None:
    """Record what the doctor found."""
    report = DoctorReport(checked_at=app_context.clock.now(), checks=(Check(id="reach", title="Reach", status=status),))
    with app_context.open() as scope:
        store.save(scope.write, replace(connections.get(scope, REHEARSAL_ID), doctor=report))


def turn(app_context: TestHouse, clock: TurnedClock) -> None:
    clock.turn(timedelta(minutes=2))
    scopes, tasks = app_context.scopes, BackgroundTasks(0)
    Maintenance(scopes, OrphanCollector(scopes, tasks), EndingModels(scopes, tasks)).run(clock.now())


def test_a_catalog_is_looked_up_once_the_checks_have_passed_and_again_after_a_day(
    app_context: TestHouse, backend: Looking
) -> None:
    turn(app_context, app_context.clock)
    checked(app_context, CheckStatus.FAIL)
    turn(app_context, app_context.clock)
    assert backend.looks == 0, "nobody knows yet whether signing in works"
    checked(app_context, CheckStatus.PASS)
    turn(app_context, app_context.clock)
    assert backend.looks == 1
    backend.fetched_at = app_context.clock.now()
    turn(app_context, app_context.clock)
    assert backend.looks == 1
    app_context.clock.turn(CATALOGS_KEPT)
    turn(app_context, app_context.clock)
    assert backend.looks == 2


def test_a_failed_look_up_is_not_repeated_by_itself(app_context: TestHouse, backend: Looking) -> None:
    checked(app_context, CheckStatus.PASS)
    backend.problem = "no way there"
    turn(app_context, app_context.clock)
    assert backend.looks == 0
