"""Reading lines from a file of any size without ever holding a long one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

BOM = b"\xef\xbb\xbf"
READ_BYTES = 1 << 18  # 256 KiB stays in the processor's cache; larger reads measured no faster


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive lines without their line feeds.

    `line` is the number of the first, from 1, and `offset` its first byte. `overlong` is the length of one line that
    was longer than allowed and skipped; then `lines` is empty. `cut` says that the last line has no line feed.
    """

    line: int
    offset: int
    lines: list[bytes]
    overlong: int = 0
    cut: bool = False


def read_blocks(stream: BinaryIO, *, line_bytes: int, seen: Callable[[bytes], object] | None = None) -> Iterator[Block]:
    """Yield all lines of a binary stream, a byte-order mark at its start left out.

    Lines end with a line feed and nothing else: U+2028 and U+0085 may stand inside JSON strings. `seen` is given
    every byte as it was read.
    """
    line, offset, rest = 1, 0, b""
    while chunk := stream.read(READ_BYTES):
        if seen:
            seen(chunk)
        data = rest + chunk if rest else chunk
        if offset == 0 and data.startswith(BOM):
            data, offset = data[len(BOM) :], len(BOM)
        lines = data.split(b"\n")
        rest = lines.pop()
        if lines:
            yield Block(line, offset, lines)
            line += len(lines)
            offset += len(data) - len(rest)
        if len(rest) > line_bytes:
            length, rest, cut = _skip_line(stream, len(rest), seen)
            yield Block(line, offset, [], overlong=length, cut=cut)
            line += 1
            offset += length + 1
    if rest:  # one line, or what followed an overlong one in the last chunk
        cut = not rest.endswith(b"\n")
        yield Block(line, offset, rest.removesuffix(b"\n").split(b"\n"), cut=cut)


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
