"""The wizard: five steps and a review, stored after each answer, so that nothing is lost by reload, back or restart."""

from collections.abc import Mapping, Sequence
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from pydantic import StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from app.domain.drafts import Checked, JobDraft, Step
from app.domain.errors import DomainError, Invalid, Problem
from app.domain.spending import CostNotAccepted
from app.http.dependencies import OpenScope, may, may_open
from app.http.fields import Id
from app.http.idempotency import once
from app.services import catalog, code, connections, demo_project, drafts, lifecycle, projects
from app.services.scope import Scope
from app.web.i18n import gettext as _
from app.web.layout import chosen_project, read_ahead
from app.web.presses import fresh_key, pressed
from app.web.rendering import (
    UNPROCESSABLE,
    Fields,
    asks_for_part,
    field_errors,
    page,
    see_other,
)
from app.web.views import costs
from app.web.views import wizard as view
from app.web.views.parts import Lenient
from app.web.wizard_context import review_context, step_context

router = APIRouter(include_in_schema=False)
Setting = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,60}$")]


@router.get("/wizard")
def index(request: Request, scope: Annotated[Scope, may(drafts.list_drafts)]) -> Response:
    """Drafts to go on with, and a new one."""
    return page(request, scope, "wizard/index.html", {"drafts": drafts.list_drafts(scope).items})


@router.post("/wizard")
def begin(request: Request, scope: Annotated[Scope, may(drafts.create)], form: Fields) -> Response:
    """Begin a draft, perhaps with a project, a dataset or a base model already chosen."""
    return pressed(scope, request.url.path, form, lambda: _begun(request, scope, form))


def _begun(request: Request, scope: Scope, form: Fields) -> Response:
    given = {name: form[name] for name in ("project", "training_dataset", "base_model", "connection") if form.get(name)}
    chosen = chosen_project(request, scope)
    listed = [chosen] if chosen is not None else projects.list_projects(scope, limit=2).items
    if len(listed) == 1:
        given.setdefault("project", listed[0].id)
        given.setdefault("connection", connections.list_connections(scope)[0].id)  # what the page shows as chosen
    return see_other(f"/wizard/{drafts.create(scope, given).id}/project")


@router.post("/sample")
def try_the_sample(request: Request, scope: Annotated[Scope, may(demo_project.draft)], form: Fields) -> Response:
    """Begin a draft in which everything is answered, at its review."""
    return pressed(scope, request.url.path, form, lambda: see_other(f"/wizard/{demo_project.draft(scope).id}/review"))


def _to_its_job(request: Request, job: str) -> Response:
    """Lead to what a draft became; a page that asked by itself goes there whole, so that its address follows."""
    if asks_for_part(request):
        return Response(headers={"hx-redirect": f"/jobs/{job}"})
    return see_other(f"/jobs/{job}")


@router.get("/wizard/{draft}/review")
def review(
    request: Request,
    scope: Annotated[Scope, may(drafts.review)],
    draft: Id,
    target: Annotated[str | None, Query(max_length=40)] = None,
) -> Response:
    """Everything on one page, with what is missing as links."""
    found = drafts.get(scope, draft)
    if found.job is not None:
        return _to_its_job(request, found.job)
    read_ahead(request, scope)
    context = review_context(scope, found, fresh_key())
    targets, base_url = context["review"].code_targets, str(request.base_url).rstrip("/")
    shown = target if target in targets else next(iter(targets), None)
    try:
        text = code.of_checked(scope, context["chosen"], shown, base_url=base_url) if shown else ""
    except DomainError as error:  # the review stands without its code; the sentence says why
        text = f"# {error.message} {error.fix}"
    return page(request, scope, "wizard/review.html", {**context, "target": shown, "code": text})


@router.post("/wizard/{draft}/submit")
def submit(
    request: Request, open_scope: Annotated[OpenScope, may_open(drafts.submit)], draft: Id, form: Fields
) -> Response:
    """Make the draft a job, once per key however often the button is pressed."""
    grant = once("POST /wizard/{draft}/submit", form.get("idempotency_key"), draft.encode())
    try:
        with open_scope() as scope:
            accepted = costs.accepted(form)
            return grant(
                scope, lambda: see_other(f"/jobs/{drafts.submit(scope, draft, accepted=accepted).id}", "submitted")
            )
    except Invalid as error:
        with open_scope() as scope:
            context = {**review_context(scope, drafts.get(scope, draft), fresh_key()), "target": None, "code": ""}
            if isinstance(error, CostNotAccepted):
                context |= {
                    "errors": field_errors(error),
                    "errors_by_field": Lenient(view.errors_by_field(error.problems)),
                }
            return page(request, scope, "wizard/review.html", context, status=UNPROCESSABLE)


@router.post("/wizard/{draft}/preflight")
def look_ahead(scope: Annotated[Scope, may(drafts.begin_preflight)], draft: Id) -> Response:
    """Begin to look for what would go wrong; the review shows how far that is."""
    drafts.begin_preflight(scope, draft)
    return see_other(f"/wizard/{draft}/review")


@router.post("/wizard/{draft}/delete")
def forget(scope: Annotated[Scope, may(drafts.delete)], draft: Id) -> Response:
    """Forget the draft."""
    drafts.delete(scope, draft)
    return see_other("/wizard", "draft_deleted")


@router.post("/wizard/{draft}/preset")
def apply_preset(scope: Annotated[Scope, may(drafts.update_step)], draft: Id, form: Fields) -> Response:
    """Lay a preset's values over the last step's answers."""
    found = drafts.get(scope, draft)
    values = found.values
    model = catalog.model(scope, str(values.get("connection", "")), str(values.get("base_model", "")))
    preset = next((each for each in model.presets if each.id == form.get("preset")), None)
    if preset is not None:
        drafts.update_step(scope, draft, Step.HYPERPARAMETERS, view.preset_fields(preset, model, found))
    return see_other(f"/wizard/{draft}/{Step.HYPERPARAMETERS.value}")


