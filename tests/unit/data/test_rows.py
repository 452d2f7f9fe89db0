"""Rows by line number, and what is shown of them."""

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.data.index import build_index, load_index, save_index
from app.data.lines import BOM
from app.data.rows import SHOWN_BYTES, RowMessage, read_rows
from app.data.visible import visible

Write = Callable[[bytes], Path]


def test_pages_of_a_large_file(write: Write, chat_row: Callable[..., bytes]) -> None:
    path = write(b"".join(chat_row(f"{number} " + "x" * (number % 500)) for number in range(1, 5001)))
    index = build_index(path)
    assert (index.lines, index.bytes) == (5000, path.stat().st_size)
    for start in (1, 2, 999, 2500, 4999, 5000):
        rows = read_rows(path, index, start, 3)
        assert [row.line for row in rows] == list(range(start, min(start + 3, 5001)))
        assert rows[0].messages[0].content.startswith(f"{start} ")
    assert read_rows(path, index, 5001, 3) == []
    assert read_rows(path, index, 1, 10_000)[-1].line == 200


@given(st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line), max_size=40), st.booleans())
@settings(max_examples=50, deadline=None)
def test_index_counts_lines_as_files_do(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], ended: bool
) -> None:
    content = b"\n".join(lines) + (b"\n" if ended else b"")
    path = tmp_path_factory.mktemp("index") / "rows"
    path.write_bytes(content)
    unended = bool(content) and not content.endswith(b"\n")
    assert build_index(path).lines == content.count(b"\n") + unended


def test_index_has_few_entries_and_survives_saving(write: Write, tmp_path: Path) -> None:
    path = write(b"x" * 99 + b"\n" + (b"y" * 999 + b"\n") * 2000)
    index = build_index(path)
    save_index(index, tmp_path / "index")
    loaded = load_index(tmp_path / "index")
    assert loaded is not None
    assert (loaded.lines, loaded.bytes) == (index.lines, index.bytes) == (2001, path.stat().st_size)
    assert loaded.numbers.tolist() == index.numbers.tolist()
    assert len(index.numbers) < 40
    for number, offset in zip(index.numbers.tolist(), index.offsets.tolist(), strict=True):
        assert path.read_bytes()[:offset].count(b"\n") == number - 1
        assert offset == 0 or path.read_bytes()[offset - 1 : offset] == b"\n"


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"nonsense", b"\x80\x04\x95"])
def test_an_index_that_cannot_be_read_is_none(write: Write, tmp_path: Path, content: bytes) -> None:
    assert load_index(write(content)) is None
    assert load_index(tmp_path / "missing") is None


def test_blank_and_broken_lines(write: Write, chat_row: Callable[..., bytes]) -> None:
    path = write(BOM + chat_row("one") + b"\n" + b'{"messages": [}\n' + b"[1]\n" + chat_row("five").removesuffix(b"\n"))
    rows = read_rows(path, build_index(path), 0, 50)
    assert [row.line for row in rows] == [1, 3, 4, 5]
    assert [bool(row.problem) for row in rows] == [False, True, True, False]
    assert "column 15" in rows[1].problem
    assert rows[0].raw.startswith('{"messages"')
    assert rows[0].bytes == len(chat_row("one")) - 1
    assert [message.role for message in rows[0].messages] == ["user", "assistant"]


def test_what_is_learned_is_marked(write: Write) -> None:
    turns = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "a", "weight": 0},
        {"role": "assistant", "content": None},
    ]
    path = write(orjson.dumps({"messages": turns}) + b'\n{"prompt": "p", "completion": "c"}\n{"text": "t"}\n')
    chat, pair, text = read_rows(path, build_index(path), 1, 9)
    assert [message.learned for message in chat.messages] == [False, False, True]
    assert pair.messages == (
        RowMessage(role="user", content="p", learned=False),
        RowMessage(role="assistant", content="c", learned=True),
    )
    assert text.messages == (RowMessage(role="text", content="t", learned=True),)


def test_long_rows_are_shown_cut(write: Write, chat_row: Callable[..., bytes]) -> None:
    path = write(chat_row("x" * 200_000) + b"y" * (9 << 20) + b"\n" + chat_row("end"))
    cut, overlong, end = read_rows(path, build_index(path), 1, 9)
    assert (cut.cut, len(cut.raw), len(cut.messages[0].content)) == (True, SHOWN_BYTES, SHOWN_BYTES)
    assert (overlong.cut, overlong.bytes, overlong.messages) == (True, 9 << 20, ())
    assert "too long" in overlong.problem
    assert (end.line, end.messages[0].content) == (3, "end")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 漢 🙂 \t\n", "plain é 漢 🙂 \t\n"),
        ("a\0b\x1b[31m\r", "a␀b␛[31m␍"),
        ("\x7f\x85", "⟦U+007F⟧⟦U+0085⟧"),
        ("admin\u202etxt.exe", "admin⟦U+202E⟧txt.exe"),
        ("\u2066\u2069\u200f\u061c", "⟦U+2066⟧⟦U+2069⟧⟦U+200F⟧⟦U+061C⟧"),
        ("zero\u200bwidth\ufeff", "zero⟦U+200B⟧width⟦U+FEFF⟧"),
        ("\U000e0041", "⟦U+E0041⟧"),
        ("half \ud83d", "half ⟦U+D83D⟧"),
        ("family 👩\u200d👧", "family 👩\u200d👧"),
    ],
)
def test_hidden_characters_are_shown(text: str, shown: str) -> None:
    assert visible(text) == shown
