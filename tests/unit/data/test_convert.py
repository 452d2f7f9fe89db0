"""Rows in another format, files for the trainer, labels and token estimates."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from app.data.convert import convert_to_chat, prompt_and_answer, to_chat, to_prompt_completion, write_training_file
from app.data.labels import summarise_labels
from app.data.tokens import estimate_tokens
from app.data.validation import validate
from app.domain.datasets import DatasetFormat, DatasetStatus

Write = Callable[[bytes], Path]
CHAT = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": CHAT, "id": 1},
        {"prompt": "q", "completion": "a"},
        {"prompt": CHAT[:1], "completion": CHAT[1:]},
        {"text": "q", "label": "a"},
        {"instruction": "q", "output": "a"},
        {"instruction": "q", "input": "", "output": "a", "text": "rendered"},
        {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]},
    ],
)
def test_every_format_becomes_the_same_chat(row: dict[str, Any]) -> None:
    assert to_chat(row) == {"messages": CHAT}
    assert to_prompt_completion(row) == {"prompt": CHAT[:1], "completion": CHAT[1:]}
    assert prompt_and_answer(row) == ("q", "a")


def test_alpaca_input_and_system() -> None:
    row = {"instruction": "Translate", "input": "Haus", "output": "house", "system": "Be brief."}
    assert [message["content"] for message in to_chat(row)["messages"]] == ["Be brief.", "Translate\nHaus", "house"]


@pytest.mark.parametrize(
    "row",
    [
        {"text": "t"},
        {"x": 1},
        {"chosen": "a", "rejected": "b"},
        {"prompt": 1, "completion": "a"},
        {"instruction": 1, "output": "a"},
        {"conversations": []},
        {"conversations": [{"from": "observation", "value": "x"}]},
        {"conversations": ["x"]},
    ],
)
def test_what_cannot_be_chat_says_so(row: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w+.*\."):
        to_chat(row)


def test_one_message_cannot_be_parted() -> None:
    with pytest.raises(ValueError, match="one message"):
        to_prompt_completion({"messages": CHAT[1:]})


def test_questions_leave_out_the_system_and_keep_earlier_turns() -> None:
    row = {
        "messages": [
            {"role": "system", "content": "s"},
            *CHAT,
            {"role": "user", "content": "q2"},
            {"role": "assistant", "content": "a2"},
        ]
    }
    assert prompt_and_answer(row) == ("q\na\nq2", "a2")
    assert prompt_and_answer({"text": "t"}) == ("t", "")
    assert prompt_and_answer({}) == ("", "")


def test_training_files_hold_only_what_is_trained_on(write: Write, tmp_path: Path) -> None:
    rows = [{"messages": CHAT, "id": number, "note": {"x": None}} for number in range(3)]
    path = write(b"\n".join(map(orjson.dumps, rows)) + b"\n\nbroken\n")
    assert write_training_file(path, tmp_path / "all") == 3
    assert [orjson.loads(line) for line in (tmp_path / "all").read_bytes().splitlines()] == [{"messages": CHAT}] * 3
    assert write_training_file(path, tmp_path / "some", lines=[2, 5]) == 1


def test_converted_files_are_ready(write: Write, tmp_path: Path) -> None:
    rows = [{"conversations": [{"from": "human", "value": f"q{n}"}, {"from": "gpt", "value": "a"}]} for n in range(12)]
    path = write(b"\n".join(map(orjson.dumps, [*rows, {"conversations": []}, [1]])))
    refused = list(convert_to_chat(path, tmp_path / "chat"))
    report = validate(tmp_path / "chat")
    assert (report.format, report.status, report.rows) == (DatasetFormat.CHAT, DatasetStatus.READY, 12)
    assert [line for line, _ in refused] == [13, 14]
    assert all(reason.endswith(".") for _, reason in refused)


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
    summary = summarise_labels(answers)
    assert (list(summary.names) if summary else None) == labels


@pytest.mark.parametrize(
    ("text", "messages", "tokens"), [("", 0, 3), ("abcd", 0, 4), ("abcde", 2, 11), ("漢" * 4, 0, 6)]
)
def test_token_estimate(text: str, messages: int, tokens: int) -> None:
    assert estimate_tokens(text, messages) == tokens
