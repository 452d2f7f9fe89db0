"""Rows found by a text, page by page, in files of any size."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from app.data.index import build_index
from app.data.limits import DEFAULT
from app.data.search import find_rows

Write = Callable[[bytes], Path]
Row = Callable[..., bytes]


def found(path: Path, text: str, start: int = 1, limit: int = 200) -> list[int]:
    """The lines of all pages."""
    lines: list[int] = []
    index, following = build_index(path), start
    while following:
        page = find_rows(path, index, text, following, limit)
        assert len(page.rows) <= limit
        lines += [row.line for row in page.rows]
        following = page.following or 0
    return lines


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("text", ["größe", "GRÖSSE", "Größe 7", 'say "7"', "日本", "a\\b", "tab"])
def test_any_text_is_found_as_json_may_write_it(write: Write, text: str, plain: bool) -> None:
    rows = [json.dumps({"text": f"x{n}"}) for n in range(40)]
    rows[7] = json.dumps({"text": 'Größe 7, GRÖSSE, say "7" in 日本, a\\b, Tab'}, ensure_ascii=plain)
    assert found(write("\n".join(rows).encode()), text) == [8]


def test_pages_follow_one_another_without_gap_or_repetition(write: Write, chat_row: Row) -> None:
    rows = [chat_row(f"{n} " + ("needle" if n % 7 == 0 else "x" * (n % 300))) for n in range(20_000)]
    path = write(b"".join(rows))
    wanted = [n + 1 for n in range(20_000) if n % 7 == 0]
    assert found(path, "NEEDLE", limit=100) == wanted
    assert found(path, "needle", start=10_001) == [line for line in wanted if line > 10_000]
    assert found(path, "no such thing") == []


def test_a_search_reads_so_much_and_says_where_to_go_on(write: Write, chat_row: Row) -> None:
    path = write(chat_row("x" * 1000) * 5000 + chat_row("needle"))
    index, start, pages = build_index(path), 1, 0
    while (page := find_rows(path, index, "needle", start, 20, most=1 << 20)).following:
        assert not page.rows
        assert page.following > start
        start, pages = page.following, pages + 1
    assert pages >= 4
    assert [row.line for row in page.rows] == [5001]


def test_a_line_that_is_read_nowhere_is_found_nowhere(write: Write, chat_row: Row) -> None:
    long = chat_row("needle" + "x" * DEFAULT.line_bytes + "needle")
    path = write(chat_row("needle 1") + long + chat_row("needle 3") + long)
    assert found(path, "needle") == [1, 3]
    assert found(path, "needle", limit=1) == [1, 3]
    assert found(write(b"x" * (1 << 20)), "y") == []
