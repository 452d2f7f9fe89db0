"""Pages of deployments: what serves, how to ask it, and how to stop it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from anyio import to_thread
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.domain.deployments import DeploymentStatus, Target
from app.domain.errors import DomainError
from app.domain.serving import DeploymentOffer
from app.http.dependencies import may
from app.http.fields import Id
from app.http.idempotency import once
from app.services import catalog, client_keys, deployments, models, serving_targets, usage
from app.services.scope import Scope
from app.web.layout import chosen_project
from app.web.presses import fresh_key
from app.web.rendering import (
    Fields,
    asks_for_part,
    field_errors,
    list_page,
    page,
    see_other,
    sentence_of,
    status_of,
)
from app.web.views import costs
from app.web.views import deployments as view
from app.web.views.parts import Lenient
from app.web.views.prices import hosting_words

router = APIRouter(include_in_schema=False)


_LATELY = timedelta(hours=24)


@router.get("/deployments")
async def index(
    request: Request,
    scope: Annotated[Scope, may(deployments.list_deployments)],
    cursor: Annotated[str | None, Query(max_length=400)] = None,
    model: Annotated[str, Query(max_length=600)] = "",
) -> Response:
    """What serves now, and a form to serve something: `model` has its options shown."""
    if model:
        return await to_thread.run_sync(_with_options, request, scope, cursor)
    name, part = "deployments/index.html", "deployments/_list.html"
    whole = not asks_for_part(request)
    return await list_page(
        request,
        scope,
        name,
        lambda: _list_context(request, scope, cursor, {}) if whole else _serving(request, scope, cursor),
        part=part,
    )


def _with_options(request: Request, scope: Scope, cursor: str | None) -> Response:
    values = {name: value for name, value in request.query_params.items() if name != "cursor"}
    context = _list_context(request, scope, cursor, values)
    return page(request, scope, "deployments/index.html", context, part="deployments/_options.html")


@router.post("/deployments")
def create(request: Request, scope: Annotated[Scope, may(deployments.create)], form: Fields) -> Response:
    """Serve a model, once per key however often the button is pressed."""
    wanted = view.requested_fields(form, scope.now()) | {"accepted": costs.accepted(form)}
    try:
        grant = once("POST /deployments", form.get("idempotency_key"), repr(sorted(wanted.items())).encode())
        return grant(scope, lambda: see_other(f"/deployments/{deployments.create(scope, **wanted).id}", "deploying"))
    except DomainError as error:
        errors = field_errors(error)
        context = {**_list_context(request, scope, None, form), "errors": errors}
        context["errors_by_field"] = Lenient({each.field: each.message for each in errors})
        return page(request, scope, "deployments/index.html", context, status=status_of(error))


@router.get("/deployments/{deployment}")
def show(request: Request, scope: Annotated[Scope, may(deployments.get)], deployment: Id) -> Response:
    """One deployment: its state, how to ask it, what was asked of it."""
    context = _one_context(request, scope, deployment)
    return page(request, scope, "deployments/deployment.html", context)


@router.post("/deployments/{deployment}/key")
def show_key(request: Request, scope: Annotated[Scope, may(deployments.show_key)], deployment: Id) -> Response:
    """Show the deployment's own key, once: it is fetched now, kept nowhere, and who saw it stands in the journal."""
    key = deployments.show_key(scope, deployment)
    return _unkept(request, scope, {**_one_context(request, scope, deployment), "key": key})


@router.post("/deployments/{deployment}/client-key")
def show_client_key(request: Request, scope: Annotated[Scope, may(client_keys.show)], deployment: Id) -> Response:
    """Show the key with which programs ask the deployment through TuneDesk, made when it is first wanted."""
    return _unkept(request, scope, _one_context(request, scope, deployment, client_keys.show(scope, deployment)))


@router.get("/deployments/{deployment}/client-key/rotate")
def ask_to_rotate(request: Request, scope: Annotated[Scope, may(deployments.get)], deployment: Id) -> Response:
    """Ask before a new key is made, for browsers without scripts."""
    question = view.rotation(deployments.get(scope, deployment))
    return page(request, scope, "confirm.html", {"question": question})


@router.post("/deployments/{deployment}/client-key/rotate")
def rotate_client_key(request: Request, scope: Annotated[Scope, may(client_keys.renew)], deployment: Id) -> Response:
    """Make a new key and show it."""
    return _unkept(request, scope, _one_context(request, scope, deployment, client_keys.renew(scope, deployment)))


