"""The backend for OpenAI's wire keeps the contract, against its plane on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.backends.openai_wire.platform.backend import OpenAIBackend
from tests.contract.bench import Bench
from tests.contract.provider_abilities import ProviderAbilitiesContract
from tests.contract.suite import BackendContract
from tests.support.clock import TurnedClock
from tests.support.openai_plane.bench import OpenAIBench
from tests.support.openai_plane.plane import Plane
from tests.support.openai_plane.server import serving


@pytest.fixture
def plane_bench(tmp_path: Path) -> Iterator[OpenAIBench]:
    """A bench at a plane of its own."""
    clock = TurnedClock()
    plane = Plane(clock)
    with serving(plane) as base:
        yield OpenAIBench(base, plane, clock, tmp_path)


class TestOpenAI(BackendContract):
    @pytest.fixture
    def bench(self, plane_bench: OpenAIBench) -> Bench:
        return plane_bench


class TestOpenAIAbilities(ProviderAbilitiesContract):
    backend = OpenAIBackend

    @pytest.fixture
    def bench(self, plane_bench: OpenAIBench) -> Bench:
        return plane_bench
