"""How far the reading of a file is, whatever it is: from nothing to all of it, and never back."""

import bz2
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.data.imports.container import DEFAULT
from app.data.imports.importing import Importer, is_imported, sample_of
from app.data.imports.registry import CONTAINERS, LAYERS, recognise
from app.kit.progress import Progress

CHANCE = Random(7)
ROWS = [
    {"prompt": f"p{n} {CHANCE.random()}", "completion": "".join(CHANCE.choices("abc ", k=400))} for n in range(6000)
]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS[:300]).encode()


def as_csv(more: str = "", *, count: int = 6000) -> bytes:
    lines = "".join(f"{row['prompt']},{row['completion']}\n" for row in ROWS[:count])
    return f"prompt,completion\n{lines}{more}".encode()


def as_parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), out)
    return out.getvalue()


def as_workbook() -> bytes:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in [dict(zip(ROWS[0], ROWS[0], strict=True)), *ROWS[:3000]]:
        sheet.append([*row.values()])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


KINDS: dict[str, Callable[[], bytes]] = {
    "json": lambda: json.dumps(ROWS).encode(),
    "csv": as_csv,
    "parquet": as_parquet,
    "xlsx": as_workbook,
}


def seen(shares: list[float | None]) -> list[float]:
    """Return shares, once each, that never fall."""
    found = [each for each in shares if each is not None]
    assert found == sorted(found)
    return sorted({*found})


@pytest.mark.parametrize("kind", [each.name for each in CONTAINERS])
def test_each_kind_of_file_passes_its_bytes_as_it_is_read(tmp_path: Path, kind: str) -> None:
    file, progress = tmp_path / f"rows.{kind}", Progress()
    file.write_bytes(KINDS[kind]())
    found = recognise(sample_of(file, file.name))
    assert found is not None
    shares, rows = list[float | None](), 0
    with progress.of("a", file.stat().st_size):
        for batch in found[0].rows(file, found[1], DEFAULT, []):
            assert batch.count
            rows += batch.count
            shares.append(progress.share("a"))
        shares.append(progress.share("a"))
    whole = seen(shares)
    assert rows == (3000 if kind == "xlsx" else len(ROWS))  # whatever is cut in two between two reads
    assert len(whole) >= 3
    assert whole[0] < 0.7
    assert whole[-1] == pytest.approx(1.0, abs=0.02)


def test_a_table_that_is_read_again_from_a_broken_row_on_is_counted_once(tmp_path: Path) -> None:
    file, progress = tmp_path / "rows.csv", Progress()
    file.write_bytes(as_csv('"a"b,c\n' + "x,y\n" * 100_000))
    found = recognise(sample_of(file, file.name))
    assert found is not None
    with progress.of("a", 2 * file.stat().st_size):
        shares = [progress.share("a") for _ in found[0].rows(file, found[1], DEFAULT, [])]
    assert seen(shares)[-1] == pytest.approx(0.5, abs=0.001)


def _zipped(content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.csv", content)
    return out.getvalue()


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda content: bytes(pa.compress(content, "zstd", asbytes=True)),
    "zip": _zipped,
    "encoding": lambda content: content.decode().encode("utf-16"),
}


@pytest.mark.parametrize("rows", [as_csv(count=300), LINES], ids=["csv", "lines"])
@pytest.mark.parametrize("layer", [each.name for each in LAYERS])
def test_whatever_lies_around_the_rows_the_file_is_counted_once(tmp_path: Path, layer: str, rows: bytes) -> None:
    file, progress, shares = tmp_path / "rows", Progress(), list[float | None]()
    file.write_bytes(PACKED[layer](rows))
    made = iter(tmp_path / f"made-{number}" for number in range(9))

    def scratch() -> Path:
        shares.append(progress.share("a"))
        return next(made)

    assert is_imported(file, "rows")
    with progress.of("a", file.stat().st_size):
        assert Importer(scratch).run(file, "rows") is not None
        shares.append(progress.share("a"))
    assert seen(shares) == pytest.approx([0.0, 0.5, 1.0] if rows is not LINES else [0.0, 1.0])


def test_json_lines_pass_nothing_before_they_are_checked(tmp_path: Path) -> None:
    file, progress = tmp_path / "rows.jsonl", Progress()
    file.write_bytes(LINES)
    assert not is_imported(file, file.name)
    with progress.of("a", 1):
        assert Importer(lambda: tmp_path / "made").run(file, file.name) is None
        assert progress.share("a") == 0.0
