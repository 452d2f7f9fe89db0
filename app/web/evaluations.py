"""Evaluations: begin one, look at one, set two side by side."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.domain.evaluations import Evaluation
from app.domain.spending import CostNotAccepted
from app.http.dependencies import may
from app.http.fields import Id
from app.http.idempotency import once
from app.services import datasets, evaluations, serving_targets
from app.services.evaluations import PairFilter
from app.services.scope import Scope
from app.web import spending
from app.web.i18n import gettext as _
from app.web.job_context import evaluation_context
from app.web.rendering import Fields, page, see_other
from app.web.views import costs
from app.web.views import evaluations as view
from app.web.views.parts import Question

router = APIRouter(include_in_schema=False)


@router.get("/evaluations")
def index(_scope: Annotated[Scope, may(evaluations.list_evaluations)]) -> Response:
    """Evaluations are found on their jobs and models."""
    return see_other("/jobs")


@router.post("/evaluations")
def begin(request: Request, scope: Annotated[Scope, may(evaluations.create)], form: Fields) -> Response:
    """Let a model answer the rows of a dataset, once per key; ask first where its answers are billed."""
    content = "\0".join(f"{name}={value}" for name, value in sorted(form.items()) if name != "idempotency_key")
    grant = once("POST /evaluations", form.get("idempotency_key"), content.encode())
    try:
        return grant(scope, lambda: _begun(scope, form))
    except CostNotAccepted as error:
        return _ask(request, scope, form, error)


def _ask(request: Request, scope: Scope, form: Fields, error: CostNotAccepted) -> Response:
    back = f"/jobs/{form['job']}?tab=evaluation" if form.get("job") else "/jobs"
    question = Question(
        title=_("Start this evaluation?"),
        message=_("The model answers every row of the dataset once."),
        action="/evaluations",
        yes=_("Evaluate"),
        no=_("Do not start it"),
        back=back,
        fields={name: value for name, value in form.items() if not name.startswith("accept_cost")},
    )
    answered = any(name.startswith("accept_cost") for name in form)
    target = serving_targets.target(scope, _target(form))
    return spending.ask(
        request,
        scope,
        question,
        error.bill,
        target.connection,
        come_back=back,
        error=error if answered else None,
    )


@router.get("/evaluations/{evaluation}")
def show(
    request: Request,
    scope: Annotated[Scope, may(evaluations.get)],
    evaluation: Id,
    wrong: Annotated[bool, Query()] = False,  # noqa: FBT002 -- a part of the address
    cursor: Annotated[str | None, Query(max_length=400)] = None,
) -> Response:
    """One evaluation: its figures and its rows."""
    found = evaluations.get(scope, evaluation)
    rows = evaluations.rows(scope, evaluation, wrong_only=wrong, cursor=cursor)
    context = {
        "evaluation": found,
        "target": serving_targets.label(scope, found.target),
        "dataset": datasets.get(scope, found.dataset),
        "figures": view.figures(None, found),
        "endings": view.endings(None, found),
        "rows": [(each, view.marked(each.expected, each.answer)) for each in rows.items],
        "older": f"?wrong={str(wrong).lower()}&cursor={rows.next}" if rows.next else None,
        "wrong": wrong,
    }
    return page(request, scope, "evaluations/show.html", context, part="evaluations/_body.html")


@router.get("/evaluations/{evaluation}/compare")
def compare(
    request: Request,
    scope: Annotated[Scope, may(evaluations.compare)],
    evaluation: Id,
    base: Id,
    only: PairFilter = PairFilter.ALL,
) -> Response:
    """Two evaluations of the same rows, the first one as "tuned", the other as "base"."""
    tuned, other = evaluations.get(scope, evaluation), evaluations.get(scope, base)
    both = evaluations.pair_of(scope, other, tuned)
    context = {
        "evaluated": both,
        "tuned_title": _name(scope, tuned),
        "base_title": _name(scope, other),
        **evaluation_context(scope, both, only),
        "filters": view.filters(only, f"?base={base}&only="),
    }
    return page(request, scope, "evaluations/compare.html", context)


@router.post("/evaluations/{evaluation}/cancel")
def cancel(scope: Annotated[Scope, may(evaluations.cancel)], evaluation: Id) -> Response:
    """Stop an evaluation."""
    evaluations.cancel(scope, evaluation)
    return see_other(f"/evaluations/{evaluation}", "evaluation_cancelled")


def _target(form: Fields) -> Mapping[str, str]:
    return {name: form[name] for name in ("model", "base_model", "connection") if form.get(name)}


def _begun(scope: Scope, form: Fields) -> Response:
    shots = form.get("few_shot", "").strip() or "0"
    made = evaluations.create(
        scope,
        target=_target(form),
        dataset=form.get("dataset", ""),
        system_prompt=form.get("system_prompt", "").strip() or None,
        few_shot=int(shots) if shots.isdigit() and len(shots) < 4 else -1,  # noqa: PLR2004 -- refused as out of range
        few_shot_dataset=form.get("few_shot_dataset") or None,
        job=form.get("job") or None,
        accepted=costs.accepted(form),
    )
    back = f"/jobs/{made.job}?tab=evaluation" if form.get("job") else f"/evaluations/{made.id}"
    return see_other(back, "evaluating")


def _name(scope: Scope, evaluation: Evaluation) -> str:
    return serving_targets.label(scope, evaluation.target)
