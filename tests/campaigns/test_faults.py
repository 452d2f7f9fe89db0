"""Forty ways to go wrong at every call of a backend: nobody sees a 5xx, nothing stands still, and the page says why."""

from pathlib import Path

import pytest

from tests.campaigns.faults import KINDS, OF_PEOPLE, OF_THE_ENGINE, Case, Walk, cases, sample


def test_there_are_forty_kinds() -> None:
    assert len(KINDS) == 40


def test_the_sample_has_every_kind_and_every_call() -> None:
    assert {kind for way in sample() for kind, _call in way} == set(KINDS)
    assert {call for way in sample() for _kind, call in way} == {*OF_THE_ENGINE, *OF_PEOPLE}


WAYS = [pytest.param(way, marks=() if number % 3 == 0 else pytest.mark.slow) for number, way in enumerate(sample())]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: "-".join(f"{kind}@{call}" for kind, call in way))
def test_a_way_with_faults(tmp_path: Path, way: list[Case]) -> None:
    assert Walk(tmp_path, *way).go().wrong == []


@pytest.mark.named
@pytest.mark.parametrize("call", [*OF_THE_ENGINE, *OF_PEOPLE])
def test_every_fault_at_every_call(tmp_path: Path, call: str) -> None:
    wrong = []
    for kind in [each for each, at in cases() if at == call]:
        folder = tmp_path / kind
        folder.mkdir()
        found = Walk(folder, (kind, call)).go()
        wrong += [f"{kind}: {each}" for each in found.wrong]
    assert wrong == []
