"""The classic reference for a label task: TF-IDF and logistic regression, in numpy alone.

`python -m benchmarks.reference_tfidf app/samples/support_triage/train.jsonl FILE …` prints accuracy and macro-F1 of
each further file. The features and the objective are those of scikit-learn's TfidfVectorizer (words 1-2 and characters
2-5 within words, sublinear, each block of unit length) and LogisticRegression. The objective is convex, so its minimum
is the same whoever finds it: that is why numpy, which the web environment holds, stands in for one more package.
"""

import argparse
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

STRENGTH = 10.0
"""The weight C of the data against the weights' squared length; chosen on the sample's validation rows."""

GRADIENT_TOLERANCE = 1e-4
MOST_STEPS = 2_000
INTERCEPT_FEATURE = 100.0
_WORD = re.compile(r"\b\w\w+\b")


def word_terms(text: str) -> Iterator[str]:
    """The words of two letters and more, and each two neighbours."""
    words = _WORD.findall(text.lower())
    yield from words
    yield from (f"{first} {second}" for first, second in pairwise(words))


def character_terms(text: str) -> Iterator[str]:
    """Runs of 2 to 5 characters inside each word, a blank at either end (scikit-learn's `char_wb`)."""
    for word in text.lower().split():
        padded = f" {word} "
        for length in range(2, 6):
            yield from (padded[start : start + length] for start in range(max(1, len(padded) - length + 1)))
            if len(padded) <= length:
                break


class TermWeights:
    """TF-IDF of one kind of term: 1 + ln(count) times ln((1 + rows) / (1 + rows with the term)) + 1, unit length."""

    def __init__(self, rows: list[Counter[str]]) -> None:
        """Learn the terms and how rare each is."""
        found = Counter(term for row in rows for term in row)
        self._index = {term: installation for installation, term in enumerate(sorted(found))}
        self._rarity = {term: np.log((1 + len(rows)) / (1 + count)) + 1 for term, count in found.items()}

    def matrix(self, rows: list[Counter[str]]) -> Matrix:
        """One line a row, one column a known term."""
        values = np.zeros((len(rows), len(self._index)))
        for line, row in enumerate(rows):
            for term, count in row.items():
                if term in self._index:
                    values[line, self._index[term]] = (1 + np.log(count)) * self._rarity[term]
        lengths = np.linalg.norm(values, axis=1, keepdims=True)
        return values / np.where(lengths == 0, 1, lengths)


def _softmax(scores: Matrix) -> Matrix:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def fit_softmax(features: Matrix, wanted: Matrix, strength: float) -> tuple[Matrix, Matrix]:
    """Weights [columns, labels] and intercepts [labels] at the minimum of ``strength`` · cross-entropy + ½ · weights².

    Steps over the rows' coefficients (weights = features.T @ coefficients), which costs rows², not rows · columns. The
    curvature of softmax never exceeds ½ (Böhning 1992), so one inverse serves every step; Nesterov's momentum on top.
    The intercept is one more feature, so large that its penalty is next to nothing.
    """
    likeness = features @ features.T + INTERCEPT_FEATURE**2
    inverse = np.linalg.inv(strength / 2 * likeness + np.eye(len(features)))
    coefficients = ahead = np.zeros_like(wanted)
    momentum = 1.0
    for _ in range(MOST_STEPS):
        slope = strength * (_softmax(likeness @ ahead) - wanted) + ahead
        if np.abs(slope).max() < GRADIENT_TOLERANCE:
            break
        moved = ahead - inverse @ slope
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = moved + (momentum - 1) / following * (moved - coefficients)
        coefficients, momentum = moved, following
    return features.T @ ahead, INTERCEPT_FEATURE**2 * ahead.sum(axis=0)


class Reference:
    """A fitted reference classifier."""

    def __init__(self, texts: list[str], labels: list[str], strength: float = STRENGTH) -> None:
        """Fit on texts and their labels."""
        self.labels = sorted(set(labels))
        self._blocks = [(terms, TermWeights(_count(texts, terms))) for terms in (word_terms, character_terms)]
        wanted = np.array([[float(label == known) for known in self.labels] for label in labels])
        self._weights, self._intercept = fit_softmax(self._features(texts), wanted, strength)

    def _features(self, texts: list[str]) -> Matrix:
        return np.hstack([weights.matrix(_count(texts, terms)) for terms, weights in self._blocks])

    def predict(self, texts: list[str]) -> list[str]:
        """The likeliest label of each text."""
        scores = self._features(texts) @ self._weights + self._intercept
        return [self.labels[installation] for installation in scores.argmax(axis=1)]


def _count(texts: list[str], terms: Callable[[str], Iterator[str]]) -> list[Counter[str]]:
    return [Counter(terms(text)) for text in texts]


@dataclass(frozen=True)
class Scores:
    """How well labels were told, between 0 and 1."""

    rows: int
    accuracy: float
    macro_f1: float


def score(wanted: list[str], reported: list[str]) -> Scores:
    """Accuracy, and the mean over the wanted labels of 2·hits / (told + wanted)."""
    labels = sorted(set(wanted))
    hits = Counter(want for want, tell in zip(wanted, reported, strict=True) if want == tell)
    f1 = [2 * hits[label] / (wanted.count(label) + reported.count(label)) for label in labels]
    return Scores(len(wanted), sum(hits.values()) / len(wanted), sum(f1) / len(f1))


def read_labelled(path: Path) -> tuple[list[str], list[str]]:
    """Customers' messages and answers of a messages-format JSONL file."""
    rows = [json.loads(line)["messages"] for line in path.read_text(encoding="utf-8").splitlines()]
    by_role = [{message["role"]: message["content"] for message in row} for row in rows]
    return [row["user"] for row in by_role], [row["assistant"] for row in by_role]


def reference_scores(train: Path, others: Iterable[Path], strength: float = STRENGTH) -> dict[str, Scores]:
    """Fit on one file and score each other file, by its name."""
    reference = Reference(*read_labelled(train), strength)
    scores = {}
    for path in others:
        texts, wanted = read_labelled(path)
        scores[path.name] = score(wanted, reference.predict(texts))
    return scores


def main() -> None:
    """Print the reference's figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("train", type=Path)
    parser.add_argument("others", type=Path, nargs="+")
    parser.add_argument("--strength", type=float, default=STRENGTH)
    given = parser.parse_args()
    for name, figures in reference_scores(given.train, given.others, given.strength).items():
        print(f"{name}: {figures.rows} rows, accuracy {figures.accuracy:.3f}, macro-F1 {figures.macro_f1:.3f}")


if __name__ == "__main__":
    main()
