"""The rehearsal's own book: append-only, on the disk before a call returns, there to check the engine by."""

import os
import zlib
from array import array
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import IO, Any

import msgspec

from app.kit.locks import open_lock, wait_lock


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that the rehearsal did or refused: when (seconds since 1970), which call, for which tag.

    `call` is a method's name (`submit`, `cancel`, `deploy`, …); `fault` names what was done wrongly on purpose;
    `id` is the rehearsal's own id of what was made, None where nothing was made.
    """

    call: str
    tag: str
    at: float
    id: str | None = None
    fault: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


_ENTRIES = msgspec.json.Decoder(Entry)  # made at import: the first decoding of a dataclass is not safe between threads
_BEGIN_BITS = 40  # of a line's mark: where it begins; what stands above is its tag's
_ONE_BY_ONE = 64  # lines put in order; more of them are sorted


class Ledger:
    """A file of JSON lines, shared by processes: appended to under a lock, flushed to the disk, never rewritten.

    Kept in memory are eight bytes a line, in order: some bits of its tag's checksum, and where it begins; and how
    often each call stands there. A server may rehearse for weeks.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._marks = array("Q")
        self._counts: Counter[str] = Counter()
        self._read_to = 0
        self._thread_lock = RLock()
        self._held = 0

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other process and thread out between looking and writing."""
        with self._thread_lock:
            if self._held:
                self._held += 1
                try:
                    yield
                finally:
                    self._held -= 1
                return
            lock = open_lock(self.path.with_suffix(".lock"))
            try:
                wait_lock(lock)
                self._held = 1
                yield
            finally:
                self._held = 0
                os.close(lock)  # gives it back

    def entries(self) -> list[Entry]:
        """Return everything that was written, oldest first, also what other processes wrote."""
        with self._thread_lock:
            self._refresh()
            return [entry for _, _, entry in self._read(0) if entry is not None]

    def of(self, tag: str) -> list[Entry]:
        """Return what was written for one tag, oldest first."""
        with self._thread_lock:
            self._refresh()
            first = _mark(tag, 0)
            begin, end = (bisect_left(self._marks, mark) for mark in (first, first + (1 << _BEGIN_BITS)))
            if begin == end or not self.path.exists():
                return []
            return [entry for entry in self._at(mark - first for mark in self._marks[begin:end]) if entry.tag == tag]

    def count(self, call: str) -> int:
        """Return how many lines one call has, also those of other processes."""
        with self._thread_lock:
            self._refresh()
            return self._counts[call]

    def append(self, entry: Entry) -> None:
        """Write one entry; it is on the disk when this returns."""
        with self.locked():
            with self.path.open("a+b") as file:
                _mend_torn_line(file)
                file.write(msgspec.json.encode(entry) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            self._refresh()

    def _refresh(self) -> None:
        if not self.path.exists() or self.path.stat().st_size == self._read_to:
            return
        fresh = []
        for begin, end, entry in self._read(self._read_to):
            self._read_to = end
            if entry is not None:
                fresh.append(_mark(entry.tag, begin))
                self._counts[entry.call] += 1
        if len(fresh) > _ONE_BY_ONE:
            self._marks = array("Q", sorted([*self._marks, *fresh]))
        else:
            for mark in fresh:
                insort(self._marks, mark)

    def _read(self, begin: int) -> Iterator[tuple[int, int, Entry | None]]:
        """Yield where each whole line behind so many bytes begins and ends, and its entry; None for a torn one."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(begin)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                yield begin, begin + len(line), _decode(line)
                begin += len(line)

    def _at(self, begins: Iterable[int]) -> Iterator[Entry]:
        with self.path.open("rb") as file:
            for begin in begins:
                file.seek(begin)
                yield _ENTRIES.decode(file.readline())


def _mark(tag: str, begin: int) -> int:
    return (zlib.crc32(tag.encode()) >> 8) << _BEGIN_BITS | begin


def _mend_torn_line(file: IO[bytes]) -> None:
    """End a line that a killed process left unfinished, so that it cannot swallow the next one."""
    end = file.seek(0, os.SEEK_END)
    if end:
        file.seek(end - 1)
        if file.read(1) != b"\n":
            file.write(b"\n")


def _decode(line: bytes) -> Entry | None:
    try:
        return _ENTRIES.decode(line)
    except msgspec.DecodeError:
        return None  # a torn line: the call that wrote it never returned, so nobody was told
