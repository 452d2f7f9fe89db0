"""The shingles of questions, hashed a block of rows at a time: each three words in a row, as one number.

The number of a shingle is that of its bytes, taken for the digits of a number in a base B, modulo 2^64 and without its
lowest bits. With the sums of all digits up to each byte that is one subtraction for each shingle, whatever its length
(Karp and Rabin, 1987: Efficient randomized pattern-matching algorithms).
"""

from array import array
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Hashes = NDArray[np.uint64]
    Numbers = NDArray[np.int64]

SHINGLE_WORDS = 3
MAX_WORDS = 400  # of one row: the first 400 words of a long text tell enough
MAX_SHINGLES = MAX_WORDS - SHINGLE_WORDS + 1
FREE_BITS = 13  # of a hash, for whoever needs room
BLOCK_BYTES = 1 << 17  # hashed at once: their powers and sums stay in the processor's cache
_HASH = (1 << 64) - (1 << FREE_BITS)
_BASE = 0x9E3779B97F4A7C15  # odd, so that it can be divided by modulo 2^64
_MODULUS = 1 << 64
_SPACE, _FEED = b" \n"


class Shingler:
    """Hashes shingles; holds tables of 2 MiB."""

    def __init__(self) -> None:
        import numpy as np

        self._np = np
        self._powers, self._inverse = map(self._powers_of, (_BASE, pow(_BASE, -1, _MODULUS)))

    def _powers_of(self, base: int) -> "Hashes":
        powers = self._np.full(BLOCK_BYTES + 2, base, self._np.uint64)
        powers[0] = 1
        made: Hashes = self._np.cumprod(powers)
        return made

    def of(self, codes: "Bytes") -> "tuple[Hashes, Numbers]":
        """Return the hashes of the shingles of normalised rows, one after the other, and how many each row has.

        A row of fewer than three words has one, an empty row none; rows are separated by line feeds. What is longer
        than `BLOCK_BYTES` must be one row.
        """
        if len(codes) > BLOCK_BYTES:
            return self._long(codes)
        np = self._np
        padded = np.empty(len(codes) + 1, np.uint8)
        padded[0], padded[1:] = _FEED, codes
        before = np.flatnonzero(padded <= _SPACE)  # what stands before each word, empty ones too
        first = np.flatnonzero(padded[before] == _FEED)  # word of each row
        last = np.append(first[1:], len(before)) - 1
        words = last - first + 1
        ends = np.append(before, len(padded))
        sums = np.empty(len(padded) + 1, np.uint64)
        sums[0] = 0
        np.multiply(padded, self._powers[: len(padded)], out=sums[1:])
        np.cumsum(sums[1:], out=sums[1:])
        sums = sums[ends]
        hashes = np.empty(len(before), np.uint64)  # of the shingle that begins with each word, what is before it too
        np.subtract(sums[3:], sums[:-3], out=hashes[: max(len(before) - 2, 0)])
        begins = np.ones(len(before), bool)  # whether one does
        begins[last] = begins[np.maximum(last - 1, first)] = False
        short = np.flatnonzero(words < SHINGLE_WORDS)
        hashes[first[short]] = sums[last[short] + 1] - sums[first[short]]
        begins[first[short]] = ends[last[short] + 1] > before[first[short]] + 1
        for row in np.flatnonzero(words > MAX_WORDS).tolist():
            begins[first[row] + MAX_SHINGLES : last[row]] = False
        hashes *= self._inverse[before]
        hashes[first] += np.uint64(_SPACE - _FEED)
        counts = np.clip(words, SHINGLE_WORDS, MAX_WORDS) - SHINGLE_WORDS + 1
        counts[short] = begins[first[short]]
        return hashes[begins] & np.uint64(_HASH), counts

    def _long(self, codes: "Bytes") -> "tuple[Hashes, Numbers]":
        """Return the same of one row that is long: of its first words, one by one where these are long, too."""
        words = codes.tobytes().split(b" ", MAX_WORDS)[:MAX_WORDS]
        if sum(map(len, words)) + len(words) <= BLOCK_BYTES:
            return self.of(self._np.frombuffer(b" ".join(words), self._np.uint8))
        count = max(len(words) - SHINGLE_WORDS + 1, 1)
        hashes = [self._number(b" ".join(words[at : at + SHINGLE_WORDS])) & _HASH for at in range(count)]
        return self._np.array(hashes, self._np.uint64), self._np.array([count])

    def _number(self, shingle: bytes) -> int:
        total, size = 0, BLOCK_BYTES
        shingle = b" " + shingle
        for at in range(0, len(shingle), size):
            codes = self._np.frombuffer(shingle[at : at + size], self._np.uint8)
            total += int((codes * self._powers[: len(codes)]).sum(dtype=self._np.uint64)) * pow(_BASE, at, _MODULUS)
        return total % _MODULUS


class ShingleFile:
    """The shingles of a file's rows, on the disk; only their numbers stay in memory."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._shingler, self._counts = stream, Shingler(), array("H")

    def add(self, codes: "Bytes") -> None:
        """Take normalised rows, as `Shingler.of` does."""
        import numpy as np

        hashes, counts = self._shingler.of(codes)
        self._stream.write(hashes.data)
        self._counts.frombytes(counts.astype(np.uint16).tobytes())

    @property
    def counts(self) -> "NDArray[np.uint16]":
        """How many shingles each row has."""
        import numpy as np

        return np.frombuffer(self._counts, np.uint16)

    def rewind(self) -> None:
        """Go to the first row."""
        self._stream.seek(0)

    def read(self, shingles: int) -> "Hashes":
        """Return the next ones."""
        import numpy as np

        return np.frombuffer(self._stream.read(shingles * 8), np.uint64)
