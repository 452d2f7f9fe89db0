"""Rows are the same wherever a read of the file ends: each kind of file, cut all through rows full of marks."""

import csv
import io
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from app.data.imports.container import DEFAULT
from app.data.imports.importing import Importer, sample_of
from app.data.imports.registry import recognise
from app.data.lines import READ_BYTES

TEXTS = ('say "a" [b] {c} \\ d', '"e"\\\\', "é😀, f;\tg", '"')
MARKED = [{"prompt": text, "completion": text[::-1]} for text in TEXTS]
ROOM = 80  # bytes more than what stands around the first row


def _array(rows: list[dict[str, str]]) -> str:
    return json.dumps(rows, ensure_ascii=False)


def _table(rows: list[dict[str, str]], delimiter: str, end: str) -> str:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end)
    writer.writerow(rows[0])
    writer.writerows(row.values() for row in rows)
    return out.getvalue()


def _lines_in_cells(rows: list[dict[str, str]]) -> str:
    return _table([{**row, "completion": row["completion"] + "\nh\r\ni"} for row in rows], ",", "\n")


KINDS: dict[str, tuple[str, Callable[[list[dict[str, str]]], str]]] = {
    "an array": ("json", _array),
    "an array, escaped": ("json", json.dumps),
    "an array over lines": ("json", lambda rows: json.dumps(rows, indent=1)),
    "an array under a key": ("json", lambda rows: f'{{"about": "[\\"", "data": {_array(rows)}, "more": [1]}}'),
    "objects over lines": ("json", lambda rows: "\n".join(json.dumps(row, indent=1) for row in rows)),
    "CSV": ("csv", lambda rows: _table(rows, ",", "\n")),
    "CSV of Windows": ("csv", lambda rows: _table(rows, ";", "\r\n")),
    "TSV": ("tsv", lambda rows: _table(rows, "\t", "\n")),
    "CSV with lines in cells": ("csv", _lines_in_cells),
}


def _read(file: Path) -> list[object]:
    made = Importer(lambda: file.with_suffix(".made")).run(file, file.name)
    assert made is not None
    return [json.loads(line) for line in made.path.read_bytes().splitlines()]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 7])  # bytes
def test_rows_are_the_same_wherever_a_read_ends(kind: str, step: int, tmp_path: Path) -> None:
    ending, write = KINDS[kind]
    file = tmp_path / f"rows.{ending}"
    marks, last = len(write(MARKED).encode()), {"prompt": "q", "completion": "r"}
    seen: dict[int, list[object]] = {}
    for before_the_end in range(0, marks + ROOM, step):
        first = {"prompt": "p", "completion": "c" * (READ_BYTES - before_the_end)}
        file.write_bytes(write([first, *MARKED, last]).encode())
        seen[before_the_end] = _read(file)[1:]
    assert [at for at, rows in seen.items() if rows != seen[0]] == []
    assert [row["prompt"] for row in seen[0] if isinstance(row, dict)] == [*TEXTS, "q"]


def test_a_row_full_of_escapes_takes_little_memory(tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    rows = [
        {"prompt": "\n" * 2_000_000, "completion": ""},
        *({"prompt": "\n" * 400, "completion": ""} for _ in range(9)),
    ]
    file.write_text(json.dumps(rows), encoding="utf-8")
    container = recognise(sample_of(file, file.name))
    assert container is not None
    tracemalloc.start()
    try:
        count = sum(batch.count for batch in container[0].rows(file, container[1], DEFAULT, []))
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == len(rows)
    assert peak < 50e6
