"""The backend for Azure AI Foundry keeps the contract: the real packages, over TLS, against the cloud on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.backends.azure_foundry.backend import AzureFoundryBackend
from tests.contract.bench import Bench
from tests.contract.provider_abilities import ProviderAbilitiesContract
from tests.contract.suite import BackendContract
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.foundry import AzureBench, load_packages


@pytest.fixture(scope="module")
def packages() -> None:
    """Azure's packages, loaded."""
    load_packages()


@pytest.fixture
def bench(packages: None, entered_cloud: AzureCloud, tmp_path: Path) -> Iterator[AzureBench]:
    """A bench whose training is over after some twenty looks."""
    made = AzureBench(entered_cloud, tmp_path)
    yield made
    made.close()


class TestAzure(BackendContract):
    @pytest.fixture
    def bench(self, bench: AzureBench) -> Bench:
        return bench


class TestAzureAbilities(ProviderAbilitiesContract):
    backend = AzureFoundryBackend

    @pytest.fixture
    def bench(self, bench: AzureBench) -> Bench:
        return bench
