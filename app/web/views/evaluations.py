"""Evaluations as values: base and tuned in two columns with the difference, rows with the differences marked."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.evaluations import FIGURES, Evaluation, EvaluationMetrics
from app.domain.paired import Paired, Verdict
from app.services.evaluations import JobEvaluations, Pair, PairFilter
from app.web.i18n import gettext as _
from app.web.views import formats
from app.web.views.parts import Tab

SHOWN = 200
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
_MARKED_CHARS = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the comparison. `share` figures are percentages; `missing` says why there is none.

    `sure_base` and `sure_tuned` are the 95 % intervals in words, empty where there is none. `verdict`: what the rows
    that both answered prove; None where pairs say nothing of this figure.
    """

    name: str
    hint: str
    base: float | None
    tuned: float | None
    share: bool
    lower_is_better: bool
    sure_base: str = ""
    sure_tuned: str = ""
    verdict: Verdict | None = None
    missing: str = ""

    @property
    def difference(self) -> float | None:
        """Tuned less base."""
        return None if self.base is None or self.tuned is None else self.tuned - self.base

    @property
    def proved(self) -> bool:
        """Whether the difference is more than chance."""
        return self.verdict in {Verdict.BETTER, Verdict.WORSE}


def figure_names() -> dict[str, tuple[str, str]]:
    """Return each figure's name and a hint for people."""
    return {
        "preferred": (_("Preferred"), _("share of rows whose chosen answer is likelier than the rejected one")),
        "margin": (
            _("Margin"),
            _("log p(chosen) less log p(rejected), summed over tokens; mean over rows"),
        ),
        "accuracy": (_("Accuracy"), _("share of rows answered with the right label")),
        "macro_f1": (_("Macro F1"), _("mean over the labels, rare ones counting as much as frequent ones")),
        "forced_choice_accuracy": (_("Forced choice"), _("accuracy when only the labels may be answered")),
        "exact_match": (_("Exact match"), _("share of rows answered word for word")),
        "token_f1": (_("Token F1"), _("overlap of words with the expected answer")),
        "token_accuracy": (
            _("Token accuracy"),
            _("share of next tokens guessed right; usually looks better than it is"),
        ),
        "loss": (_("Loss"), _("mean negative log likelihood a token of the answer, in nats")),
        "perplexity": (_("Perplexity"), _("the exponential of the loss")),
    }


def figures(base: Evaluation | None, tuned: Evaluation | None, paired: Paired | None = None) -> list[Figure]:
    """Return the lines that at least one of the two has a number or a reason for."""
    left, right = _metrics(base), _metrics(tuned)
    lines = []
    for field, share, lower in FIGURES:
        name, hint = figure_names()[field]
        missing = right.missing.get(field) or left.missing.get(field, "")
        figure = Figure(
            name=name,
            hint=hint,
            base=getattr(left, field),
            tuned=getattr(right, field),
            share=share,
            lower_is_better=lower,
            sure_base=_sure(left, field, share=share),
            sure_tuned=_sure(right, field, share=share),
            verdict=None if paired is None else paired.verdict(field),
            missing=missing,
        )
        if figure.base is not None or figure.tuned is not None or missing:
            lines.append(figure)
    return lines


def _metrics(evaluation: Evaluation | None) -> EvaluationMetrics:
    return (evaluation.metrics if evaluation else None) or EvaluationMetrics()


def _sure(metrics: EvaluationMetrics, field: str, *, share: bool) -> str:
    found = metrics.interval(field)
    if found is None:
        return ""
    if not share:
        return _("%(low)s to %(high)s") % {"low": formats.number(found.low, 2), "high": formats.number(found.high, 2)}
    return f"{found.low * 100:.0f}–{found.high * 100:.0f}%"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How many answers ended in one way: of the base, and of the tuned model; None where that is not known."""

    name: str
    hint: str
    base: int | None
    tuned: int | None


def endings(base: Evaluation | None, tuned: Evaluation | None) -> list[Ending]:
    """Return how the answers ended; nothing where neither side has counted."""
    left, right = _metrics(base), _metrics(tuned)
    words = {
        "ended": (_("Finished"), _("answers that ended before the limit")),
        "cut": (_("Cut"), _("answers that were cut at the limit, twice the longest right answer")),
        "empty": (_("Empty"), _("answers without any text")),
    }
    return [
        Ending(name=name, hint=hint, base=getattr(left, field), tuned=getattr(right, field))
        for field, (name, hint) in words.items()
        if getattr(left, field) is not None or getattr(right, field) is not None
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The one figure that answers "did it get better?": its name, base and tuned in words, and what is proved.

    `said` is the answer as a sentence; `hint` says why nothing is right, where nothing is.
    """

    name: str
    base: str
    tuned: str
    sure_base: str
    sure_tuned: str
    verdict: Verdict | None
    said: str
    hint: str

    @property
    def better(self) -> bool | None:
        """Whether it is surely better, or surely worse; None for anything else."""
        return {Verdict.BETTER: True, Verdict.WORSE: False}.get(self.verdict) if self.verdict else None


