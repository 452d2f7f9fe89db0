"""Rows as texts: JSON Lines as they stand, a JSON array, CSV and TSV; and how a text file is packed."""

import csv
import io
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from app.data.exports.columns import (
    Column,
    Columns,
    has_controls,
    is_formula,
    marked_columns,
    numbered_rows,
    raw_rows,
    text_of,
)
from app.data.lines import READ_BYTES
from app.data.marked_columns import json_of, marked_name, text_as_json
from app.kit.forward import ForwardFile

_PIECE = 1 << 18
_GZIP = 31  # zlib's word for a gzip header around a window of 32 KiB
_LEVEL = 6


def as_they_stand(path: Path) -> Iterator[bytes]:
    """Yield a file's bytes."""
    with path.open("rb") as stream:
        while chunk := stream.read(READ_BYTES):
            yield chunk


def json_array(path: Path) -> Iterator[bytes]:
    """Yield the rows as one JSON array, each as it is written, in a line of its own."""
    before, held, size = b"[\n", list[bytes](), 0
    for _, line in numbered_rows(path):
        row = line.strip()
        held += (before, row)
        before = b",\n"
        size += len(row)
        if size > _PIECE:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join((*held, b"\n]\n"))


def table(path: Path, found: Columns, delimiter: str) -> Iterator[bytes]:
    """Yield the rows below a line of names. Every cell is quoted, so that no other delimiter can be seen."""
    marked = marked_columns(found, _is_plain)
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow([marked_name(name) if mark else name for name, mark in marked])
    for row in raw_rows(path):
        cells = [text_cell(bytes(row[name]) if name in row else None, marked=mark) for name, mark in marked]
        writer.writerow(cells)
        if out.tell() > _PIECE:
            yield out.getvalue().encode()
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode()


def _is_plain(column: Column) -> bool:
    return not (column.formula or column.controls)


def text_cell(raw: bytes | None, *, marked: bool) -> str:
    """Return the cell of a value as it is written in JSON, None where the row has none."""
    if raw is None:
        return ""
    if raw[0] != _QUOTE:
        return raw.decode()
    text = text_of(raw)
    if not marked:
        return text
    is_itself = text and json_of(text) is None and not is_formula(text) and not has_controls(text)
    return text if is_itself else text_as_json(text)


_QUOTE = ord('"')


def packed(pieces: Iterable[bytes], packing: str) -> Iterator[bytes]:
    """Yield pieces as gzip (`gz`), Zstandard (`zst`), or as they are."""
    match packing:
        case "gz":
            return _gzipped(pieces)
        case "zst":
            return _zstd(pieces)
        case _:
            return iter(pieces)


def _gzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(_LEVEL, wbits=_GZIP)
    for piece in pieces:
        if made := packer.compress(piece):
            yield made
    yield packer.flush()


def _zstd(pieces: Iterable[bytes]) -> Iterator[bytes]:
    import pyarrow as pa

    out = ForwardFile()
    with pa.CompressedOutputStream(pa.PythonFile(out, mode="w"), "zstd") as packer:
        for piece in pieces:
            packer.write(piece)
            if made := out.take():
                yield made
    yield out.take()
