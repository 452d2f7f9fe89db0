from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.openai_plane.azure import AzureScript
from tests.support.openai_plane.azure_bench import azure_house
from tests.support.openai_plane.house import WireHouse, openai_house
from tests.support.openai_plane.script import Script, Wrong


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., WireHouse]]:
    """Give the builder of a house that is connected to OpenAI's plane."""
    with ExitStack() as stack:

        def make(*wrongs: Wrong, **script: object) -> WireHouse:
            return stack.enter_context(openai_house(tmp_path, Script(wrongs=wrongs, **script)))  # type: ignore[arg-type]

        yield make


@pytest.fixture
def build_azure(tmp_path: Path) -> Iterator[Callable[..., WireHouse]]:
    """Give the builder of a house that is connected to Azure's planes."""
    with ExitStack() as stack:

        def make(*wrongs: Wrong, **script: object) -> WireHouse:
            return stack.enter_context(azure_house(tmp_path, AzureScript(wrongs=wrongs, **script)))  # type: ignore[arg-type]

        yield make
