"""Fixtures for tests that need Azure: import them into a conftest."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.identity import ClientSecretCredential

from app.setup.paths import Paths
from tests.support.azure import azurite as azurite_process
from tests.support.azure.azurite import Azurite
from tests.support.azure.captured import check_shapes
from tests.support.azure.certificates import Certificates, make_certificates
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.conformance import check_traffic, spec_folder
from tests.support.azure.seed import SECRET
from tests.support.azure.state import TENANT

# Where the set-up of the tests brings Azurite, unless the environment names another place.
TOOLS = Path(os.environ.get("TUNEDESK_AZURITE") or Paths.here().blob_store)


def went_well(made: AzureCloud) -> None:
    """Hold what a cloud was asked and what it answered against the published types; nothing else was asked for."""
    assert made.refused == []
    assert made.bugs == []
    assert check_shapes(made.requests) == []
    folder = spec_folder()
    if folder is not None:
        found = check_traffic(made.requests, folder)
        assert found == [], "\n".join(found)


@pytest.fixture(scope="session")
def azure_certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates for Azure's names, made once."""
    return make_certificates(tmp_path_factory.mktemp("azure-pki"))


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    """Azurite, one process for all; the test is skipped where it was not brought."""
    found = azurite_process.find(TOOLS)
    if found is None:
        pytest.skip("Azurite is not here: `python3 -m app test` brings it with npm")
    yield found
    found.stop()


@pytest.fixture
def cloud(azure_certificates: Certificates, azurite: Azurite, tmp_path: Path) -> Iterator[AzureCloud]:
    """A cloud of its own.

    At the end: nothing unexpected was asked for, it made no mistake itself, and where Azure's types are here, all
    accepted bodies and all answers of Resource Manager conform to them.
    """
    with AzureCloud(azure_certificates, tmp_path, azurite=azurite) as made:
        yield made
    went_well(made)


@pytest.fixture
def entered_cloud(cloud: AzureCloud) -> Iterator[AzureCloud]:
    """The cloud, with this process's own calls to Azure coming to it."""
    with cloud.entered():
        yield cloud


@pytest.fixture
def azure_credentials(entered_cloud: AzureCloud) -> Iterator[ClientSecretCredential]:
    """The real credential of the seeded app."""
    with ClientSecretCredential(TENANT, entered_cloud.seed.app.app_id, SECRET) as made:
        yield made


@pytest.fixture
def without_storage(azure_certificates: Certificates, tmp_path: Path) -> Iterator[AzureCloud]:
    """A cloud without Azurite, entered: for what moves no files."""
    with AzureCloud(azure_certificates, tmp_path) as made, made.entered():
        yield made
    assert made.refused == []
    assert made.bugs == []
