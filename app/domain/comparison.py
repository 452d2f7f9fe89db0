"""Runs side by side: what was set, what came of it, and whether their figures may be compared at all."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.evaluations import Evaluation
from app.domain.hyperparameters import Hyperparameter
from app.domain.jobs import FineTuningJob

FEWEST_RUNS, MOST_RUNS = 2, 10
Setting = Hyperparameter | None  # None where a run does not have it


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedSetting:
    """One parameter of all runs, in their order."""

    name: str
    values: Sequence[Setting]
    differs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedFigure:
    """One figure of all runs, in their order; None where a run has none.

    `best` are the places of the best values; empty where the runs were judged on different rows or by questions that
    were written in different ways (`fair` is False), where only one run has the figure, or where all are equal. Of an
    evaluation's figures, it has those that none is proved better than by the rows that both answered; empty where
    nothing is proved. `share` figures lie between 0 and 1.
    """

    name: str
    values: Sequence[float | None]
    share: bool
    lower_is_better: bool
    fair: bool
    best: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two to ten runs; `evaluations` are those of their tuned models, None where there is none. `series` are the names
    of what any run has measured.
    """

    jobs: Sequence[FineTuningJob]
    evaluations: Sequence[Evaluation | None]
    settings: Sequence[ComparedSetting]
    figures: Sequence[ComparedFigure]
    series: frozenset[str]


def setting(name: str, values: Sequence[Setting], keys: Sequence[object] | None = None) -> ComparedSetting:
    """Return one line of settings; `keys` are compared in place of the values, where these are words for people."""
    compared = list(values if keys is None else keys)
    differs = any(type(each) is not type(compared[0]) or each != compared[0] for each in compared[1:])
    return ComparedSetting(name=name, values=tuple(values), differs=differs)


def figure(
    name: str, values: Sequence[float | None], *, lower_is_better: bool, share: bool = False, fair: bool = True
) -> ComparedFigure:
    """Return one line of figures with the best ones marked."""
    known = [value for value in values if value is not None]
    best: tuple[int, ...] = ()
    if fair and len(known) > 1 and len(set(known)) > 1:
        top = min(known) if lower_is_better else max(known)
        best = tuple(position for position, value in enumerate(values) if value == top)
    return ComparedFigure(
        name=name, values=tuple(values), share=share, lower_is_better=lower_is_better, fair=fair, best=best
    )
