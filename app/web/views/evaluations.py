"""Evaluations as values: base and tuned in two columns with the difference, rows with the differences marked."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.evaluations import FIGURES, Evaluation, EvaluationMetrics
from app.services.evaluations import JobEvaluations, Pair, PairFilter
from app.web.i18n import gettext as _
from app.web.views import formats
from app.web.views.parts import Tab

SHOWN = 200
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
_MARKED_CHARS = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the comparison. `share` figures are percentages; `missing` says why there is none."""

    name: str
    hint: str
    base: float | None
    tuned: float | None
    share: bool
    lower_is_better: bool
    missing: str = ""

    @property
    def difference(self) -> float | None:
        """Tuned less base."""
        return None if self.base is None or self.tuned is None else self.tuned - self.base

    @property
    def tuned_wins(self) -> bool:
        """Whether tuning made this figure better."""
        difference = self.difference
        return difference is not None and difference != 0 and (difference < 0) == self.lower_is_better


def figure_names() -> dict[str, tuple[str, str]]:
    """Return each figure's name and a hint for people."""
    return {
        "accuracy": (_("Accuracy"), _("share of rows answered with the right label")),
        "macro_f1": (_("Macro F1"), _("mean over the labels, rare ones counting as much as frequent ones")),
        "forced_choice_accuracy": (_("Forced choice"), _("accuracy when only the labels may be answered")),
        "exact_match": (_("Exact match"), _("share of rows answered word for word")),
        "token_f1": (_("Token F1"), _("overlap of words with the expected answer")),
        "token_accuracy": (_("Token accuracy"), _("share of next tokens guessed right; flatters")),
        "loss": (_("Loss"), _("mean negative log likelihood a token of the answer, in nats")),
        "perplexity": (_("Perplexity"), _("the exponential of the loss")),
    }


def figures(base: Evaluation | None, tuned: Evaluation | None) -> list[Figure]:
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
            missing=missing,
        )
        if figure.base is not None or figure.tuned is not None or missing:
            lines.append(figure)
    return lines


def _metrics(evaluation: Evaluation | None) -> EvaluationMetrics:
    return (evaluation.metrics if evaluation else None) or EvaluationMetrics()


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The one figure that answers "did it get better?": its name, base and tuned in words, and the verdict."""

    name: str
    base: str
    tuned: str
    better: bool | None


def headline(evaluated: JobEvaluations) -> Headline | None:
    """Return the first figure that both have; None while there is none."""
    for figure in figures(evaluated.base, evaluated.tuned):
        if figure.base is not None and figure.tuned is not None:
            better = None if figure.difference == 0 else figure.tuned_wins
            return Headline(
                name=figure.name,
                base=_shown(figure.base, share=figure.share),
                tuned=_shown(figure.tuned, share=figure.share),
                better=better,
            )
    return None


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
