"""Prompt/completion, text and preference rows."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from app.domain.datasets import DatasetFormat, DatasetReport, DatasetStatus, Severity

Check = Callable[[bytes], DatasetReport]
Row = dict[str, Any]
PAIRS: list[Row] = [{"prompt": f"p{number}", "completion": f"c{number}"} for number in range(10)]
TURN = [{"role": "user", "content": "q"}]
REPLY = [{"role": "assistant", "content": "a"}]
TURNS: list[Row] = [{"prompt": TURN, "completion": [{"role": "assistant", "content": str(n)}]} for n in range(10)]
TEXTS: list[Row] = [{"text": f"text {number}"} for number in range(10)]
CHOICES: list[Row] = [{"prompt": f"p{number}", "chosen": "good", "rejected": "bad"} for number in range(10)]
OPENAI: list[Row] = [
    {
        "input": {"messages": TURN},
        "preferred_output": REPLY,
        "non_preferred_output": [{"role": "assistant", "content": str(n)}],
    }
    for n in range(10)
]


def _file(*rows: Row) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


@pytest.mark.parametrize(
    ("rows", "form", "sft"),
    [
        (PAIRS, DatasetFormat.PROMPT_COMPLETION, True),
        ([{**row, "id": 1} for row in PAIRS], DatasetFormat.PROMPT_COMPLETION, True),
        (TURNS, DatasetFormat.PROMPT_COMPLETION, True),
        (TEXTS, DatasetFormat.TEXT, True),
        (CHOICES, DatasetFormat.PREFERENCE, False),
        (OPENAI, DatasetFormat.PREFERENCE, False),
    ],
)
def test_sound_files(check: Check, rows: list[Row], form: DatasetFormat, sft: bool) -> None:
    report = check(_file(*rows))
    assert (report.format, report.status, report.errors) == (form, DatasetStatus.READY, 0)
    assert form.trains_sft is sft
    assert report.rows == 10
    assert report.tokens_estimate > 0


@pytest.mark.parametrize(
    ("rows", "wrong", "rule", "path"),
    [
        (PAIRS, {"prompt": "x"}, "missing_field", "$.completion"),
        (PAIRS, {"prompt": "x", "completion": ""}, "empty_text", "$.completion"),
        (PAIRS, {"prompt": " ", "completion": "y"}, "empty_text", "$.prompt"),
        (PAIRS, {"prompt": 1, "completion": "y"}, "wrong_field_type", "$.prompt"),
        (PAIRS, {"prompt": TURN, "completion": "y"}, "wrong_field_type", "$.prompt"),
        (PAIRS, {"prompt": TURN, "completion": REPLY}, "mixed_formats", "$"),
        (TURNS, {"prompt": "p", "completion": "c"}, "mixed_formats", "$"),
        (TURNS, {"prompt": TURN, "completion": []}, "empty_text", "$.completion"),
        (TURNS, {"prompt": TURN, "completion": TURN}, "last_role", "$.completion[0].role"),
        (TURNS, {"prompt": TURN}, "missing_field", "$.completion"),
        (TURNS, {"prompt": [{"role": "x", "content": "y"}], "completion": REPLY}, "role", "$.prompt[0].role"),
        (TEXTS, {"text": None}, "wrong_field_type", "$.text"),
        (TEXTS, {"text": "\n"}, "empty_text", "$.text"),
        (TEXTS, {"txt": "x"}, "missing_field", "$.text"),
        (TEXTS, {"text": "a", "label": "b"}, "mixed_formats", "$"),
        (CHOICES, {"prompt": "x", "chosen": "same", "rejected": "same"}, "equal_answers", "$.chosen"),
        (CHOICES, {"prompt": "x", "chosen": "a", "rejected": []}, "wrong_field_type", "$.rejected"),
        (CHOICES, {"prompt": "x", "chosen": " ", "rejected": "b"}, "empty_text", "$.chosen"),
        (CHOICES, {"prompt": "x", "chosen": "a"}, "missing_field", "$.rejected"),
    ],
)
def test_wrong_rows(check: Check, rows: list[Row], wrong: Row, rule: str, path: str) -> None:
    report = check(_file(*rows, wrong))
    assert report.status is DatasetStatus.NEEDS_FIXING
    [finding] = [one for one in report.findings if one.severity is Severity.ERROR]
    assert (finding.line, finding.rule, finding.path) == (11, rule, path)


def test_the_majority_says_what_a_file_is(check: Check) -> None:
    report = check(_file(PAIRS[0], *TEXTS))
    assert report.format is DatasetFormat.TEXT
    assert [(one.line, one.rule) for one in report.findings] == [(1, "mixed_formats")]


def test_a_file_whose_every_row_is_ambiguous_waits_to_be_mapped(check: Check) -> None:
    report = check(_file(*({**row, "text": "x"} for row in PAIRS)))
    assert report.status is DatasetStatus.NEEDS_MAPPING
    assert {one.rule: one.count for one in report.rules}["ambiguous"] == 10
