"""What the tests of Azure's catalog need of a cloud."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.azure.cloud import AzureCloud
from tests.support.azure.fixtures import azure_certificates, azurite, cloud, entered_cloud
from tests.support.azure.foundry import AzureBench

__all__ = ["azure_certificates", "azurite", "cloud", "entered_cloud"]


@pytest.fixture
def bench(entered_cloud: AzureCloud, tmp_path: Path) -> Iterator[AzureBench]:
    """A backend over a cloud."""
    made = AzureBench(entered_cloud, tmp_path)
    yield made
    made.close()
