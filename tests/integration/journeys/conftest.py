from pathlib import Path

import pytest

from tests.support.local import runtime_python


@pytest.fixture(scope="session")
def interpreter() -> Path:
    """The runtime's interpreter; without one, what trains is left out."""
    return runtime_python()
