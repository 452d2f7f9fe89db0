from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.support.door import visiting
from tests.support.house import TestHouse


@pytest.fixture
def pages(house: TestHouse) -> Iterator[TestClient]:
    """A browser without scripts, at this machine."""
    with visiting(house.scopes) as client:
        yield client
