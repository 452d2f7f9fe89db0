"""JSON that is not one object a line: an array of rows, an object with such an array, objects one after the other.

Rows are cut out as they are written, byte by byte, so that no number and no text changes; only line feeds between
their parts become blanks. What is broken stays broken, as one line, for validation to name.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import orjson

from app.data import rules
from app.data.imports.container import (
    Container,
    ImportLimits,
    Notes,
    Recognition,
    Rows,
    Sample,
    batches,
    listed,
    unreadable,
)
from app.data.lines import BOM, READ_BYTES
from app.data.rules import Issue
from app.data.visible import visible
from app.kit.progress import passed
from app.kit.sentences import ended

KEYS = ("data", "train", "rows", "examples", "items", "records", "instances", "training", "dataset", "entries")
# A string ends with its line at the latest: JSON has no line feed inside one, so an unclosed one costs its row only.
# No group is possessive: Python 3.11.2 matches such ones wrongly where a string is cut in two, and rows were lost. Each
# repetition of another takes 70 bytes until the match ends, so there are no more than so many.
_CHARACTERS = rb'[^"\\\n]*+(?:\\.[^"\\\n]*+){0,%d}'
_TOKEN = re.compile(rb'"%b("?)|[\[\]{}]' % (_CHARACTERS % 40_000))
_REST = re.compile(rb'%b("?)' % (_CHARACTERS % 40_000))  # of a string with more escapes than the head of a file has
# Up to the next bracket, over whole strings; one that it cannot pass, or one too many, is left to the token.
_RUN = re.compile(rb'[^"\[\]{}]*+(?:"%b"[^"\[\]{}]*+){0,300}' % (_CHARACTERS % 300))
_QUOTE, _OPENING, _PAIR = ord('"'), frozenset(b"[{"), {ord("]"): ord("["), ord("}"): ord("{")}
_SPACE = b" \t\r\n"
_LOOKED_AT = 40  # lines of the head
_RECOVERIES = 100  # each may look through as much as a row can hold


@dataclass(frozen=True, slots=True)
class _Nest:
    """Where the rows lie: how many brackets are open around them, and the key of their array ("" for none)."""

    depth: int
    key: str = ""


def recognise(sample: Sample) -> Recognition | None:
    """Tell JSON of several rows from JSON Lines."""
    body = sample.head.removeprefix(BOM).lstrip(_SPACE)
    if body[:1] not in {b"[", b"{"} or _is_lines(body, whole=sample.whole):
        return None
    if body.startswith(b"["):
        return Recognition(confidence=0.99, words="JSON array", dialect=_Nest(1))
    keys = dict(_top_keys(body))
    for key in KEYS:
        if keys.get(key) == b"[":
            return Recognition(confidence=0.95, words=f"JSON array under {key!r}", dialect=_Nest(2, key))
    return Recognition(confidence=0.9, words="JSON objects one after the other", dialect=_Nest(0))


def _is_lines(body: bytes, *, whole: bool) -> bool:
    """Return whether most lines are whole values, as in JSON Lines (some may be broken)."""
    lines = body.split(b"\n")
    lines = [line for line in (lines if whole else lines[:-1]) if line.strip(_SPACE)][:_LOOKED_AT] or [body]
    if len(lines) == 1 and (body.startswith(b"[") or _collection(lines[0])):
        return False
    rows = [line for line in lines if line[:1] not in b" \t"] or lines  # what is indented is part of something
    good = sum(map(is_value, rows))
    inner = sum(line[:1] in b" \t" or line.strip(_SPACE) in {b"[", b"{"} for line in lines[: _LOOKED_AT // 2])
    starts = sum(line.lstrip(_SPACE).startswith(b"{") for line in lines)
    if good == 0:
        return inner == 0 and starts == len(lines) and b"}{" not in lines[0].replace(b" ", b"").replace(b"\r", b"")
    return good * 2 >= len(lines) - inner and not (inner and lines[0].strip(_SPACE) in {b"[", b"{"})


def is_value(line: bytes) -> bool:
    """Return whether a line is a whole object or array."""
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return line.lstrip(_SPACE)[:1] in {b"{", b"["}


def _collection(line: bytes) -> bool:
    """Return whether an object in one line holds an array of rows under a usual key."""
    return any(key in KEYS and start == b"[" for key, start in _top_keys(line))


def _top_keys(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the keys of the outermost object, as far as they can be seen, and the first byte of each one's value."""
    depth, key_end, key = 0, -1, b""
    for token in _TOKEN.finditer(body):
        first = body[token.start()]
        if first == _QUOTE:
            after = body[token.end() : token.end() + 64].lstrip(_SPACE)
            if depth == 1 and after.startswith(b":"):
                value = after[1:].lstrip(_SPACE)[:1]
                key, key_end = token[0], token.end()
                yield visible(key[1:-1].decode(errors="replace")), value
        elif first in _OPENING:
            depth += 1
        else:
            depth -= 1
            if depth <= 0 and key_end >= 0:
                return


