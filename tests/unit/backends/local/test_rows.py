import json
from pathlib import Path

import pytest

from app.training.failures import ChildError
from app.training.rows import read_rows

CHAT = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}


def written(folder: Path, *lines: object, prefix: str = "") -> Path:
    path = folder / "rows.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text(prefix + "\n".join(texts) + "\n", encoding="utf-8")
    return path


def test_lines_are_counted_with_the_empty_ones(tmp_path: Path) -> None:
    rows = read_rows(written(tmp_path, CHAT, "", CHAT, prefix="\ufeff"))
    assert [row.line for row in rows] == [1, 3]


def test_a_row_knows_its_line_in_the_file_that_was_brought(tmp_path: Path) -> None:
    rows = read_rows(written(tmp_path, {"line": 3, **CHAT}, {"line": 8, **CHAT}))
    assert [row.line for row in rows] == [3, 8]
    with pytest.raises(ChildError, match="Line 9 has a turn without a role"):
        read_rows(written(tmp_path, {"line": 9, "messages": [{"content": "x"}]}))


def test_what_is_not_trained_is_left_out_of_a_turn(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "ab", "name": "x"}, {"role": "assistant", "content": "c", "weight": 1}]
    (read,) = read_rows(written(tmp_path, {"messages": turns, "id": 7}))
    assert read.value == {"messages": [{"role": "user", "content": "ab"}, {"role": "assistant", "content": "c"}]}


def test_a_conversation_given_as_prompt_and_completion_is_a_conversation(tmp_path: Path) -> None:
    row = {"prompt": CHAT["messages"][:1], "completion": CHAT["messages"][1:]}
    (read,) = read_rows(written(tmp_path, row))
    assert (read.shape, read.value) == ("messages", CHAT)


@pytest.mark.parametrize(
    ("weights", "everything", "last"),
    [((1, 1, 1), (), (1, 3)), ((1, 1, 0), (5,), (1, 5)), ((0, 1, 1), (1,), (1, 3)), ((0, 0, 0), (1, 3, 5), (1, 3, 5))],
)
def test_by_choice_only_the_last_answer_that_may_be_learned_is(
    tmp_path: Path, weights: tuple[int, ...], everything: tuple[int, ...], last: tuple[int, ...]
) -> None:
    turns = [turn for weight in weights for turn in (CHAT["messages"][0], {**CHAT["messages"][1], "weight": weight})]
    path = written(tmp_path, {"messages": turns})
    assert [row.ignored_turns for row in read_rows(path)] == [everything]
    assert [row.ignored_turns for row in read_rows(path, only_last=True)] == [last]


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
        ({"messages": [{"role": "assistant", "content": None}]}, "bad_row", "without a text"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "bad_row",
            "a part of the kind image_url",
        ),
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


USER, YES, NO = (
    {"role": role, "content": text} for role, text in (("user", "q"), ("assistant", "y"), ("assistant", "n"))
)
PAIR = {"prompt": [USER], "chosen": [YES], "rejected": [NO]}


@pytest.mark.parametrize(
    "row",
    [
        PAIR,
        {"prompt": "q", "chosen": [YES], "rejected": "n"},
        {"chosen": [USER, YES], "rejected": [USER, NO]},
        {"input": {"messages": [USER]}, "preferred_output": [YES], "non_preferred_output": [NO]},
    ],
    ids=["lists", "texts and lists", "prompt inside", "as OpenAI writes it"],
)
def test_a_pair_of_answers_is_read_in_every_form(tmp_path: Path, row: dict[str, object]) -> None:
    (read,) = read_rows(written(tmp_path, row))
    assert (read.shape, read.value) == ("preference", PAIR)


def test_a_pair_of_texts_stays_texts(tmp_path: Path) -> None:
    row = {"prompt": "q", "chosen": "y", "rejected": "n"}
    assert read_rows(written(tmp_path, row))[0].value == row
    bare = {"chosen": "y", "rejected": "n"}
    assert read_rows(written(tmp_path, bare))[0].value == {"prompt": "", **bare}


@pytest.mark.parametrize(
    "row",
    [
        {**PAIR, "chosen": []},
        {**PAIR, "rejected": [USER]},
        {**PAIR, "chosen": 7},
        {"chosen": [YES], "rejected": [NO]},
        {**PAIR, "chosen": [{"content": "no role"}]},
    ],
)
def test_a_pair_that_lacks_something_is_refused_with_its_line(tmp_path: Path, row: dict[str, object]) -> None:
    with pytest.raises(ChildError, match="Line 1 has"):
        read_rows(written(tmp_path, row))


@pytest.mark.parametrize(
    ("weights", "ignored_turns"),
    [((None, None), ()), ((0, 1), (1,)), ((0, 0), (1, 3)), ((False, 1), ()), (("0", 1), ())],
)
def test_turns_of_weight_0_are_distinguished(
    tmp_path: Path, weights: tuple[object, object], ignored_turns: tuple[int, ...]
) -> None:
    first, second = ({"weight": weight} if weight is not None else {} for weight in weights)
    row = {"messages": [USER, {**YES, **first}, USER, {**NO, **second}]}
    (read,) = read_rows(written(tmp_path, row))
    assert (read.value, read.ignored_turns) == ({"messages": [USER, YES, USER, NO]}, ignored_turns)
    (split,) = read_rows(written(tmp_path, {"prompt": row["messages"][:3], "completion": row["messages"][3:]}))
    assert split.ignored_turns == ignored_turns
