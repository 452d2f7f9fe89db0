"""What a kind of file is that rows can be taken out of, and what an archive or an encoding around it is."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from app.data import rules
from app.data.containers import HEAD_BYTES
from app.data.limits import MIB
from app.data.rules import Issue


class Refused(Exception):
    """The file cannot be read, or not within the limits; `issue` says why and what to do."""

    def __init__(self, issue: Issue) -> None:
        super().__init__(issue.message)
        self.issue = issue


def unreadable(message: str, fix: str) -> Refused:
    """Return what is raised for a file that is broken."""
    return Refused(Issue(rules.UNREADABLE, message, fix=fix))


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportLimits:
    """Bounds of one import. `unpacked_bytes`: the most that archives may come to, and rows may be written.

    `ratio`: how many times its size an archive may unpack to, once that is more than `free_bytes`. `row_bytes`: a
    longer row is refused. `layers`: how many archives and encodings may lie around one another. `block_bytes`: how much
    of a table as text is looked at together (0: row by row); twice as much measured no faster.
    """

    unpacked_bytes: int = 8 * 1024 * MIB
    ratio: int = 200
    free_bytes: int = 32 * MIB
    row_bytes: int = 8 * MIB
    layers: int = 3
    block_bytes: int = 1 << 19


DEFAULT = ImportLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a file is told by: its name as it was brought (for its ending), and its first 64 KiB."""

    path: Path
    filename: str
    head: bytes

    @property
    def whole(self) -> bool:
        """Whether `head` is all of the file."""
        return len(self.head) < HEAD_BYTES

    @property
    def ending(self) -> str:
        """The ending of the name in lower case, such as `.csv`."""
        return Path(self.filename).suffix.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognition:
    """How sure it is that a file is of a kind (0 to 1), and how it is read: for people in `words`, such as `CSV`.

    `names` are a table's columns in order, empty for what is no table; `header` says whether the first line holds
    them, None where there is no such question. `dialect` is the kind's own.
    """

    confidence: float
    words: str
    names: tuple[str, ...] = ()
    header: bool | None = None
    dialect: object = None


@dataclass(frozen=True, slots=True)
class Rows:
    """Consecutive rows as JSON Lines, each with its line feed, and where each began in the file, rising.

    `positions` is empty where rows have none of their own.
    """

    lines: bytes
    count: int
    positions: Sequence[int] = ()


Notes = list[Issue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One kind of file. `unit` is what positions in it count (`line`, `row`), empty where rows have none.

    `rows` reads the file in constant memory, and passes its bytes (`app.kit.progress`) as it goes; what it finds about
    the file as a whole it adds to the notes. It may raise Refused. `packs` says that its rows may be many times as
    large.
    """

    name: str
    unit: str
    recognise: Callable[[Sample], Recognition | None]
    rows: Callable[[Path, Recognition, ImportLimits, Notes], Iterator[Rows]]
    packs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What may lie around a file: an archive, or another encoding than UTF-8.

    `recognise` gives the words for people, None where it is not there. `open` is given the file as well, which its
    caller closes, and gives the bytes inside, and what the file inside is called; both may raise Refused.
    """

    name: str
    recognise: Callable[[Sample], str | None]
    open: Callable[[Sample, BinaryIO], tuple[BinaryIO, str]]
    packs: bool = True


def batches(lines: Iterator[tuple[bytes, int]], size: int = 1 << 18) -> Iterator[Rows]:
    """Put single rows with their positions together."""
    held: list[bytes] = []
    positions: list[int] = []
    length = 0
    for line, position in lines:
        held.append(line)
        positions.append(position)
        length += len(line)
        if length >= size:
            yield Rows(b"".join(held), len(held), positions)
            held, positions, length = [], [], 0
    if held:
        yield Rows(b"".join(held), len(held), positions)


def listed(names: Sequence[str], most: int = 8) -> str:
    """Return names for a sentence."""
    shown = ", ".join(name[:40] for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
