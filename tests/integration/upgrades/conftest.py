from pathlib import Path

import pytest

from tests.support.azure.fixtures import azure_certificates
from tests.support.older import release

__all__ = ["azure_certificates"]


@pytest.fixture(scope="session")
def earlier_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The earlier code in a folder of its own; skips where the history does not reach so far."""
    return release.unpacked(tmp_path_factory.mktemp("earlier"))
