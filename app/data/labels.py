"""Are the answers a small set of labels?"""

from collections import Counter

from app.domain.datasets import LabelCount, LabelSummary

MAX_LABELS = 20
MAX_LABEL_CHARS = 60
MIN_ROWS_PER_LABEL = 2  # on average; with fewer, short answers are just short


class LabelTracker:
    """Watches answers go by, and forgets them as soon as they are too many or too long to be labels."""

    def __init__(self) -> None:
        self._counts: Counter[str] | None = Counter()

    @property
    def alive(self) -> bool:
        """Whether the answers may still be labels."""
        return self._counts is not None

    def add(self, answer: str) -> None:
        """Take one row's answer."""
        if self._counts is None:
            return
        label = answer.strip() if len(answer) <= MAX_LABEL_CHARS else ""
        self._counts[label] += 1
        if not label or "\n" in label or len(self._counts) > MAX_LABELS:
            self._counts = None

    def summary(self) -> LabelSummary | None:
        """Return the labels; None where the answers are free text, all equal, or too rarely repeated."""
        counts = self._counts
        if not counts or len(counts) < 2 or counts.total() < MIN_ROWS_PER_LABEL * len(counts):  # noqa: PLR2004
            return None
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return LabelSummary(labels=tuple(LabelCount(label=label, rows=rows) for label, rows in ordered))
