"""Runs side by side. The address is the whole state, so whoever keeps the link keeps the comparison."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.domain.errors import Invalid
from app.domain.metrics import TRAIN_LOSS
from app.http.dependencies import may
from app.http.downloads import series_json
from app.services import comparing
from app.services.scope import Scope
from app.web.rendering import field_errors, page, status_of
from app.web.views import comparing as view

router = APIRouter(include_in_schema=False)
Ids = Annotated[list[Annotated[str, Query(max_length=2000)]] | None, Query(max_length=50)]
SeriesName = Annotated[str, Query(max_length=60)]
_POINTS = 600
_CHART_POINTS = 2000


@router.get("/jobs/compare")
def compare(
    request: Request,
    scope: Annotated[Scope, may(comparing.compare)],
    ids: Ids = None,
    metric: SeriesName = TRAIN_LOSS,
    show: Ids = None,
    name: Annotated[str, Query(max_length=view.LONGEST_NAME)] = "",
    everything: Annotated[bool, Query(alias="all")] = False,  # noqa: FBT002 -- a part of the address
) -> Response:
    """Curves overlaid, parameters (those that differ, unless all are wanted), and figures with the best in bold."""
    asked = view.Address(
        ids=tuple(comparing.chosen(ids or [])),
        metric=metric if metric in view.METRICS else TRAIN_LOSS,
        shown=tuple(comparing.chosen(show or [])),
        name=name.strip(),
        everything=everything,
    )
    try:
        context = _context(scope, asked)
    except Invalid as error:
        refused = {"errors": field_errors(error), "asked": asked}
        return page(request, scope, "jobs/not_compared.html", refused, status=status_of(error))
    return page(request, scope, "jobs/compare.html", context)


@router.get("/jobs/compare/metrics.json")
def curves(
    scope: Annotated[Scope, may(comparing.curves)], ids: Ids = None, metric: SeriesName = TRAIN_LOSS
) -> Response:
    """One series of each run, under the run's id."""
    wanted = comparing.chosen(ids or [])
    comparing.compare(scope, wanted)  # refuses what the page refuses
    series = comparing.curves(scope, wanted, metric, points=_CHART_POINTS)
    return series_json(series)


def _context(scope: Scope, asked: view.Address) -> dict[str, object]:
    found = comparing.compare(scope, asked.ids)
    series = comparing.curves(scope, asked.ids, asked.metric, points=_POINTS)
    runs = view.runs(found, series, asked)
    return {
        "asked": asked,
        "title": asked.name or view.title(found),
        "runs": runs,
        "labels": [(run.job.id, run.label) for run in runs],
        "plot": view.plot(runs, series),
        "rows": view.summaries(runs, series),
        "metrics": view.metric_tabs(found, asked),
        "settings": [each for each in found.settings if each.differs or asked.everything],
        "chips": view.setting_chips(found, asked),
        "setting_names": view.setting_names(),
        "figures": view.figures(found),
        "unfair": view.unfair(found),
        "unjudged": view.unjudged(found),
    }
