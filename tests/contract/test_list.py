"""Every ability has a contract test, and every test of one says which."""

import importlib
import inspect
import pkgutil

import pytest

from app import domain
from app.domain.backend import Backend
from app.domain.profiles import Ability
from tests.contract.provider_abilities import ProviderAbilitiesContract

for _module in pkgutil.iter_modules(domain.__path__):  # an ability is known once its module is
    importlib.import_module(f"app.domain.{_module.name}")
ABILITIES = [each for each in Ability.__subclasses__() if each.__module__.startswith("app.domain.")]


def test_every_ability_has_a_contract_test() -> None:
    assert len(ABILITIES) > 25
    assert ProviderAbilitiesContract.covered() == set(ABILITIES)


@pytest.mark.parametrize("ability", [Backend, *ABILITIES], ids=lambda ability: ability.__name__)
def test_a_backend_that_lacks_a_method_of_an_ability_cannot_be_made(ability: type[Ability]) -> None:
    assert inspect.isabstract(ability) or not [name for name in vars(ability) if not name.startswith("_")]
    public = {name for name in vars(ability) if not name.startswith("_")}
    assert public == set(ability.__abstractmethods__), "each method of an ability is abstract"
    if public:
        with pytest.raises(TypeError, match="abstract"):
            type("Half", (ability,), {})()
