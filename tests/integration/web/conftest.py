from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.support.app_context import TestHouse
from tests.support.door import visiting


@pytest.fixture
def pages(app_context: TestHouse) -> Iterator[TestClient]:
    """A browser without scripts, at this machine."""
    with visiting(app_context.scopes) as client:
        yield client
