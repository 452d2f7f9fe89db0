"""Every planted mistake of our own client of OpenAI's wire turns the test red that the list names."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.campaigns.planted import Mutant, Planter, expect_plantable, expect_red, planting
from tests.campaigns.wire_mutants import WIRE_MUTANTS

_HEAVY = ("sqlalchemy", "alembic", "fastapi", "cryptography.x509", "httpx2", "azure.core.credentials")
_SHORT = 2  # of them in every run: their tests take no house


def test_each_mistake_can_be_planted() -> None:
    expect_plantable(WIRE_MUTANTS, 30)


@pytest.fixture(scope="module")
def planter() -> Iterator[Planter]:
    """The one process that plants."""
    with planting(*_HEAVY) as made:
        yield made


@pytest.mark.parametrize(
    "mutant",
    [
        pytest.param(each, id=each.name, marks=pytest.mark.campaign if number >= _SHORT else ())
        for number, each in enumerate(WIRE_MUTANTS)
    ],
)
def test_a_planted_mistake_turns_its_test_red(mutant: Mutant, planter: Planter, tmp_path: Path) -> None:
    expect_red(mutant, planter, tmp_path)