def headline(evaluated: JobEvaluations) -> Headline | None:
    """Return the first figure that both have; None while there is none, and where the two cannot be compared."""
    if evaluated.not_comparable:
        return None
    for figure in figures(evaluated.base, evaluated.tuned, evaluated.paired):
        if figure.base is not None and figure.tuned is not None:
            return Headline(
                name=figure.name,
                base=_shown(figure.base, share=figure.share),
                tuned=_shown(figure.tuned, share=figure.share),
                sure_base=figure.sure_base,
                sure_tuned=figure.sure_tuned,
                verdict=figure.verdict,
                said=_said(figure.verdict),
                hint=_why_nothing_is_right(evaluated) if figure.verdict is Verdict.NEITHER else "",
            )
    return None


def _said(verdict: Verdict | None) -> str:
    words = {
        Verdict.BETTER: _("Better than the base model."),
        Verdict.WORSE: _("Worse than the base model."),
        Verdict.AS_GOOD: _("As good as the base model."),
        Verdict.NEITHER: _("Neither is right on any row."),
    }
    return words.get(verdict or Verdict.UNCLEAR) or _("Too few rows to tell whether it got better: this may be chance.")


def _why_nothing_is_right(evaluated: JobEvaluations) -> str:
    """Return what the tuned model's answers have in common where none is right; empty where that is nothing."""
    found = _metrics(evaluated.tuned)
    answers = (found.ended or 0) + (found.cut or 0)
    if 2 * (found.empty or 0) > answers:
        return _("Most answers of the tuned model are empty: it stops before writing anything.")
    if 2 * (found.cut or 0) > answers:
        return _("Most answers of the tuned model were cut at the limit: it does not stop by itself.")
    return ""


def _shown(value: float, *, share: bool) -> str:
    return formats.percent(value, 1) if share else formats.number(value, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairView:
    """A row with both answers, each marked against what was expected."""

    line: int
    prompt: str
    expected: str
    base: Sequence[tuple[str, str]]
    tuned: Sequence[tuple[str, str]]
    base_correct: bool
    tuned_correct: bool
    base_cut: bool
    tuned_cut: bool


def pair(found: Pair) -> PairView:
    """Return a row for the table."""
    return PairView(
        line=found.tuned.line,
        prompt=found.tuned.prompt,
        expected=found.tuned.expected,
        base=marked(found.tuned.expected, found.base.answer),
        tuned=marked(found.tuned.expected, found.tuned.answer),
        base_correct=found.base.correct,
        tuned_correct=found.tuned.correct,
        base_cut=found.base.ended is False,
        tuned_cut=found.tuned.ended is False,
    )


def marked(expected: str, answer: str) -> list[tuple[str, str]]:
    """Return an answer in pieces: `equal` to what was expected, `insert`ed by the model, or `delete`d (left out)."""
    if len(expected) + len(answer) > _MARKED_CHARS:
        return [("equal" if expected == answer else "insert", answer)]
    left, right = _WORDS.findall(expected), _WORDS.findall(answer)
    pieces: list[tuple[str, str]] = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if kind == "equal":
            pieces.append(("equal", "".join(right[c:d])))
            continue
        if a != b:
            pieces.append(("delete", "".join(left[a:b])))
        if c != d:
            pieces.append(("insert", "".join(right[c:d])))
    return pieces


def filters(current: PairFilter, address: str = "?tab=evaluation&only=") -> list[Tab]:
    """Return the chips over the rows."""
    labels = {
        PairFilter.ALL: _("All rows"),
        PairFilter.DIFFERS: _("Answers differ"),
        PairFilter.TUNED_WRONG: _("Tuned wrong"),
        PairFilter.REGRESSIONS: _("Base right, tuned wrong"),
    }
    return [Tab(label=label, href=f"{address}{each.value}", current=each is current) for each, label in labels.items()]
