from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.azure.bare import settings_for
from tests.support.azure.certificates import Certificates
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.fixtures import azure_certificates
from tests.support.azure.seed import SECRET
from tests.support.older import rehearsed, release
from tests.support.older.installation import Installation
from tests.support.older.rehearsed import Furnished

__all__ = ["azure_certificates"]


@pytest.fixture(scope="session")
def earlier_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The earlier code in a folder of its own; skips where the history does not reach so far."""
    return release.unpacked(tmp_path_factory.mktemp("earlier"))


@pytest.fixture(scope="module")
def cloud(azure_certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureCloud]:
    with AzureCloud(azure_certificates, tmp_path_factory.mktemp("cloud")) as made:
        yield made


@pytest.fixture(scope="module")
def older(earlier_code: Path, cloud: AzureCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Furnished]:
    """Give the folder as the death of the earlier server left it."""
    connection = {
        "backend": "azure_foundry",
        "name": "Our subscription",
        "settings": settings_for(cloud),
        "secrets": {"client_secret": SECRET},
    }
    made = Furnished(Installation(tmp_path_factory.mktemp("installation")), earlier_code, connection)
    try:
        rehearsed.furnish(made)
        yield made
    finally:
        made.installation.close()
