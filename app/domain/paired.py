"""Whether tuning made a model better, from the rows that base and tuned both answered.

Two shares side by side prove little: a few rows fall out one way or the other by chance. What both answered of the same
rows proves more, so "better", "worse" and "as good" are said of pairs alone.
"""

from dataclasses import dataclass
from enum import StrEnum

from app.domain import intervals
from app.domain.intervals import Interval

_ALPHA = 1 - intervals.LEVEL
_AS_GOOD = 0.05  # as good: surely less than so much of all rows apart
_AS_LIKELY = 0.01  # the same of a loss, of the base's


class Verdict(StrEnum):
    """What the rows say of the tuned model, compared with its base."""

    BETTER = "better"
    WORSE = "worse"
    AS_GOOD = "as_good"
    UNCLEAR = "unclear"  # these rows cannot tell
    NEITHER = "neither"  # both are wrong everywhere


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedShare:
    """Rows that both answered: on how many both were right, only the tuned model, only the base."""

    rows: int
    both: int
    only_tuned: int
    only_base: int

    @property
    def difference(self) -> Interval | None:
        """Where the tuned model's share less the base's lies."""
        return intervals.of_paired_difference(self.only_tuned, self.only_base, self.rows)

    @property
    def verdict(self) -> Verdict | None:
        """Better or worse where McNemar's exact test says so; None without rows.

        As good only where the difference is surely small, and something was right at all.
        """
        difference = self.difference
        if difference is None:
            return None
        if not self.both + self.only_tuned + self.only_base:
            return Verdict.NEITHER
        if intervals.sign_test(self.only_tuned, self.only_base) <= _ALPHA:
            return Verdict.BETTER if self.only_tuned > self.only_base else Verdict.WORSE
        return Verdict.AS_GOOD if difference.within(-_AS_GOOD, _AS_GOOD) else Verdict.UNCLEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedMean:
    """Rows of which both have a number: the mean of the base's, and where the mean of tuned less base lies."""

    base: float
    difference: Interval | None

    def verdict(self, *, lower_is_better: bool) -> Verdict:
        """Better or worse where the interval leaves 0 out."""
        found, near = self.difference, _AS_LIKELY * abs(self.base)
        if found is None:
            return Verdict.UNCLEAR
        if found.within(-near, near):
            return Verdict.AS_GOOD
        if found.low <= 0 <= found.high:
            return Verdict.UNCLEAR
        return Verdict.BETTER if (found.high < 0) == lower_is_better else Verdict.WORSE


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """What the rows of two evaluations prove: of exact answers, of preferences, and of the loss a row, where they have
    them.
    """

    correct: PairedShare
    preferred: PairedShare | None = None
    loss: PairedMean | None = None
    margin: PairedMean | None = None

    def verdict(self, figure: str) -> Verdict | None:
        """Return what is proved of a figure, by its name in `EvaluationMetrics`; None where nothing can be said."""
        if figure in {"accuracy", "exact_match"}:
            return self.correct.verdict
        if figure == "preferred":
            return None if self.preferred is None else self.preferred.verdict
        if figure in {"loss", "perplexity"}:
            return None if self.loss is None else self.loss.verdict(lower_is_better=True)
        if figure == "margin":
            return None if self.margin is None else self.margin.verdict(lower_is_better=False)
        return None
