"""What many tests ask for: a house in a temporary folder, its REST door, and a client at this machine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.edge.application import GuardedApp
from app.engine.engine import Engine
from app.kit.clock import TurnedClock
from app.settings import Settings
from tests.support.door import client_of, rest_app
from tests.support.house import TestHouse


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings for a whole application of its own, rehearsal included, that installs nothing."""
    given: dict[str, Any] = {
        "data_dir": tmp_path / "data",
        "runtimes_dir": tmp_path / "runtimes",
        "runtime_autoinstall": False,
        "rehearsal": True,
        "disk_reserve_mb": 0,
        "port": 0,
    }
    return Settings(**given)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[TestHouse]:
    """The services on a real SQLite file, with the rehearsal backend."""
    made = TestHouse(tmp_path)
    yield made
    made.database.close()


@pytest.fixture
def clock(house: TestHouse) -> TurnedClock:
    """The house's clock, which stands still until it is turned."""
    return house.clock


@pytest.fixture
def engine(house: TestHouse) -> Engine:
    """The house's engine, turned by hand."""
    return Engine(house.scopes)


@pytest.fixture
def app(house: TestHouse) -> GuardedApp:
    """The REST door of the house."""
    return rest_app(house)


@pytest.fixture
def client(app: GuardedApp) -> Iterator[TestClient]:
    """A client at this machine."""
    with client_of(app) as made:
        yield made


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the browser's tests last: Playwright keeps an event loop running in the main thread until the session ends,
    and no other test could start one of its own there.

    Where several workers share a run, a file goes to one of them, so that what its tests share is made once; so does
    the folder whose tests share a training.
    """
    items.sort(key=lambda item: "browser" in item.path.parts)
    for item in items:
        folder = item.path.parent.name
        together = folder if folder == "local" else f"{folder}/{item.path.name}"
        item.add_marker(pytest.mark.xdist_group(together))
