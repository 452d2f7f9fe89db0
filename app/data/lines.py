"""Reading lines from a file of any size without ever holding a long one."""

from codecs import utf_8_decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from app.data.limits import DEFAULT

BOM = b"\xef\xbb\xbf"
READ_BYTES = 1 << 18  # 256 KiB stays in the processor's cache; larger reads measured no faster

_DECODED_BYTES = 1 << 15


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive lines in one, `data`, the last line feed left out; `offset` is its first byte.

    `overlong` is the length of one line that was longer than allowed and skipped; then `data` is empty. `cut` says that
    the last line has no line feed.
    """

    offset: int
    data: bytes = b""
    overlong: int = 0
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """The lines of a piece; `line` is the number of the first, from 1. Of an overlong one `lines` is empty."""

    line: int
    lines: list[bytes]
    overlong: int = 0


def read_pieces(
    stream: BinaryIO, *, line_bytes: int, seen: Callable[[bytes], object] | None = None, read_bytes: int = READ_BYTES
) -> Iterator[Piece]:
    """Yield all lines of a binary stream, a byte-order mark at its start left out.

    Lines end with a line feed and nothing else: U+2028 and U+0085 may stand inside JSON strings. `seen` is given
    every byte as it was read.
    """
    offset, rest = 0, b""
    while chunk := stream.read(read_bytes):
        if seen:
            seen(chunk)
        end = chunk.rfind(b"\n")
        data = b"".join((rest, memoryview(chunk)[: end if end >= 0 else len(chunk)]))
        if offset == 0 and data.startswith(BOM):
            data, offset = data[len(BOM) :], len(BOM)
        if end >= 0:
            yield Piece(offset, data)
            offset += len(data) + 1
            rest = chunk[end + 1 :]
        else:
            rest = data
        if len(rest) > line_bytes:
            length, rest, cut = _skip_line(stream, len(rest), seen)
            yield Piece(offset, overlong=length, cut=cut)
            offset += length + 1
    if rest:  # one line, or what followed an overlong one in the last chunk
        cut = not rest.endswith(b"\n")
        yield Piece(offset, rest.removesuffix(b"\n"), cut=cut)


def read_blocks(stream: BinaryIO, *, line_bytes: int) -> Iterator[Block]:
    """Yield the same, split into lines and numbered."""
    line = 1
    for piece in read_pieces(stream, line_bytes=line_bytes):
        lines = [] if piece.overlong else piece.data.split(b"\n")
        yield Block(line, lines, piece.overlong)
        line += len(lines) or 1


def _skip_line(stream: BinaryIO, length: int, seen: Callable[[bytes], object] | None) -> tuple[int, bytes, bool]:
    """Read on to the next line feed; return the line's length, what follows it, and whether the file ended first."""
    while chunk := stream.read(READ_BYTES):
        if seen:
            seen(chunk)
        found = chunk.find(b"\n")
        if found >= 0:
            return length + found, chunk[found + 1 :], False
        length += len(chunk)
    return length, b"", True


def numbered_lines(stream: BinaryIO, *, line_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Yield (line number, line) for every line that is neither blank nor longer than allowed."""
    for block in read_blocks(stream, line_bytes=line_bytes):
        for number, line in enumerate(block.lines, block.line):
            if len(line) <= line_bytes and line and not line.isspace():
                yield number, line


def lines_of(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the same of a file.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        yield from numbered_lines(stream, line_bytes=DEFAULT.line_bytes)


def lines_in(source: Path, part: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a part of a file with the numbers that they have there: the part keeps the file's order.

    A line that stands there several times has the first number that is left. One that is not there has its own.

    Raises:
        OSError: a file cannot be read.
    """
    there = lines_of(source)
    for own, line in lines_of(part):
        number = next((number for number, each in there if each == line), own)
        yield number, line


def is_utf8(data: bytes) -> bool:
    """Return whether bytes are UTF-8, without a copy of them all."""
    if data.isascii():
        return True
    view = memoryview(data)
    begin = 0
    try:
        while begin < len(data):  # piece by piece: what is made of one is used anew for the next
            last = begin + _DECODED_BYTES >= len(data)
            begin += utf_8_decode(view[begin : begin + _DECODED_BYTES], "strict", last)[1]
    except UnicodeDecodeError:
        return False
    return True
