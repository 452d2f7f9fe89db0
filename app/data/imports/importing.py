"""Making JSON Lines of a file that is something else, in constant memory: unpack, recode, recognise, write rows."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from lzma import LZMAError
from pathlib import Path
from typing import BinaryIO, cast
from zipfile import BadZipFile

from app.data import containers, rules
from app.data.imports.container import (
    DEFAULT,
    Container,
    ImportLimits,
    Layer,
    Notes,
    Recognition,
    Refused,
    Sample,
    unreadable,
)
from app.data.imports.positions import Positions
from app.data.imports.registry import layer_of, recognise
from app.data.limits import MIB
from app.data.rules import Issue
from app.kit.progress import CountedFile, counted_as, passed
from app.kit.sentences import ended

_BROKEN = (OSError, EOFError, zlib.error, LZMAError, BadZipFile, NotImplementedError, RuntimeError, ValueError)
_ROOM_EVERY = 64 * MIB
_BOMB = (
    "The file unpacks to more than {times} times its size: a decompression bomb, or rows that are nearly all the same."
)
_AGAIN = "Upload it again; the copy is not complete, or it was damaged on the way."


@dataclass(frozen=True, slots=True)
class Imported:
    """What was made of a file. `path` is its rows as JSON Lines, one of `scratch`'s that the caller keeps or removes.

    `kind` is the container's name, or that of the innermost layer around JSON Lines; `words` say how the file was read;
    `unit` is what positions count, empty where rows stand in the file's own lines.
    """

    path: Path
    kind: str
    words: str
    unit: str
    rows: int
    recognition: Recognition
    positions: Positions
    notes: Sequence[Issue]


def sample_of(path: Path, filename: str) -> Sample:
    """Return what a file is told by.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        return Sample(path=path, filename=filename, head=stream.read(containers.HEAD_BYTES))


def is_packed(path: Path, filename: str) -> bool:
    """Return whether rows may be many times as large as their file."""
    found = _outermost(sample_of(path, filename))
    return found is not None and found.packs


def is_imported(path: Path, filename: str) -> bool:
    """Return whether rows are made of a file before they are checked: it is no JSON Lines as it stands."""
    return _outermost(sample_of(path, filename)) is not None


def _outermost(sample: Sample) -> Layer | Container | None:
    """Return what a file is read as first, None for JSON Lines and what is of no kind."""
    found = layer_of(sample) or recognise(sample)
    return found[0] if found else None


class Importer:
    """One import; `scratch` gives empty files for what is made, `check_room` raises where the disk has no room."""

    def __init__(
        self,
        scratch: Callable[[], Path],
        *,
        limits: ImportLimits = DEFAULT,
        check_room: Callable[[], None] = lambda: None,
    ) -> None:
        self._scratch, self._limits, self._check_room = scratch, limits, check_room
        self._made: list[Path] = []
        self._checked = 0  # bytes written when the disk was last looked at

    def run(self, path: Path, filename: str) -> Imported | None:
        """Make rows of a file; None where it is JSON Lines already, or nothing that rows can be taken out of.

        As many bytes are passed (`app.kit.progress`) as the file has, whatever lies around its rows.

        Raises:
            Refused: when it cannot be read, or not within the limits.
            OSError: the file itself cannot be read, or nothing can be written.
        """
        keep: Path | None = None
        try:
            made = self._run(sample_of(path, filename))
            keep = made.path if made else None
            return made
        finally:
            for each in self._made:
                if each != keep:
                    each.unlink(missing_ok=True)

    def _run(self, sample: Sample) -> Imported | None:
        notes: Notes = []
        layers: list[tuple[Layer, str]] = []
        left: float = _size(sample)  # of the work, which comes to the file's size in all
        while found := layer_of(sample):
            layer, words = found
            if len(layers) >= self._limits.layers:
                raise unreadable(f"More than {self._limits.layers} archives lie around one another.", _AGAIN)
            if not layer.packs:
                notes.append(Issue(rules.REENCODED, f"The file is in {words}; it was read as that."))
            layers.append(found)
            left /= 2  # the other half is what is done with the file inside
            with counted_as(left, of=_size(sample)):
                sample = self._unpacked(layer, words, sample)
        around = [words for _, words in reversed(layers)]
        found_kind = recognise(sample)
        if found_kind is None:
            if not layers:
                return None
            passed(left)
            return self._lines(sample, layers, notes)
        kind, seen = found_kind
        target, positions = self._file(), Positions()
        rows = 0
        with target.open("wb") as out, counted_as(left, of=_size(sample)):
            for batch in kind.rows(sample.path, seen, self._limits, notes):
                out.write(batch.lines)
                positions.add(rows + 1, batch.positions)
                rows += batch.count
                self._check(out.tell(), sample if kind.packs else None)
        words = ", ".join([seen.words, *around])
        return Imported(target, kind.name, words, kind.unit, rows, seen, positions, tuple(notes))

    def _lines(self, sample: Sample, layers: Sequence[tuple[Layer, str]], notes: Notes) -> Imported:
        """Return a file of JSON Lines that was unpacked or recoded."""
        refused = containers.look(sample.head)
        if refused is not None:
            raise Refused(replace(refused, message=f"{refused.message} It lies inside a file that is {layers[-1][1]}."))
        seen = Recognition(confidence=0.99, words="JSON Lines")
        words = ", ".join([seen.words, *(words for _, words in reversed(layers))])
        return Imported(sample.path, layers[-1][0].name, words, "", 0, seen, Positions(), tuple(notes))

    def _unpacked(self, layer: Layer, words: str, sample: Sample) -> Sample:
        """Return the file inside a layer, written out within the limits."""
        target, written = self._file(), 0
        try:
            with CountedFile(sample.path) as file:
                stream, inside = layer.open(sample, cast("BinaryIO", file))
                with stream, target.open("wb") as out:
                    while chunk := stream.read(MIB):
                        written += len(chunk)
                        self._check(written, sample if layer.packs else None)
                        out.write(chunk)
        except _BROKEN as error:
            if getattr(error, "errno", None):  # the disk's, not the file's
                raise
            raise unreadable(ended(f"The {words} file cannot be read to its end: {error}"), _AGAIN) from error
        return sample_of(target, inside)

    def _file(self) -> Path:
        self._made.append(self._scratch())
        return self._made[-1]

    def _check(self, written: int, packed: Sample | None) -> None:
        """Refuse more than the limits allow, also for a `packed` file of its size; look at the disk now and then."""
        if packed and written > max(self._limits.free_bytes, packed.path.stat().st_size * self._limits.ratio):
            raise Refused(Issue(rules.TOO_LARGE, _BOMB.format(times=self._limits.ratio)))
        if written > self._limits.unpacked_bytes:
            most = self._limits.unpacked_bytes // MIB
            raise Refused(Issue(rules.TOO_LARGE, f"What is inside comes to more than {most:,} MiB."))
        if written - self._checked >= _ROOM_EVERY:
            self._checked = written
            self._check_room()


def _size(sample: Sample) -> int:
    return sample.path.stat().st_size
