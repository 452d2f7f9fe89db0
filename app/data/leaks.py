"""Held-out rows that training gives away: equal questions, and nearly equal ones."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from functools import lru_cache

from app.domain.splits import Leakage, LeakPair

SHINGLE_WORDS = 3
NEAR = 0.6  # Jaccard similarity of three-word shingles; planted near duplicates of prose gave no false pair at it
MAX_COMPARED = 5000  # held-out rows whose shingles are held; of more, the first ones in the file
MAX_SHINGLES = 400  # words of one row: the first 400 of a long text tell enough
MAX_POSTINGS = 50  # a shingle that so many held-out rows share (a greeting, a form) tells nothing
MAX_PAIRS = 100
_ROUNDING = 1e-6
_OTHER = re.compile(r"[\W_]+")
# The same for ASCII, many times as fast: letters to lower case, all but letters and digits to spaces.
_PLAIN = bytes(ord(chr(code).lower()) if chr(code).isalnum() else 32 for code in range(128)) + bytes(range(128, 256))
_ASCII = bytes(range(128))
_CONJOINING = range(0x1160, 0x1200)  # halves of Korean syllables, which join with the one before


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
    plain = written.translate(_PLAIN).strip()
    while b"  " in plain:
        plain = plain.replace(b"  ", b" ")
    return plain.decode()


@lru_cache(maxsize=1 << 16)
def _alone(char: str) -> str | None:
    """Return what a character comes to, whatever stands around it; None where that decides (an accent, for example)."""
    form = unicodedata.normalize("NFKC", char)
    if any(ord(each) in _CONJOINING or unicodedata.category(each)[0] in "MC" for each in f"{char}{form}"):
        return None
    return "".join(each if each.isalnum() else " " for each in form.casefold())


def shingles(normal: str) -> frozenset[int]:
    """Return the hashes of each three words in a row of a normalised text; of a shorter text, its own."""
    words = normal.split(" ", MAX_SHINGLES)[:MAX_SHINGLES]
    if len(words) < SHINGLE_WORDS:
        return frozenset({hash(normal)})
    return frozenset(map(hash, zip(words, words[1:], words[2:], strict=False)))


class LeakCheck:
    """Held-out questions, against which training questions are held one by one."""

    def __init__(self, held_out: Iterable[tuple[int, str]], *, normal: Callable[[str], str] = normalise) -> None:
        """Take pairs of line number and question; `normal` makes of a question what is compared."""
        self._normal = normal
        self._exact: dict[int, list[int]] = defaultdict(list)
        self._counts: dict[int, int] = {}  # of each line's shingles
        self._postings: dict[int, int | list[int]] = {}  # most shingles are of one line alone
        self._common: list[int] = []  # shingles that too many lines have
        self._best: dict[int, tuple[float, int]] = {}
        self._checked = 0
        for line, question in held_out:
            self._hold(line, question)
        for shingle in self._common:
            del self._postings[shingle]

    def _hold(self, line: int, question: str) -> None:
        normal = self._normal(question)
        if not normal:
            return
        self._checked += 1
        self._exact[hash(normal)].append(line)
        if len(self._counts) < MAX_COMPARED:
            own = shingles(normal)
            self._counts[line] = len(own)
            for shingle in own:
                self._post(shingle, line)

    def _post(self, shingle: int, line: int) -> None:
        """Note that a line has a shingle; the list of one that too many have is left empty."""
        lines = self._postings.setdefault(shingle, line)
        if isinstance(lines, int):
            if lines != line:
                self._postings[shingle] = [lines, line]
        elif lines:
            lines.append(line)
            if len(lines) > MAX_POSTINGS:
                lines.clear()
                self._common.append(shingle)

    def compare(self, training_line: int, question: str) -> None:
        """Hold one training question against all held-out ones."""
        normal = self._normal(question)
        if not normal:
            return
        for line in self._exact.get(hash(normal), ()):
            self._note(line, 1.0, training_line)
        if self._is_far(normal):
            return
        own = shingles(normal)
        known = self._postings.keys() & own
        least = len(own) * NEAR - _ROUNDING
        if len(known) < least:
            return
        shared: Counter[int] = Counter()
        for shingle in known:
            lines = self._postings[shingle]
            shared.update((lines,) if isinstance(lines, int) else lines)
        for line, common in shared.items():
            if common < least:
                continue
            similarity = common / (len(own) + self._counts[line] - common)
            if similarity >= NEAR:
                self._note(line, min(similarity, 0.999), training_line)

    def _is_far(self, normal: str) -> bool:
        """Return whether the first half of a question shows that it is near none.

        Of the n shingles of a near one, at least 0.6 n are a held-out question's, too. Where so few of those in the
        first half are that all in the second half together could not make up for it, these need not be looked at.
        """
        count = min(normal.count(" ") + 1, MAX_SHINGLES) - SHINGLE_WORDS + 1
        if count < SHINGLE_WORDS:
            return False
        half = count // 2 + 1
        words = normal.split(" ", half + SHINGLE_WORDS - 1)
        first = set(map(hash, zip(words[:half], words[1:], words[2 : half + 2], strict=False)))
        found = sum(map(self._postings.__contains__, first))
        return found < len(first) * NEAR - (count - half) * (1 - NEAR) - _ROUNDING

    def result(self) -> Leakage:
        """Return how many held-out rows have an equal or a nearly equal question in training."""
        exact = sum(similarity == 1.0 for similarity, _ in self._best.values())
        pairs = sorted(self._best.items(), key=lambda item: (-item[1][0], item[0]))[:MAX_PAIRS]
        return Leakage(
            exact=exact,
            near=len(self._best) - exact,
            checked=self._checked,
            pairs=tuple(
                LeakPair(line=line, training_line=training, similarity=round(similarity, 3))
                for line, (similarity, training) in pairs
            ),
        )

    def _note(self, line: int, similarity: float, training_line: int) -> None:
        if similarity > self._best.get(line, (0.0, 0))[0]:
            self._best[line] = (similarity, training_line)
