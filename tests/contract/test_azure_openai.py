"""The backend for Azure OpenAI keeps the contract, against its planes on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.backends.openai_wire.azure.backend import AzureOpenAIBackend
from tests.contract.bench import Bench
from tests.contract.provider_abilities import ProviderAbilitiesContract
from tests.contract.suite import BackendContract
from tests.support.openai_plane.azure_bench import AzureOpenAIBench, azure_bench


@pytest.fixture
def plane_bench(tmp_path: Path) -> Iterator[AzureOpenAIBench]:
    """A bench at planes of its own."""
    with azure_bench(tmp_path) as made:
        yield made


class TestAzureOpenAI(BackendContract):
    @pytest.fixture
    def bench(self, plane_bench: AzureOpenAIBench) -> Bench:
        return plane_bench


class TestAzureOpenAIAbilities(ProviderAbilitiesContract):
    backend = AzureOpenAIBackend

    @pytest.fixture
    def bench(self, plane_bench: AzureOpenAIBench) -> Bench:
        return plane_bench
