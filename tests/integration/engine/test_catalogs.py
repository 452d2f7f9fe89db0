from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from app.backends.rehearsal import RehearsalBackend, Script
from app.domain.catalog import CatalogState
from app.domain.connections import REHEARSAL_ID, Check, CheckStatus, DoctorReport
from app.engine.errands import Errands
from app.engine.housekeeping import CATALOGS_KEPT, Housekeeping
from app.engine.sweep import Sweep
from app.kit.clock import TurnedClock
from app.services import connections
from app.store import connections as store
from tests.support.house import TestHouse


class Looking(RehearsalBackend):
    """A provider whose catalog is looked up; counts how often."""

    fetched_at: datetime | None = None
    problem = ""
    looks = 0

    def catalog_state(self) -> CatalogState:
        return CatalogState(fetched_at=self.fetched_at, refreshing=False, data_as_of=None, problem=self.problem)

    def refresh_catalog(self) -> None:
        self.looks += 1


@pytest.fixture
def backend(house: TestHouse, tmp_path: Path) -> Looking:
    made = Looking(tmp_path / "looking", clock=house.clock, script=Script())
    house.house.backends._backends["rehearsal"] = made
    return made


def checked(house: TestHouse, status: CheckStatus) -> None:
    """Record what the doctor found."""
    report = DoctorReport(checked_at=house.clock.now(), checks=(Check(id="reach", title="Reach", status=status),))
    with house.open() as scope:
        store.save(scope.write, replace(connections.get(scope, REHEARSAL_ID), doctor=report))


def turn(house: TestHouse, clock: TurnedClock) -> None:
    clock.turn(timedelta(minutes=2))
    Housekeeping(house.scopes, Sweep(house.scopes, Errands(0))).turn(clock.now())


def test_a_catalog_is_looked_up_once_the_checks_have_passed_and_again_after_a_day(
    house: TestHouse, backend: Looking
) -> None:
    turn(house, house.clock)
    checked(house, CheckStatus.FAIL)
    turn(house, house.clock)
    assert backend.looks == 0, "nobody knows yet whether signing in works"
    checked(house, CheckStatus.PASS)
    turn(house, house.clock)
    assert backend.looks == 1
    backend.fetched_at = house.clock.now()
    turn(house, house.clock)
    assert backend.looks == 1
    house.clock.turn(CATALOGS_KEPT)
    turn(house, house.clock)
    assert backend.looks == 2


def test_a_failed_look_up_is_not_repeated_by_itself(house: TestHouse, backend: Looking) -> None:
    checked(house, CheckStatus.PASS)
    backend.problem = "no way there"
    turn(house, house.clock)
    assert backend.looks == 0
