"""Held-out rows that training gives away: equal questions, and nearly equal ones."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable

from app.domain.splits import Leakage, LeakPair

SHINGLE_WORDS = 3
NEAR = 0.6  # Jaccard similarity of three-word shingles; planted near duplicates of prose gave no false pair at it
MAX_COMPARED = 5000  # held-out rows whose shingles are held; of more, the first ones in the file
MAX_SHINGLES = 400  # words of one row: the first 400 of a long text tell enough
MAX_POSTINGS = 50  # a shingle that so many held-out rows share (a greeting, a form) tells nothing
MAX_PAIRS = 100
_OTHER = re.compile(r"[\W_]+")
# The same for ASCII, many times as fast: letters to lower case, all but letters and digits to spaces.
_PLAIN = bytes(ord(chr(code).lower()) if chr(code).isalnum() else 32 for code in range(128)) + bytes(128)


def normalise(text: str) -> str:
    """Return a text without what does not make two questions different: case, punctuation, spacing, character forms."""
    if text.isascii():
        return " ".join(text.encode().translate(_PLAIN).decode().split())
    return _OTHER.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def shingles(normal: str) -> frozenset[int]:
    """Return the hashes of each three words in a row of a normalised text; of a shorter text, its own."""
    words = normal.split(" ", MAX_SHINGLES)[:MAX_SHINGLES]
    if len(words) < SHINGLE_WORDS:
        return frozenset({hash(normal)})
    return frozenset(map(hash, zip(words, words[1:], words[2:], strict=False)))


class LeakCheck:
    """Held-out questions, against which training questions are held one by one."""

    def __init__(self, held_out: Iterable[tuple[int, str]]) -> None:
        """Take pairs of line number and question."""
        self._exact: dict[int, list[int]] = defaultdict(list)
        self._shingles: dict[int, frozenset[int]] = {}
        self._postings: dict[int, list[int]] = defaultdict(list)
        self._best: dict[int, tuple[float, int]] = {}
        self._checked = 0
        for line, question in held_out:
            self._hold(line, question)

    def _hold(self, line: int, question: str) -> None:
        normal = normalise(question)
        if not normal:
            return
        self._checked += 1
        self._exact[hash(normal)].append(line)
        if len(self._shingles) < MAX_COMPARED:
            self._shingles[line] = shingles(normal)
            for shingle in self._shingles[line]:
                if len(self._postings[shingle]) <= MAX_POSTINGS:
                    self._postings[shingle].append(line)

    def compare(self, training_line: int, question: str) -> None:
        """Hold one training question against all held-out ones."""
        normal = normalise(question)
        if not normal:
            return
        for line in self._exact.get(hash(normal), ()):
            self._note(line, 1.0, training_line)
        own = shingles(normal)
        shared: Counter[int] = Counter()
        for shingle in self._postings.keys() & own:
            if len(self._postings[shingle]) <= MAX_POSTINGS:
                shared.update(self._postings[shingle])
        for line, common in shared.items():
            similarity = common / (len(own) + len(self._shingles[line]) - common)
            if similarity >= NEAR:
                self._note(line, min(similarity, 0.999), training_line)

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
