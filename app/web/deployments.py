"""Pages of deployments: what serves, how to ask it, and how to stop it."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.domain.errors import DomainError
from app.edge.fields import Id
from app.edge.idempotency import once
from app.services import catalog, deployments, models
from app.services.scope import Scope
from app.web.rendering import (
    Deleting,
    Fields,
    Reading,
    Spending,
    field_errors,
    fresh_key,
    page,
    see_other,
    status_of,
)
from app.web.views import deployments as view
from app.web.views.prices import hosting_words

router = APIRouter()


@router.get("/deployments")
def index(request: Request, scope: Reading, cursor: Annotated[str | None, Query(max_length=400)] = None) -> Response:
    """What serves now, and a form to serve something."""
    return page(request, scope, "deployments/index.html", _list_context(scope, cursor))


@router.post("/deployments")
def create(request: Request, scope: Spending, form: Fields) -> Response:
    """Serve a model, once per key however often the button is pressed."""
    wish = view.wish(form)
    try:
        grant = once("POST /deployments", form.get("idempotency_key"), repr(sorted(wish.items())).encode())
        return grant(scope, lambda: see_other(f"/deployments/{deployments.create(scope, **wish).id}", "deploying"))
    except DomainError as error:
        context = {**_list_context(scope, None), "errors": field_errors(error), "values": form}
        return page(request, scope, "deployments/index.html", context, status=status_of(error))


@router.get("/deployments/{deployment}")
def show(request: Request, scope: Reading, deployment: Id) -> Response:
    """One deployment: its state, how to ask it, what was asked of it."""
    found = deployments.get(scope, deployment)
    base = str(request.base_url).rstrip("/")
    context = {
        "deployment": found,
        "model": models.get(scope, found.target.model) if found.target.model else None,
        "events": deployments.events(scope, deployment).items,
        "curl": view.curl(found, base),
        "python": view.python(found, base),
        "cost": hosting_words(found, scope.now()),
    }
    return page(request, scope, "deployments/deployment.html", context, part="deployments/_state.html")


@router.get("/deployments/{deployment}/delete")
def ask_to_delete(request: Request, scope: Reading, deployment: Id) -> Response:
    """Ask before stopping, for browsers without scripts."""
    question = view.deletion(deployments.get(scope, deployment))
    return page(request, scope, "confirm.html", {"question": question})


@router.post("/deployments/{deployment}/delete")
def delete(scope: Deleting, deployment: Id) -> Response:
    """Stop serving."""
    deployments.delete(scope, deployment)
    return see_other(f"/deployments/{deployment}", "deployment_deleting")


def _list_context(scope: Scope, cursor: str | None) -> dict[str, Any]:
    return {
        "page": deployments.list_deployments(scope, cursor=cursor),
        "choices": view.choices(models.list_models(scope).items, catalog.search(scope)),
        "idle_s": scope.house.idle_stop_s,
        "key": fresh_key(),
        "errors": [],
        "values": {},
    }
