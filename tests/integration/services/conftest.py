from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.house import TestHouse


@pytest.fixture
def house(tmp_path: Path) -> Iterator[TestHouse]:
    made = TestHouse(tmp_path)
    yield made
    made.database.close()
