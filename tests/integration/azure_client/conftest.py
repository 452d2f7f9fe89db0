"""A bench over a cloud, for tests of the backend beyond the contract."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.azure.cloud import AzureCloud
from tests.support.azure.fixtures import azure_certificates, azurite, cloud, entered_cloud
from tests.support.azure.foundry import AzureBench, load_packages

__all__ = ["azure_certificates", "azurite", "cloud", "entered_cloud"]


@pytest.fixture(scope="session")
def packages() -> None:
    """Azure's packages, loaded."""
    load_packages()


@pytest.fixture
def bench(packages: None, entered_cloud: AzureCloud, tmp_path: Path) -> Iterator[AzureBench]:
    """A cloud with a backend over it."""
    made = AzureBench(entered_cloud, tmp_path)
    yield made
    made.close()
