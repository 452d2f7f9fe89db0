"""Rows out in a format, and in again."""

import tempfile
from pathlib import Path
from typing import Any

import msgspec
import orjson

from app.data.exports.exporting import pieces
from app.data.imports.importing import Importer
from app.domain.downloads import DownloadFormat

_raw = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def out(content: bytes, wanted: DownloadFormat) -> bytes:
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(content)
        return b"".join(pieces(Path(file.name), wanted))


def back(content: bytes, wanted: DownloadFormat) -> bytes:
    """Return what an import makes of a file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"rows.{wanted}"
        file.write_bytes(content)
        made = iter(Path(folder) / f"made-{number}" for number in range(9))
        done = Importer(lambda: next(made)).run(file, file.name)
        return content if done is None else done.path.read_bytes()


def values(lines: bytes) -> list[dict[str, Any]]:
    """Return rows with their numbers as they are written: 1.10 is another one than 1.1, and -0 than 0."""
    return [{name: _value(bytes(raw)) for name, raw in _raw(line).items()} for line in lines.split(b"\n") if line]


def _value(raw: bytes) -> object:
    if raw[:1] in {b"[", b"{", b'"'}:
        return orjson.loads(raw)
    return raw.decode()
