"""Rows of every format as canonical rows; what is shown of them, and labels."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.data import numbers
from app.data.convert import conversation, prompt_and_answer, write_canonical
from app.data.formats.format import Misshapen
from app.data.formats.registry import format_of, issues_of
from app.data.labels import LabelTracker
from app.data.lines import lines_in, lines_of
from app.data.split import write_part
from app.domain import canonical
from app.domain.errors import Invalid

Write = Callable[[bytes], Path]
DEEP = '[{"name": "f", "arguments": ' + "[" * 900 + "]" * 900 + "}]"  # JSON that is sound, and deeper than a row may be
CHAT = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
SYSTEM = {"role": "system", "content": "s"}
MORE = [*CHAT, {"role": "user", "content": "q2"}, {"role": "assistant", "content": "a2"}]


@pytest.mark.parametrize(
    ("row", "made"),
    [
        ({"messages": CHAT, "id": 1}, {"messages": CHAT}),
        ({"messages": CHAT, "tools": []}, {"messages": CHAT, "tools": []}),
        ({"prompt": "q", "completion": "a", "id": 1}, {"prompt": "q", "completion": "a"}),
        ({"prompt": CHAT[:1], "completion": CHAT[1:]}, {"prompt": CHAT[:1], "completion": CHAT[1:]}),
        ({"prompt": "q", "completion": "a", "label": "billing"}, {"prompt": "q", "completion": "a"}),
        ({"text": "t", "id": 1}, {"text": "t"}),
        ({"text": "q", "label": "a"}, {"messages": CHAT}),
        ({"instruction": "q", "output": "a"}, {"messages": CHAT}),
        ({"instruction": "q", "input": "", "output": "a", "text": "rendered"}, {"messages": CHAT}),
        ({"instruction": "q2", "output": "a2", "history": [["q", "a"]]}, {"messages": MORE}),
        ({"system": "s", "messages": CHAT}, {"messages": [SYSTEM, *CHAT]}),
        ({"system": "", "messages": CHAT}, {"messages": CHAT}),
        ({"text": "q", "ground_truth": "a"}, {"messages": CHAT}),
        ({"instruction": "q", "output": "a", "system": "s", "history": None}, {"messages": [SYSTEM, *CHAT]}),
        ({"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}, {"messages": CHAT}),
        (
            {"system": "s", "conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]},
            {"messages": [SYSTEM, *CHAT]},
        ),
        (
            {
                "conversations": [
                    {"from": "human", "value": "q"},
                    {
                        "from": "function_call",
                        "value": '<think>hm</think>\n{"name": "f", "arguments": {"n": 1.10}}',
                    },
                    {"from": "observation", "value": "7"},
                    {"from": "observation", "value": "8"},
                    {"from": "gpt", "value": "a"},
                ],
                "tools": '[{"name": "f"}, {"type": "function", "function": {"name": "g"}}]',
            },
            {
                "messages": [
                    CHAT[0],
                    {
                        "role": "assistant",
                        "content": "<think>hm</think>",
                        "tool_calls": [
                            {"type": "function", "function": {"name": "f", "arguments": {"n": numbers.loads(b"1.10")}}}
                        ],
                    },
                    {"role": "tool", "name": "f", "content": "7"},
                    {"role": "tool", "content": "8"},
                    CHAT[1],
                ],
                "tools": [{"type": "function", "function": {"name": name}} for name in "fg"],
            },
        ),
        (
            {
                "conversations": [{"from": "human", "value": "q"}],
                "chosen": {"from": "gpt", "value": "a"},
                "rejected": [{"from": "gpt", "value": "a2"}],
            },
            {"prompt": CHAT[:1], "chosen": CHAT[1:], "rejected": MORE[3:]},
        ),
        ({"chosen": "y", "rejected": "n"}, {"prompt": "", "chosen": "y", "rejected": "n"}),
        (
            {"input": {"messages": CHAT[:1]}, "preferred_output": CHAT[1:], "non_preferred_output": MORE[3:]},
            {"prompt": CHAT[:1], "chosen": CHAT[1:], "rejected": MORE[3:]},
        ),
        (  # the prompt stands once more at the beginning of both answers
            {"prompt": MORE[:1], "chosen": MORE[:2], "rejected": [MORE[0], MORE[3]]},
            {"prompt": MORE[:1], "chosen": MORE[1:2], "rejected": MORE[3:]},
        ),
        (
            {"chosen": MORE[:2], "rejected": [MORE[0], MORE[3]]},
            {"prompt": MORE[:1], "chosen": MORE[1:2], "rejected": MORE[3:]},
        ),
    ],
)
def test_every_format_becomes_a_canonical_row(row: dict[str, Any], made: dict[str, Any]) -> None:
    assert format_of(row).canonical(row) == made


def test_alpaca_input_is_a_line_of_its_own_and_labels_are_written_as_json_has_them() -> None:
    row = {"instruction": "Translate", "input": "Haus", "output": "house"}
    assert format_of(row).canonical(row)["messages"][0]["content"] == "Translate\nHaus"
    for label, answer in ((1, "1"), (True, "true"), (0.5, "0.5")):
        row = {"text": "t", "label": label}  # type: ignore[dict-item]
        assert format_of(row).canonical(row)["messages"][1]["content"] == answer


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"x": 1}, "no known format"),
        ({"messages": CHAT, "text": "t"}, "more than one format"),
        ({"prompt": "q", "completion": "a", "label": True}, "unpaired"),
        ({"prompt": "q", "completion": "a", "label": "False"}, "unpaired"),
        ({"instruction": 1, "output": "a"}, "instruction is a number"),
        ({"instruction": "q", "output": "a", "history": ["q"]}, "history"),
        ({"text": "q", "label": None}, "label is null"),
        ({"text": ["q"], "label": "a"}, "text is a list"),
        ({"conversations": []}, "an empty list"),
        ({"conversations": [{"from": "narrator", "value": "x"}]}, "Turn 1"),
        ({"conversations": [{"from": "function_call", "value": "f(1)"}]}, "Turn 1 .* is no JSON"),
        ({"conversations": [{"from": "function_call", "value": DEEP}]}, "nests deeper than 64 levels"),
        ({"messages": CHAT, "tools": DEEP}, "tools is a text that nests deeper than 64 levels"),
        ({"messages": CHAT, "functions": "f"}, "functions is a text that is no JSON"),
        ({"messages": CHAT, "functions": {"name": "f"}}, "functions is an object, not a list"),
        ({"conversations": [{"from": "function_call", "value": "[]"}]}, "does not name a function"),
        ({"conversations": [{"from": "function_call", "value": '[{"name": "f"}, 1]'}]}, "does not name a function"),
        ({"conversations": [{"from": "human", "value": "x"}], "tools": "f"}, "tools is a text that is no JSON"),
        ({"conversations": ["x"]}, "Turn 1"),
        ({"chosen": [CHAT[1]], "rejected": [MORE[3]]}, "no prompt"),
        ({"prompt": 7, "chosen": "y", "rejected": "n"}, "neither text nor a list"),
    ],
)
def test_what_cannot_be_understood_says_so(row: dict[str, Any], said: str) -> None:
    with pytest.raises(Misshapen, match=said):
        format_of(row).canonical(row)


def test_questions_leave_out_the_system_and_keep_earlier_turns() -> None:
    assert prompt_and_answer({"messages": [SYSTEM, *MORE]}) == ("q\na\nq2", "a2")
    assert prompt_and_answer({"prompt": "q", "completion": "a"}) == ("q", "a")
    assert prompt_and_answer({"text": "t"}) == ("t", "")
    assert prompt_and_answer({}) == ("", "")


def test_a_preference_shows_both_answers_and_asks_nothing_of_a_split() -> None:
    row = {"chosen": MORE[:2], "rejected": [MORE[0], MORE[3]]}
    assert conversation(row) == [("user", "q", False), ("chosen", "a", True), ("rejected", "a2", False)]
    assert prompt_and_answer(row) == ("", "")


JSON = st.recursive(
    st.none()
    | st.integers(-2, 2)
    | st.sampled_from(["", "f", "[]", '{"name": "f"}', '[{"function": 1, "name": "f"}]']),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "id", "type", "function", "arguments"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.tuples(JSON, JSON, JSON), st.sampled_from(["user", "assistant", "tool", "function"]))
@settings(max_examples=300, deadline=None)
def test_whatever_stands_for_a_tool_or_a_call_is_read_or_refused(values: tuple[Any, ...], role: str) -> None:
    one, two, three = values
    calling = {"role": role, "content": "x", "tool_calls": one, "function_call": two, "tool_call_id": three}
    turns = [{"from": "human", "value": "q"}, {"from": "function_call", "value": two}, {"from": "gpt", "value": "a"}]
    for row in (
        {"messages": [CHAT[0], calling, CHAT[1]], "tools": three, "functions": one},
        {"prompt": [CHAT[0], calling], "completion": CHAT[1:], "tools": one},
        {
            "input": {"messages": [calling], "tools": two},
            "preferred_output": [calling],
            "non_preferred_output": CHAT[1:],
        },
        {"conversations": turns, "tools": one},
    ):
        form = format_of(row)
        wrong = [each for each in issues_of(form, row) if each.rule.severity == "error"]
        try:
            made = form.canonical(row)
            conversation(row)
        except Misshapen:
            assert wrong
        else:
            numbers.dumps(made)


def test_whether_several_calls_are_allowed_at_once_is_kept() -> None:
    """OpenAI's rows may forbid them, beside the messages or in a preference's input; its wire gets it again."""
    assert format_of({"messages": CHAT}).canonical({"messages": CHAT, "parallel_tool_calls": False}) == {
        "messages": CHAT,
        "parallel_tool_calls": False,
    }
    asked = {"messages": CHAT[:1], "parallel_tool_calls": False}
    row = {"input": asked, "preferred_output": CHAT[1:], "non_preferred_output": MORE[3:]}
    assert format_of(row).canonical(row)["parallel_tool_calls"] is False


def test_a_call_of_a_tool_is_shown() -> None:
    """As it is written: with arguments as a text or an object, in any spelling; what a row asks stays its texts."""
    calls = [
        {"type": "function", "function": {"name": "f", "arguments": '{"n":  1}'}},
        {"type": "function", "function": {"name": "g", "arguments": {"n": numbers.loads(b"1.10")}}},
        {"name": "h"},
        "i",
    ]
    row = {"messages": [CHAT[0], {"role": "assistant", "content": "Well.", "tool_calls": calls}]}
    shown = 'Well.\nf({"n":  1})\ng({"n":1.10})\nh()\n"i"'
    assert conversation(row) == [("user", "q", False), ("assistant", shown, True)]
    assert prompt_and_answer(row) == ("q", "Well.")
    pair = {"prompt": CHAT[:1], "chosen": [{"role": "assistant", "tool_calls": calls[:1]}], "rejected": MORE[3:]}
    assert conversation(pair)[1:] == [("chosen", 'f({"n":  1})', True), ("rejected", "a2", False)]


@given(st.lists(st.sampled_from("abc \n"), max_size=30), st.data())
@settings(max_examples=100, deadline=None)
def test_a_parts_lines_are_those_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], data: st.DataObject
) -> None:
    """In their order, blank ones counted; of equal lines each has a number of its own."""
    folder = tmp_path_factory.mktemp("lines")
    source, part = folder / "source", folder / "part"
    source.write_text("".join(f"{each.strip()}\n" for each in lines))
    there = dict(lines_of(source))
    chosen = sorted(data.draw(st.sets(st.sampled_from(sorted(there)))) if there else ())
    write_part(source, chosen, part)
    found = list(lines_in(source, part))
    assert [line for _, line in found] == [there[number] for number in chosen]
    assert all(there[number] == line for number, line in found)
    numbers_found = [number for number, _ in found]
    assert numbers_found == sorted(set(numbers_found))


def test_a_canonical_file_has_the_lines_of_the_file_that_was_brought(write: Write, tmp_path: Path) -> None:
    rows = [{"messages": CHAT, "id": number, "note": {"x": None}, "line": 99} for number in range(3)]
    path = write(b"\n".join([orjson.dumps(rows[0]), b"", *map(orjson.dumps, rows[1:])]) + b"\n")
    assert write_canonical(path, tmp_path / "out") == 3
    written = (tmp_path / "out").read_bytes().splitlines(keepends=True)
    assert [orjson.loads(line) for line in written] == [{"line": line, "messages": CHAT} for line in (1, 3, 4)]
    assert [canonical.without_line(line) for line in written] == [orjson.dumps({"messages": CHAT}) + b"\n"] * 3


@pytest.mark.parametrize("line", [b"broken", b"[1]", b'{"x": 1}', b'{"conversations": []}'])
def test_a_row_that_cannot_be_understood_is_named(write: Write, tmp_path: Path, line: bytes) -> None:
    path = write(orjson.dumps({"messages": CHAT}) + b"\n\n" + line + b"\n")
    with pytest.raises(Invalid, match="Line 3 of the dataset cannot be understood"):
        write_canonical(path, tmp_path / "out")


@pytest.mark.parametrize(
    ("answers", "labels"),
    [
        (["a", "b"] * 2, ["a", "b"]),
        (["a", " a", "b ", "b"], ["a", "b"]),
        ([str(number) for number in range(20)] * 2, sorted(str(number) for number in range(20))),
        ([str(number) for number in range(21)] * 5, None),
        (["a", "b", "c"], None),
        (["a"] * 9, None),
        (["a", "x" * 61] * 9, None),
        (["a", "two\nlines"] * 9, None),
        (["a", ""] * 9, None),
        ([], None),
    ],
)
def test_labels(answers: list[str], labels: list[str] | None) -> None:
    tracker = LabelTracker()
    for answer in answers:
        tracker.add(answer)
    summary = tracker.summary()
    assert (list(summary.names) if summary else None) == labels
