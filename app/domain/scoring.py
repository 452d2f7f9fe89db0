"""The figures of an evaluation, from expected and given answers. Standard library only."""

import re
import string
from collections import Counter
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from app.domain import intervals

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)

# What counts as a small set of labels when nobody names one.
_MOST_LABELS = 20
_LONGEST_LABEL = 40  # characters
_ROWS_PER_LABEL = 2
_UNLABELLED = dict.fromkeys(
    ("accuracy", "macro_f1", "confusion"), "The expected answers are not a small set of labels."
)


def exact_match(answer: str, expected: str) -> bool:
    """Tell whether the two are the same text, white space around them left out."""
    return answer.strip() == expected.strip()


def normalise(text: str) -> list[str]:
    """Return the words as SQuAD 1.1 compares them: lower case, no punctuation, no articles (Rajpurkar et al. 2016)."""
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def token_f1(answer: str, expected: str) -> float:
    """Return the harmonic mean of precision and recall over the bags of words, as SQuAD 1.1 defines it, 0 to 1.

    Two texts without words are equal (1.0); a text without words and one with words share nothing (0.0).
    """
    given, wanted = normalise(answer), normalise(expected)
    if not given or not wanted:
        return float(given == wanted)
    common = sum((Counter(given) & Counter(wanted)).values())
    return 2 * common / (len(given) + len(wanted))


def find_labels(expected: Sequence[str]) -> list[str]:
    """Return the expected answers as labels, sorted, if they are a small set of short ones; else an empty list."""
    labels = sorted({text.strip() for text in expected})
    small = 1 < len(labels) <= min(_MOST_LABELS, len(expected) // _ROWS_PER_LABEL)
    short = all(label and len(label) <= _LONGEST_LABEL and "\n" not in label for label in labels)
    return labels if small and short else []


def confusion(answers: Sequence[str], expected: Sequence[str], labels: Sequence[str]) -> list[list[int]]:
    """Return one row per label of how often it was answered as each label; the last column is anything else."""
    column = {label: index for index, label in enumerate(labels)}
    counts = [[0] * (len(labels) + 1) for _ in labels]
    for answer, wanted in zip(answers, expected, strict=True):
        row = column.get(wanted.strip())
        if row is not None:
            counts[row][column.get(answer.strip(), len(labels))] += 1
    return counts


def macro_f1(counts: Sequence[Sequence[int]]) -> float:
    """Return the mean F1 over the labels that are expected at least once; answers outside the set are misses."""
    scores = []
    for index, row in enumerate(counts):
        if not sum(row):
            continue
        hits = row[index]
        answered = sum(other[index] for other in counts)
        scores.append(2 * hits / (sum(row) + answered) if hits else 0.0)
    return sum(scores) / len(scores) if scores else 0.0


def figures(pairs: Sequence[tuple[str, str]], labels: Sequence[str]) -> dict[str, Any]:
    """Return what answers alone give, from pairs of answer and expected answer, at least one.

    The names are those of `app.domain.evaluations.EvaluationMetrics`; `missing` says why a figure is not there.
    """
    right = sum(exact_match(*pair) for pair in pairs)
    found: dict[str, Any] = {
        "exact_match": right / len(pairs),
        "token_f1": sum(token_f1(*pair) for pair in pairs) / len(pairs),
        "intervals": {"exact_match": intervals.of_share(right, len(pairs))},
    }
    if not labels:
        return found | {"missing": dict(_UNLABELLED)}
    counts = confusion([answer for answer, _ in pairs], [expected for _, expected in pairs], labels)
    matrix = {"labels": list(labels), "counts": counts}
    found["intervals"] |= {"accuracy": found["intervals"]["exact_match"]}
    return found | {"accuracy": found["exact_match"], "macro_f1": macro_f1(counts), "confusion": matrix, "missing": {}}


def endings(answers: Sequence[tuple[str, bool]]) -> dict[str, int]:
    """Return how many answers ended by themselves and how many were cut at their limit, from answers and whether each
    ended; and how many, of either kind, have no text.
    """
    ended = sum(by_itself for _, by_itself in answers)
    empty = sum(not answer.strip() for answer, _ in answers)
    return {"ended": ended, "cut": len(answers) - ended, "empty": empty}


def preferences(margins: Sequence[float]) -> dict[str, Any]:
    """Return the share of rows whose chosen answer is likelier than the rejected one, and the mean margin.

    `margins`, at least one: of each row the log likelihood of the chosen answer less that of the rejected one, each
    summed over its tokens, in nats. A tie is no preference, as in TRL's `rewards/accuracies` (1.16).
    """
    liked = sum(each > 0 for each in margins)
    share, mean = intervals.of_share(liked, len(margins)), intervals.of_mean(margins)
    spans = {"preferred": share} | ({} if mean is None else {"margin": mean})
    return {"preferred": liked / len(margins), "margin": fmean(margins), "intervals": spans}
