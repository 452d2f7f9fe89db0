"""Runs side by side as values: the address that is the state, the legend, the lines of figures and settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from app.domain.comparison import ComparedFigure, Comparison
from app.domain.jobs import FineTuningJob
from app.domain.metrics import SERIES, TRAIN_LOSS, VALIDATION_LOSS, MetricSeries
from app.web.i18n import gettext as _
from app.web.views import charts, formats
from app.web.views.evaluations import figure_names
from app.web.views.parts import SeriesSummary, Tab

METRICS = {each.name: each for each in SERIES}
LONGEST_NAME = 80
_NAMED = 3
_ID_CHARS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """What stands in the address: the runs, the series drawn, the runs whose curves are shown (none: all), a name."""

    ids: Sequence[str]
    metric: str = TRAIN_LOSS
    shown: Sequence[str] = ()
    name: str = ""
    everything: bool = False

    def query(self) -> str:
        """Return it as a query, without what is as it is anyhow."""
        fields = {
            "ids": ",".join(self.ids),
            "metric": "" if self.metric == TRAIN_LOSS else self.metric,
            "show": ",".join(self.shown),
            "all": "true" if self.everything else "",
            "name": self.name,
        }
        return "?" + urlencode({name: value for name, value in fields.items() if value}, safe=",")

    def without(self, run: str) -> str:
        """Return the address of the same comparison without one run."""
        left = [each for each in self.ids if each != run]
        return replace(self, ids=left, shown=[each for each in self.shown if each != run]).query()

    @property
    def curves(self) -> str:
        """Return where the curves' points are."""
        return "/jobs/compare/metrics.json?" + urlencode({"ids": ",".join(self.ids), "metric": self.metric}, safe=",")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """One run in the legend, which is the picker too; `number` is its colour, counted from 1."""

    number: int
    job: FineTuningJob
    label: str
    shown: bool
    last: float | None
    took: float | None
    without: str


def setting_names() -> Mapping[str, str]:
    """Return the settings that have a name for people; parameters keep the name that the backend knows."""
    return {
        "connection": _("Connection"),
        "base_model": _("Base model"),
        "method": _("Method"),
        "task_type": _("Task"),
        "training_rows": _("Training rows"),
        "validation_rows": _("Validation rows"),
        "test_rows": _("Test rows"),
        "validation.kind": _("Validation"),
        "validation.ratio": _("Validation share"),
        "validation.test_ratio": _("Test share"),
        "validation.seed": _("Split seed"),
        "validation.strategy": _("Split strategy"),
        "validation.key": _("Split field"),
    }


def title(found: Comparison) -> str:
    """Return the comparison's own name, for one that nobody named."""
    names = list(dict.fromkeys(job.spec.name for job in found.jobs))
    if len(names) == 1:
        return _("%(count)d runs of %(name)s") % {"count": len(found.jobs), "name": names[0]}
    listed = ", ".join(names[:_NAMED])
    return (
        listed
        if len(names) <= _NAMED
        else _("%(names)s and %(more)d more") % {"names": listed, "more": len(names) - _NAMED}
    )


def runs(found: Comparison, series: Sequence[MetricSeries], asked: Address) -> list[RunView]:
    """Return the legend's entries; two runs of one name are told apart by the end of their ids."""
    names = [job.spec.name for job in found.jobs]
    return [
        RunView(
            number=number,
            job=job,
            label=job.spec.name if names.count(job.spec.name) == 1 else f"{job.spec.name} · {job.id[-_ID_CHARS:]}",
            shown=not asked.shown or job.id in asked.shown,
            last=next((value for value in reversed(curve.values) if value is not None), None),
            took=(job.ended_at - job.started_at).total_seconds() if job.ended_at and job.started_at else None,
            without=asked.without(job.id),
        )
        for number, (job, curve) in enumerate(zip(found.jobs, series, strict=True), start=1)
    ]


def plot(shown: Sequence[RunView], series: Sequence[MetricSeries]) -> charts.Plot:
    """Return the server's own drawing; a run that is not shown keeps its colour for later."""
    drawn = []
    for run, curve in zip(shown, series, strict=True):
        points = _points(curve) if run.shown else []
        drawn.append(charts.Series(run.label, [step for step, _value in points], [value for _step, value in points]))
    return charts.plot(drawn)


def summaries(shown: Sequence[RunView], series: Sequence[MetricSeries]) -> list[SeriesSummary]:
    """Return the curves in numbers."""
    rows = []
    for run, curve in zip(shown, series, strict=True):
        points = _points(curve)
        best = min(points, key=lambda point: point[1], default=(None, None))
        rows.append(
            SeriesSummary(
                name=run.label,
                first=points[0][1] if points else None,
                last=points[-1][1] if points else None,
                best=best[1],
                best_step=best[0],
            )
        )
    return rows


def _points(curve: MetricSeries) -> list[tuple[int, float]]:
    pairs = zip(curve.steps, curve.values, strict=True)
    return [(step, value) for step, value in pairs if value is not None]


def metric_tabs(found: Comparison, asked: Address) -> list[Tab]:
    """Return the choice of the series that is drawn: what any run has measured."""
    return [
        Tab(label=_(each.title), href=replace(asked, metric=key).query(), current=key == asked.metric)
        for key, each in METRICS.items()
        if key in {*found.series, asked.metric}
    ]


def setting_chips(found: Comparison, asked: Address) -> list[Tab]:
    """Return the choice between the settings that differ and all of them."""
    differing = sum(each.differs for each in found.settings)
    return [
        Tab(
            label=_("Only differences"),
            href=replace(asked, everything=False).query(),
            current=not asked.everything,
            count=differing,
        ),
        Tab(
            label=_("All parameters"),
            href=replace(asked, everything=True).query(),
            current=asked.everything,
            count=len(found.settings),
        ),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureView:
    """One line of figures in words, with the places of the best."""

    name: str
    hint: str
    values: Sequence[str]
    best: Sequence[int]


def figures(found: Comparison) -> list[FigureView]:
    """Return the lines of figures that any run has."""
    evaluated = {f"evaluation.{key}": words for key, words in figure_names().items()}
    names = {
        **{key: (_(each.title), _("the best that was measured while training")) for key, each in METRICS.items()},
        TRAIN_LOSS: (_("Training loss"), _("at the last step")),
        VALIDATION_LOSS: (_("Lowest validation loss"), _("of all that were measured while training")),
        **evaluated,
    }
    return [
        _figure_view(each, *names[each.name])
        for each in found.figures
        if any(value is not None for value in each.values)
    ]


def _figure_view(figure: ComparedFigure, name: str, hint: str) -> FigureView:
    """What reads the same is equally good: a difference behind the last digit shown is no merit."""
    shown = [_shown(figure, value) for value in figure.values]
    best = [position for position, words in enumerate(shown) if words in {shown[each] for each in figure.best}]
    known = sum(value is not None for value in figure.values)
    return FigureView(name=name, hint=hint, values=shown, best=best if len(best) < known else ())


def _shown(figure: ComparedFigure, value: float | None) -> str:
    return formats.percent(value, 1) if figure.share else formats.number(value, 4 if "loss" in figure.name else 3)


def unfair(found: Comparison) -> bool:
    """Tell whether runs were judged on different rows, so that no best is marked."""
    return any(not each.fair for each in found.figures if each.name != TRAIN_LOSS)


def unjudged(found: Comparison) -> int:
    """Return how many runs have no evaluation of their tuned model."""
    return sum(each is None or each.metrics is None for each in found.evaluations)
