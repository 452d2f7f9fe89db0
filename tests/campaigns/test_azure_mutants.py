"""Every planted mistake of our own client for Azure turns the test red that the list names."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.campaigns.azure_mutants import MUTANTS
from tests.campaigns.planted import Mutant, Planter, expect_plantable, expect_red, planting

# Not pytest and its plugins: those want to be imported by pytest itself.
_HEAVY = ("azure.ai.ml", "azure.identity", "azure.ai.ml._restclient.arm_ml_service.models", "azure.ai.ml._schema")
_HEAVY_TOO = ("sqlalchemy", "alembic", "fastapi", "cryptography.x509")


def test_each_mistake_can_be_planted() -> None:
    expect_plantable(MUTANTS, 20)


@pytest.fixture(scope="module")
def planter() -> Iterator[Planter]:
    """The one process that plants."""
    with planting(*_HEAVY, *_HEAVY_TOO) as made:
        yield made


@pytest.mark.campaign
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_planted_mistake_turns_its_test_red(mutant: Mutant, planter: Planter, tmp_path: Path) -> None:
    expect_red(mutant, planter, tmp_path)
