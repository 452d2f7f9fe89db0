"""Answers that are made together are those that each gets alone, whoever joins, leaves, fails or waits."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.families.table import FAMILIES
from tests.support import local

pytestmark = pytest.mark.training
# A window of all layers, experts; the others in the long form.
SHORT = ("strict-turns", "experts")
CHECKS = ("sampled", "habits", "singles", "leaving", "handed_on", "failing", "memory", "waiting", "unheard", "refused")


def counted(folder: Path, *names: str) -> Mapping[str, Mapping[str, Any]]:
    """Return what the checks counted, by their names."""
    command = [str(local.runtime_python()), "-m", "tests.families.together", str(folder), *names]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(command, cwd=local.ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return {each.pop("check"): each for each in found}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, Any]]:
    """All that the default run asks for: one process, for its libraries take seconds to import."""
    return counted(tmp_path_factory.mktemp("together"), *CHECKS, *SHORT)


def right(each: Mapping[str, Any]) -> bool:
    """Tell whether sixteen questions got the tokens that they get alone, many of them together."""
    return bool(each["same"] == 16 and each["together"] > 5)


@pytest.mark.parametrize("name", SHORT)
def test_sixteen_get_the_tokens_that_each_gets_alone(found: Mapping[str, Mapping[str, Any]], name: str) -> None:
    assert right(found[name]), found[name]


def test_some_of_them_end_by_themselves_and_some_at_their_limit(found: Mapping[str, Mapping[str, Any]]) -> None:
    assert 3 < sum(found[name]["ended"] for name in SHORT) < 16 * len(SHORT)


@pytest.mark.slow
def test_so_do_those_of_every_family(tmp_path: Path) -> None:
    others = [family.name for family in FAMILIES if family.name not in SHORT]
    assert {name: each for name, each in counted(tmp_path, *others).items() if not right(each)} == {}


def test_a_seed_draws_the_same_whoever_else_is_there(found: Mapping[str, Mapping[str, Any]]) -> None:
    assert found["sampled"] == {"same": 8, "as transformers": 8, "different": 8, "without a seed": True}


def test_what_a_models_own_config_does_to_its_choices_is_done_to_each(found: Mapping[str, Mapping[str, Any]]) -> None:
    assert found["habits"] == {"same": 8, "changed": True}


def test_models_that_cannot_be_read_together_are_answered_one_by_one(found: Mapping[str, Mapping[str, Any]]) -> None:
    assert found["singles"] == {"mamba": [1, 4], "lfm2": [1, 4], "bloom": [1, 4], "phi3": [1, 4]}


def test_one_that_is_wrong_or_cancelled_takes_nobody_along(found: Mapping[str, Mapping[str, Any]]) -> None:
    assert found["leaving"] == {"same": 9, "cancelled": [3, 0], "wrong": "IndexError", "limit of 1": 1}


def test_a_failure_of_the_model_ends_those_it_was_answering(found: Mapping[str, Mapping[str, Any]]) -> None:
    errors = ["DefaultCPUAllocator: can't allocate memory"] * 2
    assert found["failing"] == {"errors": errors, "joined later": True, "same": 3}


def test_tokens_are_handed_on_as_they_come(found: Mapping[str, Mapping[str, Any]]) -> None:
    assert found["handed_on"] == {"tokens": [[10], [11, 12, 13, 14, 15]]}


def test_a_refusal_says_when_to_ask_again(found: Mapping[str, Mapping[str, Any]]) -> None:
    refused = found["refused"]
    assert (refused["status"], refused["retry"]) == (429, "2")
    assert refused["said"].startswith("The model is busy")


def test_an_answer_that_nobody_hears_is_not_finished(found: Mapping[str, Mapping[str, Any]]) -> None:
    for way in ("stream", "whole"):
        tokens, text, beside = found["unheard"][way]
        assert (tokens, text) == (300, True)
        # Of the other one's 300 tokens those that were made together with it: what a tenth of a second has room for.
        assert beside < 150


def test_memory_says_how_many_are_answered_at_a_time(found: Mapping[str, Mapping[str, Any]]) -> None:
    counts = found["memory"]["counts"]
    assert found["memory"]["same"] == 6
    assert counts[0] < counts[1] == 6
    assert 5 in counts  # one had to go, and came back


def test_who_is_too_many_is_refused_and_a_stuck_model_is_noticed(found: Mapping[str, Mapping[str, Any]]) -> None:
    assert found["waiting"] == {"idle": 0.0, "refused": 1, "stuck": 700.0, "after": 0.0, "same": 34}
