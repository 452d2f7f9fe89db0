import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.backends.azure_foundry.catalog import reference_data
from app.backends.azure_foundry.catalog.model_ids import ModelId

FILES = sorted(reference_data.DATA.glob("*.json"))
ALL = [
    pytest.param(entry, id=f"{file.stem}-{number}")
    for file in FILES
    for number, entry in enumerate(json.loads(file.read_text(encoding="utf-8"))["entries"])
]


def unsourced(entry: dict[str, Any]) -> list[str]:
    """Return what is wrong with an entry's provenance."""
    if "amount" in entry and entry["amount"] is None:
        wanted = {"look_up": str(entry.get("look_up", "")).startswith("https://")}
    else:
        sources = [name for name in entry if name.endswith("source")]
        wanted = {name: str(entry[name]).startswith("https://") for name in ("source", *sources) if name in entry}
        wanted["as_of"] = isinstance(entry.get("as_of"), str) and date.fromisoformat(entry["as_of"]) < date(2026, 12, 1)
        wanted.setdefault("source", False)
    return [name for name, good in wanted.items() if not good]


@pytest.mark.parametrize("entry", ALL)
def test_every_fact_has_a_source_and_a_day(entry: dict[str, Any]) -> None:
    assert unsourced(entry) == []


@pytest.mark.parametrize(
    "entry",
    [
        {"limit": 3},
        {"limit": 3, "source": "https://x"},
        {"limit": 3, "as_of": "2026-01-01"},
        {"amount": "1.70", "source": None, "as_of": None, "look_up": "https://x"},
        {"amount": None, "look_up": ""},
        {"limit": 3, "source": "somebody said so", "as_of": "2026-01-01"},
    ],
)
def test_the_check_refuses_what_has_none(entry: dict[str, Any]) -> None:
    assert unsourced(entry)


def test_all_files_are_read_and_none_is_forgotten() -> None:
    readers = {
        "models": reference_data.models,
        "regions": reference_data.regions,
        "managed": reference_data.managed,
        "machines": reference_data.machines,
        "lifecycle": reference_data.lifecycles,
        "hyperparameters": reference_data.hyperparameters,
        "prices": reference_data.prices,
        "limits": reference_data.limits,
        "serving": reference_data.servings,
    }
    assert {file.stem for file in FILES} == set(readers)
    for name, reader in readers.items():
        count = len(json.loads(Path(reference_data.DATA / f"{name}.json").read_text(encoding="utf-8"))["entries"])
        assert len(reader()) == count


def test_files_agree_with_one_another() -> None:
    known = {(fact.registry, fact.name) for fact in reference_data.models()}
    named = [(fact.registry, fact.name) for fact in reference_data.regions()]
    named += [(fact.registry, fact.name) for fact in reference_data.managed()]
    named += [(fact.registry, fact.name) for fact in reference_data.lifecycles()]
    assert set(named) <= known
    for life in reference_data.lifecycles():
        if life.replacement is not None:
            model = ModelId.parse(life.replacement)
            assert (model.registry, model.name) in known
    prices = {price.id for price in reference_data.prices()}
    assert len(prices) == len(reference_data.prices())
    assert {f"compute:{machine}" for fact in reference_data.managed() for machine in fact.instance_types} <= prices
    assert {f"training:{fact.registry}/{fact.name}" for fact in reference_data.regions()} <= prices
