"""A block of a table at one look: rows with a cell for each column become JSON Lines without ever being cells.

Quotation marks tell which delimiters and line ends stand between cells: those behind an even number of them. Where each
opens a cell, closes one or is doubled inside one, a block is regular, and csv reads it the same way; then each byte
between two cells is replaced by what stands between two values, and what JSON escapes is escaped, all of them at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from app.data.imports.container import Rows
from app.data.lines import is_utf8

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Flags = NDArray[np.bool_]
    Numbers = NDArray[np.int64]

MOST_BYTES = 4 << 20  # of a row: a longer one is left to csv
_QUOTE, _FEED, _RETURN, _TAB, _SPACE, _SLASH = b'"\n\r\t \\'
# Control characters, which no block that is taken holds, stand for what is to be written in their place.
_ROW, _DOUBLED, *_BETWEEN = (code for code in range(1, _SPACE) if code not in {_FEED, _RETURN, _TAB})
_GONE = 0xFF  # in no UTF-8
_UNDOUBLED = bytes(_SLASH if code == _DOUBLED else code for code in range(256))
_ESCAPES = ((b"\n", b"\\n"), (b"\r", b"\\r"), (b"\t", b"\\t"))


@dataclass(frozen=True, slots=True)
class Taken:
    """How many bytes of a block are whole rows, and these; None where csv must read them, `read` lines otherwise."""

    size: int
    rows: Rows | None = None
    lines: int = 0


class EvenRows:
    """What takes the blocks of one table."""

    def __init__(self, names: Sequence[str], delimiter: str) -> None:
        keys = [orjson.dumps(name) for name in names]
        self._delimiter, self._width = ord(delimiter), len(names)
        self._opening = b'{%b:"' % keys[0]
        self._between = [
            (bytes([code]), b'",%b:"' % key) for code, key in zip(_BETWEEN[: len(keys) - 1], keys[1:], strict=True)
        ]

    @staticmethod
    def fit(names: Sequence[str]) -> bool:
        """Return whether a table with these columns may be taken so."""
        return 0 < len(names) <= len(_BETWEEN) and all(name.isprintable() for name in names)

    def take(self, data: bytes, line: int) -> Taken | None:
        """Return the rows that end within a block, which begins with a row; `line` is the last one before it.

        None where quotation marks stand otherwise than csv writes them: then nobody but csv can tell its rows.
        """
        import numpy as np

        codes = np.frombuffer(data, np.uint8)
        found = codes < _SPACE
        found |= codes == _QUOTE
        found |= codes == self._delimiter
        at: Numbers = np.flatnonzero(found)
        kinds = codes[at]
        quotes = kinds == _QUOTE
        outside = (np.cumsum(quotes) & 1 == 0) & ~quotes
        feeds = kinds == _FEED
        ends = np.flatnonzero(outside & feeds)
        if not len(ends):
            return Taken(0)
        whole = slice(0, int(ends[-1]) + 1)
        at, kinds, quotes, outside, feeds = at[whole], kinds[whole], quotes[whole], outside[whole], feeds[whole]
        size = int(at[-1]) + 1
        opens, closes = at[quotes][0::2], at[quotes][1::2]
        returns = at[kinds == _RETURN]
        if not self._are_regular(codes, opens, closes) or not (codes[returns + 1] == _FEED).all():
            return None
        cells = outside & ((kinds == self._delimiter) | feeds)
        between = at[cells]
        begins = np.append(0, at[ends[:-1]] + 1)
        controls = (kinds < _SPACE) & ~feeds & (kinds != _RETURN) & (kinds != _TAB)
        block = data[:size]
        if controls.any() or not self._are_even(codes, begins, kinds[cells]) or not is_utf8(block):
            return Taken(size)
        made = bytearray(block)
        out = np.frombuffer(made, np.uint8)
        columns = between.reshape(-1, self._width)
        for number, (mark, _) in enumerate(self._between):
            out[columns[:, number]] = mark[0]
        out[columns[:, -1]] = _ROW
        out[at[outside & (kinds == _RETURN)]] = _GONE
        doubled = opens[1:] == closes[:-1] + 1
        out[opens[:1]] = out[closes[-1:]] = _GONE
        out[opens[1:][~doubled]] = out[closes[:-1][~doubled]] = _GONE
        out[closes[:-1][doubled]] = _DOUBLED
        before = np.cumsum(feeds)  # line feeds up to each of these characters
        positions = np.append(0, before[ends[:-1]]) + line + 1
        return Taken(size, Rows(self._lines(bytes(made)), len(begins), positions.tolist()), int(before[-1]))

    def _are_regular(self, codes: "Bytes", opens: "Numbers", closes: "Numbers") -> bool:
        """Return whether every quotation mark opens a cell, closes one, or is one of two inside a quoted one."""
        if not len(opens):
            return True
        before, after = codes[opens - 1], codes[closes + 1]
        opened = (before == self._delimiter) | (before == _FEED)
        opened[0] |= opens[0] == 0
        opened[1:] |= opens[1:] == closes[:-1] + 1
        closed = (after == self._delimiter) | (after == _FEED) | (after == _RETURN) | (after == _QUOTE)
        return bool(opened.all() and closed.all())

    def _are_even(self, codes: "Bytes", begins: "Numbers", between: "Bytes") -> bool:
        """Return whether every row has as many cells as there are columns, and none is blank."""
        if len(between) != len(begins) * self._width:
            return False
        feeds = between.reshape(-1, self._width) == _FEED
        first = codes[begins]
        return bool(
            feeds[:, -1].all() and feeds.sum() == len(begins) and not ((first == _FEED) | (first == _RETURN)).any()
        )

    def _lines(self, marked: bytes) -> bytes:
        """Return rows whose cells are parted by marks as JSON Lines."""
        marked = marked.replace(b"\\", b"\\\\").translate(_UNDOUBLED, bytes([_GONE]))
        for written, escaped in _ESCAPES:
            marked = marked.replace(written, escaped)
        for mark, between in self._between:
            marked = marked.replace(mark, between)
        rows = marked.replace(bytes([_ROW]), b'"}\n' + self._opening)
        return self._opening + rows[: -len(self._opening)]
