"""Over OpenAI's wire nothing is created twice, nothing is lost, nothing stands still, however often the engine dies.

A failing run is played again with its seed: `TUNEDESK_TEST_SEED=… python -m pytest tests/campaigns/test_wire_kill.py`.
"""

import os
import secrets
import sys
from pathlib import Path

import pytest

from tests.campaigns.wire_deaths import BACKENDS, rescue, run


@pytest.fixture
def seed() -> int:
    """Give the seed of this run; it is printed where the test fails."""
    given = os.environ.get("TUNEDESK_TEST_SEED")
    seed = int(given) if given else secrets.randbelow(10**6)
    sys.stdout.write(f"TUNEDESK_TEST_SEED={seed}\n")
    return seed


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_dozen_deaths(backend: str, tmp_path: Path, seed: int) -> None:
    run(tmp_path, backend, seed=seed, wanted=4, kills=12).expect_whole()


@pytest.mark.slow
def test_a_lifeboat_survives_thirty_deaths(tmp_path: Path, seed: int) -> None:
    rescue(tmp_path, seed=seed, wanted=4, kills=30).expect_whole()


@pytest.mark.campaign
@pytest.mark.parametrize("backend", BACKENDS)
def test_two_hundred_deaths(backend: str, tmp_path: Path, seed: int) -> None:
    run(tmp_path, backend, seed=seed, wanted=40, kills=200).expect_whole()


@pytest.mark.campaign
def test_a_lifeboat_survives_two_hundred_deaths(tmp_path: Path, seed: int) -> None:
    rescue(tmp_path, seed=seed, wanted=12, kills=200).expect_whole()
