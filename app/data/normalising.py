"""Questions without what does not make two of them different, one at a time or a block of them at once.

A question that comes from a file is given as its parts' JSON texts, quotation marks and escapes as they stand there,
with PART between them: no text has to be made of what only words are taken of.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]

PART, _END = b"\xfe", b"\xff"  # no UTF-8 holds them
_OTHER = re.compile(r"[\W_]+")
# For ASCII, many times as fast: letters to lower case, all but letters and digits to spaces.
_PLAIN = bytes(ord(chr(code).lower()) if chr(code).isalnum() else 32 for code in range(128)) + bytes(range(128, 256))
_PLAIN_ROWS = _PLAIN[:254] + b" \n"
_ASCII = bytes(range(128))
_CONJOINING = range(0x1160, 0x1200)  # halves of Korean syllables, which join with the one before
_SPACE, _SLASH, _FEED = b" \\\n"
_GONE = _END[0]


def normalise(text: str) -> str:
    """Return a text without what does not make two questions different: case, punctuation, spacing, character forms."""
    written = text.encode(errors="surrogatepass")
    if not text.isascii():
        for char in set(written.translate(None, _ASCII).decode(errors="surrogatepass")):
            alone = _alone(char)
            if alone is None:
                return _OTHER.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()
            if alone != char:
                written = written.replace(char.encode(), alone.encode())
    return b" ".join(written.translate(_PLAIN).split()).decode()


@lru_cache(maxsize=1 << 16)
def _alone(char: str) -> str | None:
    """Return what a character comes to, whatever stands around it; None where that decides (an accent, for example)."""
    form = unicodedata.normalize("NFKC", char)
    if any(ord(each) in _CONJOINING or unicodedata.category(each)[0] in "MC" for each in f"{char}{form}"):
        return None
    return "".join(each if each.isalnum() else " " for each in form.casefold())


def text_of(question: bytes) -> str:
    """Return a question's parts as one text."""
    return "\n".join(map(orjson.loads, question.split(PART)))


def normalise_rows(questions: Sequence[bytes]) -> "Bytes":
    """Return questions as `normalise` makes them, in UTF-8, with a line feed between two of them."""
    block, alone = _END.join(questions), dict[int, bytes]()
    if b"\\" in block and b"\\u" in block:  # one byte is looked for many times as fast as two
        alone = _apart(questions, [b"\\u"])
        block = _without(questions, alone)
    if not block.isascii():
        chars = {char: _alone(char) for char in set(block.translate(None, _ASCII + PART + _END).decode())}
        hard = [char.encode() for char, form in chars.items() if form is None]
        if hard:
            alone |= _apart(questions, hard)
            block = _without(questions, alone)
        for char, form in chars.items():
            if form is not None and form != char:
                block = block.replace(char.encode(), form.encode())
    codes = _collapsed(_words_only(block))
    if not alone:
        return codes
    import numpy as np

    rows = codes.tobytes().split(b"\n")
    for index, normal in alone.items():
        rows[index] = normal
    return np.frombuffer(b"\n".join(rows), np.uint8)


def _apart(questions: Sequence[bytes], signs: Iterable[bytes]) -> dict[int, bytes]:
    """Return by their index those that hold one of some signs, normalised one by one."""
    found = re.compile(b"|".join(map(re.escape, signs))).search
    return {index: normalise(text_of(each)).encode() for index, each in enumerate(questions) if found(each)}


def _without(questions: Sequence[bytes], alone: dict[int, bytes]) -> bytes:
    return _END.join([b"" if index in alone else each for index, each in enumerate(questions)])


def _words_only(block: bytes) -> bytes:
    """Return small letters, digits, spaces, and line feeds between rows; escapes of one character are none of these."""
    if b"\\" in block:
        import numpy as np

        codes = np.frombuffer(bytearray(block.replace(b"\\\\", b"  ")), np.uint8)
        slashes = np.flatnonzero(codes == _SLASH)
        codes[slashes] = codes[slashes + 1] = _SPACE
        block = codes.tobytes()
    return block.translate(_PLAIN_ROWS, b'"')  # those that are left stand around texts


def _collapsed(plain: bytes) -> "Bytes":
    """Return the same with one space between two words, and none at the ends of a row."""
    import numpy as np

    codes = np.frombuffer(bytearray(plain), np.uint8)
    at = np.flatnonzero(codes <= _SPACE)
    edge = np.append(-1, at), np.append(at, len(codes))
    beside = edge[1] - edge[0] == 1  # whether a space or an end stands before each of them, at last before the end
    several = np.flatnonzero(beside[:-1] | beside[1:])
    if not len(several):
        return codes
    some = at[several]
    starts = np.flatnonzero(np.diff(some, prepend=-2) != 1)  # of each run of spaces and line feeds
    feeds = codes[some] == _FEED
    ended = np.logical_or.reduceat(feeds, starts)  # runs at the ends of rows keep their line feeds only
    ended[0] |= some[0] == 0
    ended[-1] |= some[-1] == len(codes) - 1
    gone = ~feeds
    gone[starts[~ended]] = False
    codes[some[gone]] = _GONE
    return np.frombuffer(codes.tobytes().translate(None, _END), np.uint8)