def read(path: Path, found: Recognition, limits: ImportLimits, notes: Notes) -> Iterator[Rows]:
    """Give the rows, each with the line in which it begins."""
    nest = found.dialect
    if not isinstance(nest, _Nest):
        raise TypeError(nest)
    with path.open("rb") as stream:
        yield from batches(_Reader(stream, nest, limits, notes).rows())


class _Reader:
    """One pass over a file; holds the row that is open, and what was read behind it."""

    def __init__(self, stream: BinaryIO, nest: _Nest, limits: ImportLimits, notes: Notes) -> None:
        self._stream, self._nest, self._limits, self._notes = stream, nest, limits, notes
        self._stack: list[int] = []
        self._key = ""
        self._others: list[str] = []  # keys of arrays that are not read
        self._data = b""
        self._start = 0  # of the row that is open, or of what lies between two
        self._read_to = 0
        self._line, self._counted = 1, 0  # the line in which the byte `counted` stands
        self._ended = False
        self._recovered = 0

    def rows(self) -> Iterator[tuple[bytes, int]]:
        """Yield each row as a line, and the line of the file in which it begins."""
        while not self._ended:
            self._more()
            yield from self._tokens()
            while self._stuck():
                yield from self._recover()
                yield from self._tokens()
        if not self._nest.key:
            yield from self._between(len(self._data))
        if self._others:
            message = ended(f"The rows under {self._nest.key!r} were read; left out: {listed(self._others)}")
            self._notes.append(Issue(rules.LEFT_OUT, message))

    def _stuck(self) -> bool:
        """Whether a row is open that is never closed, or not within what a row may hold."""
        is_open = len(self._stack) > self._nest.depth and self._inside
        return is_open and (self._ended or len(self._data) - self._start > self._limits.row_bytes)

    @property
    def _inside(self) -> bool:
        """Whether what is open lies in the array of rows; without a key, all of the file does."""
        return not self._nest.key or (len(self._stack) >= self._nest.depth and self._key == self._nest.key)

    def _more(self) -> None:
        chunk = self._stream.read(READ_BYTES)
        passed(len(chunk))
        self._ended = not chunk
        self._line += self._data.count(b"\n", self._counted, self._start)
        self._data = self._data[self._start :] + chunk
        self._read_to -= self._start
        self._start = self._counted = 0

    def _tokens(self) -> Iterator[tuple[bytes, int]]:
        data, depth, stack = self._data, self._nest.depth, self._stack
        while True:
            at = self._next(data)
            if at < 0:
                return
            first = data[at]
            if first in _OPENING:
                if len(stack) == depth and self._inside:
                    yield from self._between(at)
                    self._start = at
                stack.append(first)
                if len(stack) <= depth:
                    self._start = at + 1
            else:
                yield from self._closing(first, at, at + 1)
            self._read_to = at + 1

    def _next(self, data: bytes) -> int:
        """Return where the next bracket outside a string is, -1 where that cannot be seen yet; keys are noted."""
        keyed = bool(self._nest.key)
        while True:
            if keyed and len(self._stack) == 1:
                found = _TOKEN.search(data, self._read_to)
            else:
                run = _RUN.match(data, self._read_to)
                self._read_to = run.end() if run else self._read_to
                found = _TOKEN.match(data, self._read_to)
            if found is None:
                return -1
            start, end = found.span()
            if data[start] != _QUOTE:
                return start
            closed = found[1]  # a quotation mark that is none of the string's own characters
            while not closed and (rest := _REST.match(data, end)) and rest[0]:
                end, closed = rest.end(), rest[1]
            near_end = keyed and end + 64 > len(data)
            if not self._ended and (near_end or (not closed and end >= len(data) - 1)):
                return -1  # perhaps not its end, or a key whose value is yet to come
            if keyed and len(self._stack) == 1:
                self._note_key(data[start:end], data[end : end + 64].lstrip(_SPACE))
            self._read_to = end

    def _closing(self, first: int, start: int, end: int) -> Iterator[tuple[bytes, int]]:
        """Take in a closing bracket: the end of a row, of the array of rows, or one too many."""
        stack, depth = self._stack, self._nest.depth
        if len(stack) > depth:
            own = stack[depth:] if self._inside else stack
            if _PAIR[first] not in own:
                return  # one too many in a row; its line is broken, and the next row begins after it all the same
            inside = self._inside
            while stack.pop() != _PAIR[first]:
                pass
            if inside and len(stack) == depth:
                yield self._row(end)
        elif stack:
            if len(stack) == depth and self._inside:
                yield from self._between(start)
            stack.pop()
            self._start = end
        if len(stack) < depth:
            self._start = end

    def _note_key(self, text: bytes, after: bytes) -> None:
        if after.startswith(b":"):
            self._key = text[1:-1].decode(errors="replace")
            if after[1:].lstrip(_SPACE).startswith(b"[") and self._key != self._nest.key:
                self._others.append(visible(self._key))

    def _row(self, end: int, *, whole: bool = True) -> tuple[bytes, int]:
        """Return what is open up to `end` as one line."""
        raw = self._data[self._start : end]
        self._line += self._data.count(b"\n", self._counted, self._start)
        self._counted = self._start
        self._start = end
        line = raw.replace(b"\r", b" ").replace(b"\n", b" ") if b"\n" in raw or b"\r" in raw else raw
        return line + b"\n" if whole else line, self._line

    def _between(self, end: int) -> Iterator[tuple[bytes, int]]:
        """Yield what stands between two rows and is no comma: numbers and texts, or what is broken."""
        piece = self._data[self._start : end]
        if not piece.strip(_SPACE + b","):
            self._start = end
            return
        for part in [piece] if b'"' in piece else piece.split(b","):
            until = self._start + len(part)
            if part.strip(_SPACE):
                self._start += len(part) - len(part.lstrip(_SPACE))  # its line is that of its first character
                line, number = self._row(until)
                yield line.strip(_SPACE) + b"\n", number
            self._start = min(until + 1, end)

    def _recover(self) -> Iterator[tuple[bytes, int]]:
        """Give a row that is never closed, up to where the next one seems to begin: a line like its own first one."""
        feed = self._data.rfind(b"\n", 0, self._start)
        indent = self._data[feed + 1 : self._start] if feed >= 0 else b""
        following = self._data.find(b"\n" + (indent if indent.isspace() else b"") + b"{", self._start + 1)
        if (following < 0 and not self._ended) or self._recovered >= _RECOVERIES:
            _, line = self._row(len(self._data))
            raise unreadable(
                f"The item that begins in line {line} is never closed, or it is longer than "
                f"{self._limits.row_bytes >> 20} MiB.",
                "Fix the brackets there, or write the rows as JSONL: one JSON object a line.",
            )
        self._recovered += 1
        end = len(self._data) if following < 0 else following
        yield self._row(end, whole=following >= 0)
        del self._stack[self._nest.depth :]
        self._read_to = self._start


CONTAINER = Container(name="json", unit="line", recognise=recognise, rows=read)
