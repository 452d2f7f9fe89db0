from collections.abc import Iterator
from pathlib import Path
import pytest
from tests.contract.abilities import AbilitiesContract
from tests.contract.bench import Bench
from tests.support.azure.certificates import make_certificates
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.foundry import AzureBench

class TestQ(AbilitiesContract):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> Iterator[Bench]:
        (tmp_path / "c").mkdir(); (tmp_path / "p").mkdir()
        with AzureCloud(make_certificates(tmp_path / "p"), tmp_path / "c") as cloud, cloud.entered():
            made = AzureBench(cloud, tmp_path)
            yield made
            made.close()
