import json
from pathlib import Path

import pytest

from app.backends.local.children.failures import ChildError
from app.backends.local.children.rows import read_rows

CHAT = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}


def written(folder: Path, *lines: object, prefix: str = "") -> Path:
    path = folder / "rows.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text(prefix + "\n".join(texts) + "\n", encoding="utf-8")
    return path


def test_lines_are_counted_with_the_empty_ones(tmp_path: Path) -> None:
    rows = read_rows(written(tmp_path, CHAT, "", CHAT, prefix="\ufeff"))
    assert [row.line for row in rows] == [1, 3]


def test_what_is_not_trained_is_left_out_of_a_turn(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]
    row = {"messages": [*turns, {"role": "assistant", "content": "c", "weight": 1}], "id": 7}
    (read,) = read_rows(written(tmp_path, row))
    assert read.value == {"messages": [{"role": "user", "content": "ab"}, {"role": "assistant", "content": "c"}]}


def test_a_conversation_given_as_prompt_and_completion_is_a_conversation(tmp_path: Path) -> None:
    row = {"prompt": CHAT["messages"][:1], "completion": CHAT["messages"][1:]}
    (read,) = read_rows(written(tmp_path, row))
    assert (read.shape, read.value) == ("messages", CHAT)


def test_a_line_separator_inside_a_text_ends_no_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"text": "a\u2028b"}, ensure_ascii=False) + "\n", encoding="utf-8")
    assert [row.value for row in read_rows(path)] == [{"text": "a\u2028b"}]


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ('{"messages": [', "bad_row", "Line 2 is not JSON"),
        ("[1]", "bad_row", "Line 2 is not a JSON object"),
        ({"question": "x"}, "bad_row", "neither messages, nor prompt and completion, nor text"),
        ({"messages": [{"role": "user", "content": "x"}]}, "bad_row", "no assistant turn"),
        ({"messages": [{"content": "x"}]}, "bad_row", "without a role"),
        ({"messages": [{"role": "assistant", "content": None}]}, "bad_row", "without content"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "tools_unsupported", "tool call"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "images_unsupported", "not text"),
        ({"text": "x"}, "mixed_rows", "Line 1 has messages, line 2 has text"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: object, code: str, said: str) -> None:
    with pytest.raises(ChildError) as caught:
        read_rows(written(tmp_path, CHAT, line))
    assert caught.value.failure.code == code
    assert said in caught.value.failure.message
    assert caught.value.failure.fix


def test_no_rows_and_no_file_are_said(tmp_path: Path) -> None:
    with pytest.raises(ChildError, match="has no rows"):
        read_rows(written(tmp_path, ""))
    with pytest.raises(ChildError, match=r"none\.jsonl is gone"):
        read_rows(tmp_path / "none.jsonl")
