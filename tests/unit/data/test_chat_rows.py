"""Chat rows: every rule, its JSON path and its remedy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from app.data import numbers
from app.data.convert import write_canonical
from app.data.formats.registry import format_of
from app.domain.datasets import DatasetFormat, DatasetReport, DatasetStatus, Severity

Check = Callable[[bytes], DatasetReport]
USER = {"role": "user", "content": "q"}
ANSWER = {"role": "assistant", "content": "a"}
CALLS = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]


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
        ({"messages": [{**USER, "content": []}, ANSWER]}, "content", "$.messages[0].content", "parts"),
        ({"messages": [USER]}, "last_role", "$.messages[0].role", "from user"),
        ({"messages": [USER, ANSWER, USER]}, "last_role", "$.messages[2].role", "from user"),
        ({"messages": [{**USER, "weight": 1}, ANSWER]}, "weight", "$.messages[0].weight", "'user'"),
        ({"messages": [USER, {**ANSWER, "weight": 0.5}]}, "weight", "$.messages[1].weight", "0.5"),
        ({"messages": [USER, {**ANSWER, "weight": True}]}, "weight", "$.messages[1].weight", "True"),
        ({"messages": [USER, {**ANSWER, "weight": 0}]}, "nothing_to_learn", "$.messages", "weight 0"),
        ({"messages": [USER, ANSWER], "tools": "[{]"}, "tool", "$.tools", "no JSON"),
        ({"messages": [USER, ANSWER], "tools": '{"a": 1}'}, "tool", "$.tools", "an object, not a list"),
        ({"messages": [USER, ANSWER], "tools": ["find"]}, "tool", "$.tools", "other things than objects"),
        ({"messages": [USER, ANSWER], "tools": 7}, "tool", "$.tools", "a number, not a list"),
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
                {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f"}}]},
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
        ([USER, {"role": "assistant", "tool_calls": [{"id": "c"}]}, ANSWER], "$.messages[1].tool_calls"),
        ([USER, {"role": "assistant", "tool_calls": "f()"}, ANSWER], "$.messages[1].tool_calls"),
        ([USER, {"role": "assistant", "function_call": "f()"}, ANSWER], "$.messages[1].function_call"),
        ([USER, {"role": "assistant", "function_call": {"arguments": "{}"}}, ANSWER], "$.messages[1].function_call"),
        ([{**USER, "function_call": {"name": "f"}}, ANSWER], "$.messages[0].function_call"),
        ([USER, {**ANSWER, "function_call": {"name": "f"}, "tool_calls": CALLS}], "$.messages[1].function_call"),
        ([USER, {"role": "tool", "content": "t"}, ANSWER], "$.messages[1].tool_call_id"),
        ([USER, {"role": "function", "name": "f", "content": "t"}, ANSWER], "$.messages[1].tool_call_id"),
    ],
)
def test_broken_tool_calls(check: Check, twelve: list[bytes], messages: list[Any], path: str) -> None:
    report = check(b"".join(twelve) + orjson.dumps({"messages": messages}))
    assert path in [one.path for one in report.findings if one.rule == "tool"]


NULLS = dict.fromkeys(("name", "weight", "tool_calls", "tool_call_id", "function_call", "refusal", "thinking"))


def test_a_null_in_a_message_is_a_field_that_it_has_not_got(
    check: Check, write: Callable[[bytes], Path], tmp_path: Path
) -> None:
    """Tables, Parquet's too, have a column for each field that any message has; `datasets` writes the nulls as JSON."""
    plain = {"messages": [USER, {**ANSWER, "weight": 1}]}
    calling = {"messages": [USER, {"role": "assistant", "content": None, "tool_calls": CALLS}]}
    more = ({"messages": [USER, {**ANSWER, "content": str(n)}]} for n in range(12))
    rows: list[dict[str, Any]] = [plain, *more, calling]
    beside = {"tools": None, "system": None}
    full = [{"messages": [{**NULLS, **turn} for turn in row["messages"]], **beside} for row in rows]
    content = b"".join(orjson.dumps(row) + b"\n" for row in full)
    report = check(content)
    assert (report.status, report.errors) == (DatasetStatus.READY, 0)
    assert {one.rule: one.count for one in report.rules} == {"tools": 1}
    write_canonical(write(content), tmp_path / "made")
    made = [orjson.loads(line) for line in (tmp_path / "made").read_bytes().splitlines()]
    assert made == [{"line": line, **row} for line, row in enumerate(rows, 1)]
    for names in (("completion",), ("chosen", "rejected")):
        row = {"prompt": [{**NULLS, **USER}], **{name: [{**NULLS, **ANSWER}] for name in names}}
        assert format_of(row).canonical(row) == {"prompt": [USER], **{name: [ANSWER] for name in names}}


