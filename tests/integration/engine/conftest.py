from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.rehearsed import Rehearsed


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., Rehearsed]]:
    """Give the builder of a house; it is closed at the end."""
    built: list[Rehearsed] = []

    def make(*faults: object, **script: object) -> Rehearsed:
        app_context = Rehearsed(tmp_path, *faults, **script)  # type: ignore[arg-type]
        built.append(app_context)
        return app_context

    yield make
    for app_context in built:
        app_context.close()
