"""Chat rows: every rule, its JSON path and its remedy."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from app.domain.datasets import DatasetFormat, DatasetReport, DatasetStatus, Severity

Check = Callable[[bytes], DatasetReport]
USER = {"role": "user", "content": "q"}
ANSWER = {"role": "assistant", "content": "a"}


@pytest.mark.parametrize(
    ("row", "rule", "path", "words"),
    [
        ({"mesages": []}, "messages", "$.messages", "its fields are: mesages"),
        ({"messages": []}, "messages", "$.messages", "an empty list"),
        ({"messages": None}, "messages", "$.messages", "null"),
        ({"messages": "hello"}, "messages", "$.messages", "a text"),
        ({"messages": {"a": 1}}, "messages", "$.messages", "an object"),
        ({"messages": [3, ANSWER]}, "message", "$.messages[0]", "a number"),
        ({"messages": [{"content": "q"}, ANSWER]}, "role", "$.messages[0].role", "no role"),
        ({"messages": [USER, {"role": ["x"], "content": "a"}]}, "role", "$.messages[1].role", "a list"),
        ({"messages": [{"role": "human", "content": "q"}, ANSWER]}, "role", "$.messages[0].role", '"human"'),
        ({"messages": [{"role": "User", "content": "q"}, ANSWER]}, "role", "$.messages[0].role", '"User"'),
        ({"messages": [{"role": "user"}, ANSWER]}, "empty_content", "$.messages[0].content", "no content"),
        ({"messages": [{**USER, "content": None}, ANSWER]}, "empty_content", "$.messages[0].content", "null"),
        ({"messages": [{**USER, "content": ""}, ANSWER]}, "empty_content", "$.messages[0].content", "empty"),
        ({"messages": [USER, {**ANSWER, "content": " \n"}]}, "empty_content", "$.messages[1].content", "blank"),
        ({"messages": [{**USER, "content": 7}, ANSWER]}, "content", "$.messages[0].content", "a number"),
        ({"messages": [{**USER, "content": True}, ANSWER]}, "content", "$.messages[0].content", "true or false"),
        ({"messages": [{**USER, "content": {"a": 1}}, ANSWER]}, "content", "$.messages[0].content", "an object"),
        ({"messages": [{**USER, "content": [{"type": "text"}]}, ANSWER]}, "content", "$.messages[0].content", "parts"),
        ({"messages": [USER]}, "last_role", "$.messages[0].role", "from user"),
        ({"messages": [USER, ANSWER, USER]}, "last_role", "$.messages[2].role", "from user"),
        ({"messages": [{**USER, "weight": 1}, ANSWER]}, "weight", "$.messages[0].weight", "'user'"),
        ({"messages": [USER, {**ANSWER, "weight": 0.5}]}, "weight", "$.messages[1].weight", "0.5"),
        ({"messages": [USER, {**ANSWER, "weight": True}]}, "weight", "$.messages[1].weight", "True"),
        ({"messages": [USER, {**ANSWER, "weight": 0}]}, "nothing_to_learn", "$.messages", "weight 0"),
        ({"messages": [USER, ANSWER], "prompt": "x", "completion": "y"}, "ambiguous", "$", "more than one"),
        ({"messages": [USER, ANSWER], "text": "x"}, "ambiguous", "$", "more than one"),
        ({"prompt": "x", "completion": "y"}, "mixed_formats", "$", "prompt and completion, while"),
        ({"text": "x"}, "mixed_formats", "$", "format text"),
        ({"conversations": []}, "mixed_formats", "$", "ShareGPT"),
    ],
)
def test_wrong_row(check: Check, twelve: list[bytes], row: dict[str, Any], rule: str, path: str, words: str) -> None:
    report = check(b"".join([*twelve[:6], orjson.dumps(row) + b"\n", *twelve[6:]]))
    assert (report.status, report.errors) == (DatasetStatus.NEEDS_FIXING, 1)
    [finding] = [one for one in report.findings if one.severity is Severity.ERROR]
    assert (finding.line, finding.offset) == (7, sum(map(len, twelve[:6])))
    assert (finding.rule, finding.path) == (rule, path)
    assert words in finding.message
    assert finding.fix


@pytest.mark.parametrize(
    ("messages", "rule"),
    [
        ([ANSWER], "no_user"),
        ([USER, USER, ANSWER], "order"),
        ([USER, {"role": "system", "content": "s"}, ANSWER], "order"),
        ([{**USER, "colour": "red"}, ANSWER], "message_field"),
        ([{**USER, "content": "a\0b"}, ANSWER], "nul_character"),
    ],
)
def test_odd_row_is_a_warning_and_counts(check: Check, twelve: list[bytes], messages: list[Any], rule: str) -> None:
    report = check(b"".join(twelve) + orjson.dumps({"messages": messages}))
    assert (report.status, report.warnings) == (DatasetStatus.READY, 1)
    assert (report.findings[0].rule, report.findings[0].line) == (rule, 13)
    assert sum(count for _, count in report.roles) == 24 + len(messages)


@pytest.mark.parametrize(
    ("messages", "feature"),
    [
        ([{"role": "system", "content": "s"}, USER, ANSWER], "system"),
        ([{"role": "developer", "content": "s"}, USER, ANSWER], "system"),
        ([USER, ANSWER, USER, ANSWER], "multi_turn"),
        ([USER, {**ANSWER, "weight": 0}, USER, {**ANSWER, "weight": 1}], "weight"),
        (
            [
                USER,
                {"role": "assistant", "tool_calls": [{"id": "c"}]},
                {"role": "tool", "tool_call_id": "c", "content": "t"},
                ANSWER,
            ],
            "tools",
        ),
    ],
)
def test_sound_rows_and_what_they_make_use_of(
    check: Check, twelve: list[bytes], messages: list[Any], feature: str
) -> None:
    report = check(b"".join(twelve) + orjson.dumps({"messages": messages}))
    assert (report.status, report.errors) == (DatasetStatus.READY, 0)
    assert feature in report.features


@pytest.mark.parametrize(
    ("messages", "path"),
    [
        ([USER, {"role": "assistant", "tool_calls": []}, ANSWER], "$.messages[1].tool_calls"),
        ([{**USER, "tool_calls": [{}]}, ANSWER], "$.messages[0].tool_calls"),
        ([USER, {"role": "tool", "content": "t"}, ANSWER], "$.messages[1].tool_call_id"),
    ],
)
def test_broken_tool_calls(check: Check, twelve: list[bytes], messages: list[Any], path: str) -> None:
    report = check(b"".join(twelve) + orjson.dumps({"messages": messages}))
    assert path in [one.path for one in report.findings if one.rule == "tool"]


def test_all_errors_of_one_row(check: Check, twelve: list[bytes]) -> None:
    row = {"messages": [{"role": "robot", "content": 1}, "x", {"role": "user", "content": ""}]}
    report = check(b"".join(twelve) + orjson.dumps(row))
    assert [one.rule for one in report.findings] == ["role", "content", "message", "empty_content", "last_role"]


def test_further_fields_are_reported_once(check: Check, chat_row: Callable[..., bytes]) -> None:
    report = check(b"".join(chat_row(f"q{number}", "a", id=number, note={"x": 1}) for number in range(12)))
    assert report.status is DatasetStatus.READY
    assert [(one.rule, one.message) for one in report.findings] == [
        ("extra_fields", "Rows also have the fields: id, note.")
    ]


def test_equal_rows_name_the_first(check: Check, twelve: list[bytes]) -> None:
    spaced = twelve[2].replace(b'{"messages":', b'{"id": 7, "messages" : ')
    report = check(b"".join([*twelve, twelve[2], spaced, twelve[4]]))
    found = [(one.line, one.message) for one in report.findings if one.rule == "duplicate_row"]
    assert found == [
        (13, "The row is the same as the one in line 3."),
        (14, "The row is the same as the one in line 3."),
        (15, "The row is the same as the one in line 5."),
    ]
    assert report.status is DatasetStatus.READY


def test_labels_are_recognised(check: Check, chat_row: Callable[..., bytes]) -> None:
    report = check(b"".join(chat_row(f"q{number}", ("yes", "no", "no")[number % 3]) for number in range(12)))
    assert report.labels is not None
    assert [(one.label, one.rows) for one in report.labels.labels] == [("no", 8), ("yes", 4)]
    assert report.labels.names == ("no", "yes")


def test_figures(check: Check, chat_row: Callable[..., bytes]) -> None:
    report = check(b"".join(chat_row("x" * length, "é" * 10) for length in (19, 19, 99, 399)))
    assert report.format is DatasetFormat.CHAT
    # 1 separator and 20 bytes of answer, a quarter of it, and three for each of two messages and the row
    assert report.tokens_estimate == 19 + 19 + 39 + 114
    assert sum(one.rows for one in report.lengths) == 4
    for one in report.lengths:
        assert one.high is not None
        assert one.low < one.high
    assert report.longest_line == len(chat_row("x" * 399, "é" * 10)) - 1
    assert report.roles == (("user", 4), ("assistant", 4))