def test_a_null_in_a_tool_or_a_call_is_a_field_of_another_one() -> None:
    """Arrow gives each object of a column the fields of all; texts of JSON stand as somebody wrote them."""
    function = {"name": "f", "arguments": {"city": "Bonn", "unit": None, "more": [{"a": None}, None]}}
    schema = {"type": "object", "properties": {"city": {"type": "string", "enum": None}, "unit": None}}
    tools = [{"type": "function", "function": {"name": "f", "description": None, "parameters": schema}}]
    calling = {"role": "assistant", "content": None, "tool_calls": [{"id": None, "function": function}]}
    made = format_of({"messages": [USER]}).canonical({"messages": [USER, calling], "tools": tools})
    called = {"name": "f", "arguments": {"city": "Bonn", "more": [{}, None]}}
    assert made["messages"] == [USER, {**calling, "tool_calls": [{"function": called}]}]
    known = {"type": "object", "properties": {"city": {"type": "string"}}}
    assert made["tools"] == [{"type": "function", "function": {"name": "f", "parameters": known}}]
    written = {"messages": [USER, {**calling, "tool_calls": [{"function": {"name": "f", "arguments": '{"u": null}'}}]}]}
    assert format_of(written).canonical(written) == written


def test_functions_are_tools_of_the_former_kind(check: Check, twelve: list[bytes]) -> None:
    """And so are a call of one and its answer, which OpenAI's first rows with tools have."""
    function, called = {"name": "f", "parameters": {"type": "object"}}, {"name": "f", "arguments": '{"a": 1.10}'}
    calling = {"role": "assistant", "content": None, "function_call": called, "weight": 1}
    answer = {"role": "function", "name": "f", "content": "t"}
    row = {"messages": [USER, calling, answer, ANSWER], "functions": [function]}
    report = check(b"".join(twelve) + orjson.dumps(row))
    assert (report.status, report.errors) == (DatasetStatus.READY, 0)
    assert "tools" in report.features
    made = [{"type": "function", "function": called}]
    assert format_of(row).canonical(row) == {
        "messages": [
            USER,
            {"role": "assistant", "content": None, "weight": 1, "tool_calls": made},
            {**answer, "role": "tool"},
            ANSWER,
        ],
        "tools": [{"type": "function", "function": function}],
    }


def test_an_answer_of_a_tool_may_do_without_the_id_of_its_call(check: Check, twelve: list[bytes]) -> None:
    """TRL's rows name the tool instead; a call may also stand without the object around its function."""
    function = {"name": "f", "arguments": {"a": 1}}
    for call in ({"type": "function", "function": function}, function):
        calling, answer = {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "name": "f", "content": "t"}
        row = {"messages": [USER, calling, answer, ANSWER]}
        report = check(b"".join(twelve) + orjson.dumps(row))
        assert (report.status, report.errors) == (DatasetStatus.READY, 0)
        made = format_of(row).canonical(row)["messages"]
        assert made[1:3] == [
            {"role": "assistant", "tool_calls": [{"type": "function", "function": function}]},
            answer,
        ]


def test_parts_of_text_are_one_text(check: Check, twelve: list[bytes]) -> None:
    parts = [{"type": "text", "text": "q"}, {"type": "text", "text": "uestion", "image_url": None}]
    row = {"messages": [{"role": "user", "content": parts}, ANSWER]}
    report = check(b"".join(twelve) + orjson.dumps(row))
    assert (report.status, report.errors) == (DatasetStatus.READY, 0)
    assert format_of(row).canonical(row) == {"messages": [{"role": "user", "content": "question"}, ANSWER]}
    pair = {"prompt": row["messages"][:1], "chosen": [ANSWER], "rejected": [{**ANSWER, "content": "b"}]}
    assert format_of(pair).canonical(pair)["prompt"] == [{"role": "user", "content": "question"}]


def test_tools_may_be_a_text_of_json(check: Check, twelve: list[bytes]) -> None:
    """As TRL has them kept where a table can hold them no other way; numbers stay as they are written."""
    text = '[{"type": "function", "function": {"name": "f", "parameters": {"most": 1.10}}}]'
    row = {"messages": [USER, ANSWER], "tools": text}
    report = check(b"".join(twelve) + orjson.dumps(row))
    assert (report.status, report.errors) == (DatasetStatus.READY, 0)
    made = format_of(row).canonical(row)
    assert numbers.dumps(made["tools"]).decode() == text.replace(" ", "")
    assert format_of(row).canonical({**row, "tools": " "}) == {"messages": [USER, ANSWER]}


def test_a_list_that_a_table_wrote_as_a_text_says_how_to_write_it(check: Check) -> None:
    row = {"messages": "[{'role': 'user', 'content': 'q'}]"}
    report = check((orjson.dumps(row) + b"\n") * 12)
    assert "messages:json" in next(one.fix for one in report.findings if one.rule == "messages")


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
