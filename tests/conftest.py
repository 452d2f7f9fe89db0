"""What many tests ask for: a house in a temporary folder, its REST door, and a client at this machine."""

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from starlette.testclient import TestClient
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from app.engine.engine import Engine
from app.http.application import GuardedApp
from app.settings import Settings
from tests.support.app_context import TestHouse
from tests.support.clock import TurnedClock
from tests.support.door import client_of, rest_app

# The same examples in every run: a test passes or fails alike, whoever runs it.
hypothesis.settings.register_profile("alike", derandomize=True, deadline=None)
hypothesis.settings.load_profile("alike")

# A worker has loaded half a million objects that stay (SDKs, the application). Python's own rhythm goes through them
# again and again: a quarter of a run's CPU (12.1 of 47 s in tests/integration/web; 5.1 of 43 so).
gc.set_threshold(10_000, 20, 20)


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
def app_context(tmp_path: Path) -> Iterator[TestHouse]:
    """The services on a real SQLite file, with the rehearsal backend."""
    made = TestHouse(tmp_path)
    yield made
    made.database.close()


@pytest.fixture
def clock(app_context: TestHouse) -> TurnedClock:
    """The house's clock, which stands still until it is turned."""
    return app_context.clock


@pytest.fixture
def engine(app_context: TestHouse) -> Engine:
    """The house's engine, turned by hand."""
    return Engine(app_context.scopes)


@pytest.fixture
def app(app_context: TestHouse) -> GuardedApp:
    """The REST door of the house."""
    return rest_app(app_context)


@pytest.fixture
def client(app: GuardedApp) -> Iterator[TestClient]:
    """A client at this machine."""
    with client_of(app) as made:
        yield made


# What takes longest begins first; what shares an installation full of things is one group.
LONGEST = (
    "local", "browser/test_journey.py", "architecture/test_linters.py", "people/test_contract.py",
    "families/test_families.py", "campaigns/test_kill.py", "furnished", "people/test_hostile.py",
    "campaigns/test_wire_mutants.py", "campaigns/test_azure_mutants.py", "browser/test_own_data.py",
    "upgrades/test_rehearsed.py", "campaigns/test_azure_kill.py", "families/test_together.py",
    "api/test_contract_requests.py",
)  # fmt: skip
FURNISHED = frozenset({"browser/test_pages.py", "browser/test_scripts.py", "browser/test_links.py"})

# Folders whose files share one server, or one machine's slots.
WHOLE = frozenset({"local", "first_hour"})

# Long files whose tests share nothing.
APART = frozenset({"campaigns/test_faults.py", "engine/test_bad_days.py", "people/test_hostile.py"})


def _group(nodeid: str) -> str:
    """Return what runs in one worker: a file, so that what its tests share is made once, or several such files."""
    file = _file(nodeid)
    folder = file.partition("/")[0]
    if file in APART:
        return nodeid
    return "furnished" if file in FURNISHED else folder if folder in WHOLE else file


def _file(nodeid: str) -> str:
    return "/".join(nodeid.partition("::")[0].split("/")[-2:])


class ByFile(LoadScopeScheduling):
    """Hands out whole groups. (xdist's own groups do nothing under pytest 9.2, whose node ids cannot be marked.)"""

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Share the tests out by groups where several workers share a run."""
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes longest first, so that nobody waits for it in the end."""
    rank = {group: at for at, group in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(_group(item.nodeid), rank.get(_file(item.nodeid), len(rank))))