def _unkept(request: Request, scope: Scope, context: dict[str, Any]) -> Response:
    """Return the page with a key on it, which no browser may keep."""
    answer = page(request, scope, "deployments/deployment.html", context)
    answer.headers["cache-control"] = "no-store"
    return answer


@router.get("/deployments/{deployment}/measured")
def measured(request: Request, scope: Annotated[Scope, may(deployments.measured)], deployment: Id) -> Response:
    """What the provider itself counted lately; asked for apart, because it may take a moment."""
    context: dict[str, Any] = {"deployment": deployments.get(scope, deployment), "usage": None, "problem": ""}
    try:
        context["usage"] = deployments.measured(scope, deployment, over=_LATELY)
    except DomainError as error:
        context["problem"] = sentence_of(error)
    return page(request, scope, "deployments/measured.html", context, part="deployments/_measured.html")


@router.get("/deployments/{deployment}/delete")
def ask_to_delete(request: Request, scope: Annotated[Scope, may(deployments.get)], deployment: Id) -> Response:
    """Ask before stopping, for browsers without scripts."""
    question = view.deletion(deployments.get(scope, deployment))
    return page(request, scope, "confirm.html", {"question": question})


@router.post("/deployments/{deployment}/delete")
def delete(scope: Annotated[Scope, may(deployments.delete)], deployment: Id) -> Response:
    """Stop serving."""
    deployments.delete(scope, deployment)
    return see_other(f"/deployments/{deployment}", "deployment_deleting")


def _one_context(request: Request, scope: Scope, deployment: str, client_key: str | None = None) -> dict[str, Any]:
    found = deployments.get(scope, deployment)
    model = models.get(scope, found.target.model) if found.target.model else None
    base = str(request.base_url).rstrip("/")
    return {
        "deployment": found,
        "model": model,
        "use": usage.of_models(scope, [model])[model.id] if model else None,
        "events": deployments.events(scope, deployment).items,
        "offer": deployments.offer(scope, found.target),
        "client": view.client(found, base, client_key),
        "direct": deployments.direct_code(scope, found) if found.status is DeploymentStatus.READY else {},
        "measures": deployments.is_measured(scope, found),
        "cost": hosting_words(found, scope.now()),
        "key": None,
    }


def _serving(request: Request, scope: Scope, cursor: str | None) -> dict[str, Any]:
    project = chosen_project(request, scope)
    return {
        "page": deployments.list_deployments(scope, project=project.id if project else None, cursor=cursor),
        "models": {each.id: each.name for each in models.list_models(scope).items},
        "here": f"/deployments?{urlencode({'cursor': cursor})}" if cursor else "/deployments",
    }


def _list_context(request: Request, scope: Scope, cursor: str | None, values: Mapping[str, str]) -> dict[str, Any]:
    tuned = models.list_models(scope).items
    choices = view.choices(tuned, catalog.search(scope))
    chosen = values.get("model") or (choices[0][0] if choices else "")
    target = _target(scope, chosen)
    offer = (deployments.offer(scope, target) if target else None) or DeploymentOffer()
    return {
        **_serving(request, scope, cursor),
        "choices": choices,
        "offer": offer,
        "cost": _cost(scope, target, values) if target and not offer.refused else None,
        "next": f"/deployments?{urlencode(_kept(values) | {'model': chosen})}",
        "option_choices": {spec.name: [(each, each) for each in spec.choices] for spec in offer.options},
        "idle_s": scope.app_context.idle_stop_s,
        "key": fresh_key(),
        "errors": [],
        "errors_by_field": Lenient(),
        "values": values,
    }


def _kept(values: Mapping[str, str]) -> dict[str, str]:
    """Return what a form keeps over a price that is set on the way."""
    names = ("model", "name", "idle_minutes", "expires_at", "content_safety", "content_safety_shown")
    return {name: value for name, value in values.items() if name in names or name.startswith(view.OPTION)}


def _cost(scope: Scope, target: Target, values: Mapping[str, str]) -> costs.Cost | None:
    options = view.requested_fields(values, scope.now())["options"]
    try:
        bill = deployments.bill_of(scope, target, options)
    except DomainError:
        return None  # the deployment is refused in the same words when the form is sent
    return costs.of_hour(bill, target.connection, scope.now().date())


def _target(scope: Scope, chosen: str) -> Target | None:
    if not chosen:
        return None
    try:
        return serving_targets.target(scope, view.target_of(chosen))
    except DomainError:
        return None  # what was sent is no choice of the form; sending it says so
