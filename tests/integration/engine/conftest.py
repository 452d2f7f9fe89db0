from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.rehearsed import Rehearsed


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., Rehearsed]]:
    """Give the builder of a house; it is closed at the end."""
    built: list[Rehearsed] = []

    def make(*faults: object, **script: object) -> Rehearsed:
        house = Rehearsed(tmp_path, *faults, **script)  # type: ignore[arg-type]
        built.append(house)
        return house

    yield make
    for house in built:
        house.close()
