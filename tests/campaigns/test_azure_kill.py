"""At Azure nothing is submitted twice, nothing is lost, nothing stands still, however often the engine dies.

A failing run is played again with its seed: `TUNEDESK_TEST_SEED=… python -m pytest tests/campaigns/test_azure_kill.py`.
"""

import os
import secrets
import sys
from pathlib import Path

import pytest

from tests.campaigns.azure_deaths import run
from tests.support.azure.azurite import Azurite
from tests.support.azure.certificates import Certificates
from tests.support.azure.fixtures import azure_certificates, azurite

__all__ = ["azure_certificates", "azurite"]


@pytest.fixture
def seed() -> int:
    """Give the seed of this run; it is printed where the test fails."""
    given = os.environ.get("TUNEDESK_TEST_SEED")
    seed = int(given) if given else secrets.randbelow(10**6)
    sys.stdout.write(f"TUNEDESK_TEST_SEED={seed}\n")
    return seed


def test_a_dozen_deaths(azure_certificates: Certificates, azurite: Azurite, tmp_path: Path, seed: int) -> None:
    run(azure_certificates, azurite, tmp_path, seed=seed, wanted=8, kills=12).expect_whole()


@pytest.mark.campaign
def test_two_hundred_deaths(azure_certificates: Certificates, azurite: Azurite, tmp_path: Path, seed: int) -> None:
    run(azure_certificates, azurite, tmp_path, seed=seed, wanted=150, kills=200).expect_whole()
