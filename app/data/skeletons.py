r"""Many sound rows at one look: those that differ from a row that was read already in nothing but their texts.

A row's skeleton is its line without the insides of its texts: `{"messages": [{"role": "user", "content": ""}, …]}`.
Most rows of a file share a few of them. Each is read once by the format's own check, filled with marks: where exactly
the marks come back as the texts, in order, every line with that skeleton says the same whatever its texts are, as long
as these are sound JSON texts. That is seen for a block of lines at once, with numpy. Whatever is unusual (a blank text,
an escape such as \u00e9) is left to the format's check, line by line.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from secrets import token_hex
from typing import TYPE_CHECKING

from app.data.formats.facts import SEPARATOR, Facts
from app.data.formats.format import Format
from app.data.limits import MIB, Limits
from app.data.lines import is_utf8
from app.kit.heap import keep_freed_blocks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Flags = NDArray[np.bool_]
    Numbers = NDArray[np.int64]

READ_BYTES = MIB  # at once
_MOST_MARKS = 1 / 4  # quotation marks and backslashes among a block's bytes: more need too much memory here
_MOST_SKELETONS = 4096
_MOST_BYTES = 4096  # of one skeleton
_TRIAL_ROWS = 4096  # after so many rows, of which less than half were recognised, looking does not pay
_QUOTE, _SLASH, _FEED, _SPACE = b'"\\\n '
SIMPLE_ESCAPES = b'"\\nrtbf'  # escapes of one character, which is one byte in UTF-8
_WIDE_SPACES = (
    "\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)


@dataclass(frozen=True, slots=True, eq=False)
class Skeleton:
    """What all rows with one skeleton have: roles, fields that are not trained on, control characters, an answer."""

    roles: tuple[str, ...]
    extra: frozenset[str]
    controls: int
    answers: bool


@dataclass(frozen=True, slots=True)
class Look:
    """What a look told of a block's lines, by their index.

    `known` are the skeletons of those that are sound, None for all others; `starts` and `ends` are their first bytes
    and those behind them, `lengths` what lies between. `sizes` are the bytes of a line's texts with what separates
    them, as UTF-8. The texts of line i lie, as they are written, between `opens` and `closes` from `first[i]` to
    `first[i + 1]`.
    """

    data: bytes
    lengths: "Numbers"
    sizes: "Numbers"
    starts: Sequence[int]
    ends: Sequence[int]
    opens: Sequence[int]
    closes: Sequence[int]
    first: Sequence[int]
    known: Sequence[Skeleton | None] = ()

    def texts(self) -> list[bytes]:
        """Return all texts as they are written, those of line i from `first[i]` to `first[i + 1]`."""
        return [self.data[begin:end] for begin, end in zip(self.opens, self.closes, strict=True)]


class Skeletons:
    """The skeletons of one file's rows; `check` is the format's own quick one."""

    def __init__(self, form: Format, check: Callable[[bytes], Facts | None], limits: Limits) -> None:
        import numpy as np

        keep_freed_blocks()
        self._np, self._check, self._texts, self._limits = np, check, form.texts, limits
        self._last = form.last
        self._known: dict[bytes, Skeleton | None] = {}
        self._mark = token_hex(8)  # so that no skeleton can hold it
        self._rows = self._recognised = 0
        self._found, self._other = np.empty((2, limits.block_bytes), bool)  # used anew for each block
        spaces = [char.encode() for char in _WIDE_SPACES]
        self._simple = self._table(SIMPLE_ESCAPES)
        self._unsure = self._table(b" \\" + bytes({space[0] for space in spaces}))
        self._two = np.array([int.from_bytes(space, "big") for space in spaces if len(space) == 2], np.int64)  # noqa: PLR2004
        self._three = np.array([int.from_bytes(space, "big") for space in spaces if len(space) > 2], np.int64)  # noqa: PLR2004

    def look(self, data: bytes) -> Look | None:
        """Return what lines are, the last line feed left out; None where that cannot be told, or does not pay."""
        if self._rows > _TRIAL_ROWS and self._recognised * 2 < self._rows:
            return None
        if len(data) > self._limits.block_bytes or data.endswith(b"\\") or not is_utf8(data):
            return None
        np = self._np
        codes = np.frombuffer(data, np.uint8)
        at = self._marks(codes)
        if len(at) > len(data) * _MOST_MARKS:
            return None
        kinds = codes[at]
        line = np.cumsum(kinds == _FEED)
        ends = np.append(at[kinds == _FEED], len(data))
        starts = np.append(0, ends[:-1] + 1)
        escapes = escapes_among(at, kinds)
        quotes = np.flatnonzero(kinds == _QUOTE)
        marks, row = at[quotes], line[quotes]
        counts = np.bincount(row, minlength=len(ends))
        bad = (counts & 1).astype(bool) | (ends - starts > self._limits.line_bytes)
        chosen = np.flatnonzero(self._is_chosen(np.arange(len(marks)) - (np.cumsum(counts) - counts)[row]) & ~bad[row])
        chosen = chosen[self._are_trained(codes, marks[chosen + 1], row[chosen])]
        opens, closes, row = marks[chosen] + 1, marks[chosen + 1], row[chosen]
        sizes = np.bincount(row, closes - opens + 1, len(ends)).astype(np.int64) - 1
        bad[row[self._may_be_blank(codes, opens, closes)]] = True
        if len(escapes):
            bad[line[escapes][~self._simple[codes[at[escapes] + 1]]]] = True
            sizes -= np.bincount(line[escapes], minlength=len(ends))
        controls = np.bincount(line[(kinds < _SPACE) & (kinds != _FEED)], minlength=len(ends))
        first = np.append(0, np.cumsum(np.bincount(row, minlength=len(ends))))
        spans = (each.tolist() for each in (starts, ends, opens, closes, first))
        look = Look(data, ends - starts, sizes, *spans)
        return replace(look, known=self._recognise(look, bad, controls))

    def _recognise(self, look: Look, bad: "Flags", controls: "Numbers") -> "list[Skeleton | None]":
        """Return the lines' skeletons, None for each that is bad or unusual."""
        data, opens, closes, first = look.data, look.opens, look.closes, look.first
        pieces = [data[begin:end] for begin, end in zip([0, *closes], [*opens, len(data)], strict=True)]
        outlines = b"".join(pieces).split(b"\n")
        known: list[Skeleton | None] = list(map(self._known.get, outlines, repeat(_NEW)))
        for index in bad.nonzero()[0].tolist():
            known[index] = None
        if _NEW in known:
            for index, skeleton in enumerate(known):
                if skeleton is _NEW:
                    span = slice(first[index], first[index + 1])
                    begins, stops = [look.starts[index], *closes[span]], [*opens[span], look.ends[index]]
                    cuts = [data[begin:end] for begin, end in zip(begins, stops, strict=True)]
                    known[index] = self._learn(outlines[index], cuts)
        for index in controls.nonzero()[0].tolist():
            skeleton = known[index]
            if skeleton is not None and skeleton.controls != controls[index]:
                known[index] = None
        self._rows += len(known)
        self._recognised += len(known) - known.count(None)
        return known

    def _learn(self, outline: bytes, pieces: Sequence[bytes]) -> Skeleton | None:
        """Return what all rows with this skeleton are, None where they are unusual; remember it while there is room."""
        if outline in self._known:
            return self._known[outline]
        if len(outline) > _MOST_BYTES:
            return None
        marks = [f"{self._mark}{number}" for number in range(len(pieces) - 1)]
        line = pieces[0] + b"".join(mark.encode() + piece for mark, piece in zip(marks, pieces[1:], strict=True))
        facts = self._check(line)
        found: Skeleton | None = None
        if facts is not None and marks and facts.text == SEPARATOR.join(marks) and not facts.features:
            controls = sum(map(_SPACE.__gt__, outline))
            found = Skeleton(facts.roles, facts.extra, controls, facts.answer == marks[-1])
        if len(self._known) < _MOST_SKELETONS:
            self._known[outline] = found
        return found

    def _marks(self, codes: "Bytes") -> "Numbers":
        """Return where quotation marks, backslashes and control characters are."""
        np = self._np
        found, other = self._found[: len(codes)], self._other[: len(codes)]
        np.less(codes, _SPACE, out=found)
        for code in (_QUOTE, _SLASH):
            np.equal(codes, code, out=other)
            np.logical_or(found, other, out=found)
        at: Numbers = np.flatnonzero(found)
        return at

    def _is_chosen(self, number: "Numbers") -> "Flags":
        """Return which quotation marks of a line, by their numbers in it, open a text."""
        texts = self._texts
        chosen: Flags = (number >= texts.start) & (number < texts.stop) & ((number - texts.start) % texts.step == 0)
        return chosen

    def _are_trained(self, codes: "Bytes", closes: "Numbers", row: "Numbers") -> "Flags":
        """Return which texts, given by their ends, are none of a line's further fields: those up to its last one."""
        np = self._np
        last = np.ones(len(closes), bool)
        for offset, code in enumerate(self._last, 1):
            last &= codes[np.minimum(closes + offset, len(codes) - 1)] == code
        before = np.cumsum(last) - last
        counts = np.bincount(row)
        trained: Flags = (before == before[(np.cumsum(counts) - counts)[row]]) | (not self._last)
        return trained

    def _may_be_blank(self, codes: "Bytes", opens: "Numbers", closes: "Numbers") -> "Flags":
        """Return which texts are empty, or begin as one that is blank might."""
        np = self._np
        lead = codes[opens]  # of an empty one its end
        blank: Flags = opens == closes
        unsure = np.flatnonzero(self._unsure[lead])
        if len(unsure):
            at, last = opens[unsure], len(codes) - 1
            one = codes[at].astype(np.int64)
            two = one << 8 | codes[np.minimum(at + 1, last)]
            three = two << 8 | codes[np.minimum(at + 2, last)]
            blank[unsure] |= (one == _SPACE) | (one == _SLASH) | np.isin(two, self._two) | np.isin(three, self._three)
        return blank

    def _table(self, codes: bytes) -> "Flags":
        table = self._np.zeros(256, bool)
        table[list(codes)] = True
        return table


_NEW = Skeleton((), frozenset(), 0, answers=False)


def escapes_among(at: "Numbers", kinds: "Bytes") -> "Numbers":
    """Return which of these characters begin an escape, and take quotation marks that are escaped out of `kinds`.

    `at` is where quotation marks, backslashes and control characters are in lines, none of which ends in an escape. Of
    several backslashes in a row, every second one is what the one before it says.
    """
    import numpy as np

    slashes: Numbers = np.flatnonzero(kinds == _SLASH)
    single = np.diff(at[slashes], prepend=-2) != 1
    if not single.all():
        number = np.arange(len(slashes))
        slashes = slashes[(number - np.maximum.accumulate(np.where(single, number, 0))) & 1 == 0]
    following = slashes[slashes < len(at) - 1]
    following = following[at[following + 1] == at[following] + 1] + 1
    kinds[following[kinds[following] == _QUOTE]] = _SPACE
    return slashes