@router.post("/wizard/{draft}/replacement")
def take_replacement(scope: Annotated[Scope, may(lifecycle.take_replacement)], draft: Id, form: Fields) -> Response:
    """Put the named replacement in the place of a base model that ends, and say which settings went with it."""
    replaced = lifecycle.take_replacement(scope, draft, form.get("base_model") or None)
    query = urlencode([("dropped", name) for name in replaced.dropped])
    return see_other(f"/wizard/{draft}/{Step.MODEL.value}{'?' if query else ''}{query}", "model_replaced")


@router.get("/wizard/{draft}/{step}")
def show(
    request: Request,
    scope: Annotated[Scope, may(drafts.get)],
    draft: Id,
    step: Step,
    q: Annotated[str, Query(max_length=200)] = "",
    dropped: Annotated[list[Setting] | None, Query(max_length=40)] = None,
) -> Response:
    """One step, with what is wrong in it once it has been visited; `dropped` names settings that were taken out."""
    found = drafts.get(scope, draft)
    if found.job is not None:
        return _to_its_job(request, found.job)
    read_ahead(request, scope)
    if step in {Step.PROJECT, Step.MODEL}:
        connections.list_connections(scope)  # all of them are shown; the chosen one is among them
    review = drafts.review_of(scope, found)
    problems = review.problems[step] if step in found.visited else ()
    context = {**step_context(scope, review, step, problems, query=q), "dropped": dropped or ()}
    if step is Step.MODEL and not context["found"]:
        context["carried"] = view.named_model(q)
    return page(request, scope, "wizard/step.html", context)


@router.post("/wizard/{draft}/validate/{step}")
def validate(
    request: Request,
    open_scope: Annotated[OpenScope, may_open(drafts.update_step)],
    draft: Id,
    step: Step,
    form: Fields,
) -> Response:
    """Store what has been answered so far, and send the fields and the readiness card again; makes nothing else."""
    fields = view.fields_of(step, form)
    with open_scope() as scope:
        typed = _new_project(step, form, drafts.get(scope, draft))
        if typed:
            # It is made when the reader goes on. This answer may be on its way meanwhile, and must not undo it.
            fields.pop("project", None)
        found, checked = drafts.update_step(scope, draft, step, fields)
    problems = [each for each in checked.problems_in(step) if not typed or each.pointer != "/project"]
    with open_scope() as scope:
        review = drafts.review_of(scope, found, checked)
        context = {**step_context(scope, review, step, problems, query=_query(form)), "typed": typed}
        return page(request, scope, "wizard/_saved.html", context)


@router.post("/wizard/{draft}/{step}")
def save(
    request: Request,
    open_scope: Annotated[OpenScope, may_open(drafts.update_step)],
    draft: Id,
    step: Step,
    form: Fields,
) -> Response:
    """Store the step and go on, back, or stay; going on needs a step without problems, going back never does."""
    goto = form.get("goto", "next")
    with open_scope() as scope:
        found, checked, problems = _store(scope, draft, step, form)
        refused = any(each.pointer == "/new_project" for each in problems)  # else it has been made, and is chosen
        typed = form.get("new_project", "").strip() if refused else ""
    if goto == "back":
        return see_other(f"/wizard/{draft}/{view.before(step)}")
    connection = str(found.values.get("connection") or "")
    if goto == "check" and connection:
        with open_scope() as scope:
            connections.run_doctor(scope, connection, base_model=str(found.values.get("base_model") or "") or None)
        return see_other(f"/wizard/{draft}/{step.value}#checks", "doctor_done")
    if not problems and goto == "next":
        return see_other(f"/wizard/{draft}/{view.after(step)}")
    with open_scope() as scope:
        review = drafts.review_of(scope, found, checked)
        context = step_context(scope, review, step, problems, query=_query(form))
        context |= {"pressed": True, "typed": typed}
        return page(request, scope, "wizard/step.html", context, status=UNPROCESSABLE if problems else 200)


def _query(form: Mapping[str, str]) -> str:
    """Return what the list of base models was searched for, so that storing an answer does not forget it."""
    return form.get("q", "")[:200]


def _new_project(step: Step, form: Mapping[str, str], draft: JobDraft) -> str:
    """Return the name of the project that the reader wants to be made, "" for none.

    A name that is typed while the choice stays as it was is meant: the only project is chosen from the start.
    """
    wanted = step is Step.PROJECT and form.get("project") in {"", view.NEW, draft.values.get("project")}
    return form.get("new_project", "").strip() if wanted else ""


def _store(
    scope: Scope, draft: str, step: Step, form: Mapping[str, str]
) -> tuple[JobDraft, Checked, Sequence[Problem]]:
    fields = view.fields_of(step, form)
    extra: list[Problem] = []
    name = _new_project(step, form, drafts.get(scope, draft))
    if name:
        try:
            fields["project"] = projects.create(scope, name).id
        except Invalid as error:
            extra = [Problem("/new_project", each.code, each.message, each.fix) for each in error.problems]
    elif step is Step.PROJECT and form.get("project") == view.NEW:
        extra = [Problem("/new_project", "missing", _("The new project has no name."), _("Name it, or choose one."))]
    found, checked = drafts.update_step(scope, draft, step, fields)
    kept = [each for each in checked.problems_in(step) if not extra or each.pointer != "/project"]
    return found, checked, [*extra, *kept]
