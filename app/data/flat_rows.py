"""Rows that are nothing but texts, a block of them at one look: where each text of each row stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.data.lines import is_utf8
from app.data.skeletons import SIMPLE_ESCAPES, escapes_among

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Numbers = NDArray[np.int64]

_QUOTE, _SLASH, _FEED, _SPACE, _COLON, _COMMA, _OPEN, _CLOSE = b'"\\\n :,{}'
_EACH = 4  # quotation marks of a field: two around its name, two around its text


@dataclass(frozen=True, slots=True, eq=False)
class FlatRows:
    """A block of rows with the same fields: `marks[i]` are where the quotation marks of row i stand."""

    data: bytes
    marks: "Numbers"

    def texts(self, fields: Sequence[int]) -> list[bytes]:
        """Return the texts of these fields, by their numbers, as they are written, row by row."""
        begins, ends = ([number * _EACH + side for number in fields] for side in (2, 3))
        spans = zip(self.marks[:, begins].ravel().tolist(), (self.marks[:, ends] + 1).ravel().tolist(), strict=True)
        return [self.data[begin:end] for begin, end in spans]


def flat_rows(data: bytes, names: Sequence[str]) -> FlatRows | None:
    """Return the rows of lines that have just these fields, all of them texts, written without a space between.

    The last line feed belongs to the block. None where a line is otherwise, or holds an escape of more than one
    character: then each is read by itself.
    """
    import numpy as np

    keys = [name.encode() for name in names]
    if any(b'"' in key or b"\\" in key or not name.isprintable() for key, name in zip(keys, names, strict=True)):
        return None
    codes = np.frombuffer(data, np.uint8)
    found = codes < _SPACE
    found |= codes == _QUOTE
    found |= codes == _SLASH
    at: Numbers = np.flatnonzero(found)
    kinds = codes[at]
    ends = at[kinds == _FEED]
    if len(ends) != int((kinds < _SPACE).sum()) or not len(ends) or data[-2:-1] == b"\\":
        return None
    escapes = escapes_among(at, kinds)
    marks = at[kinds == _QUOTE]
    if (
        len(marks) != len(ends) * len(keys) * _EACH
        or codes[at[escapes] + 1].tobytes().translate(None, SIMPLE_ESCAPES)
        or not is_utf8(data)
    ):
        return None
    rows = marks.reshape(len(ends), -1)
    return FlatRows(data, rows) if _have_fields(codes, rows, ends, keys) else None


def _have_fields(codes: "Bytes", rows: "Numbers", ends: "Numbers", keys: Sequence[bytes]) -> bool:
    """Return whether each row is `{"name":"…","other":"…"}`, its quotation marks being these."""
    import numpy as np

    begins = np.append(0, ends[:-1] + 1)
    sound = (
        (rows[:, 0] == begins + 1) & (codes[begins] == _OPEN) & (rows[:, -1] == ends - 2) & (codes[ends - 1] == _CLOSE)
    )
    for number, key in enumerate(keys):
        name, after, text, end = (rows[:, number * _EACH + side] for side in range(_EACH))
        sound &= (after - name == len(key) + 1) & (text - after == 2) & (codes[after + 1] == _COLON)  # noqa: PLR2004
        if number + 1 < len(keys):
            sound &= (rows[:, (number + 1) * _EACH] - end == 2) & (codes[end + 1] == _COMMA)  # noqa: PLR2004
        if sound.all() and key:
            wanted = np.frombuffer(key, np.uint8)
            sound &= (codes[name[:, None] + 1 + np.arange(len(key))] == wanted).all(axis=1)
    return bool(sound.all())
