"""Pages of prices and limits: what is billed, from which source, one's own prices over it, and what is left."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.domain.errors import Invalid
from app.http.dependencies import may
from app.http.fields import Id
from app.services import connections, prices
from app.services.scope import Scope
from app.web.rendering import UNPROCESSABLE, Fields, field_errors, own_path, page, see_other
from app.web.views import prices as view

router = APIRouter(include_in_schema=False)


@router.get("/settings/prices")
def index(request: Request, scope: Annotated[Scope, may(prices.lists)]) -> Response:
    """Every price with its source and date, and a field for one's own."""
    return page(request, scope, "settings/prices.html", {"lists": _lists(scope), "errors": []})


@router.post("/settings/prices")
def save(
    request: Request,
    scope: Annotated[Scope, may(prices.set_own)],
    form: Fields,
    connection: Annotated[str, Query(max_length=60)] = "",
    come_back: Annotated[str, Query(alias="next", max_length=4000)] = "",
) -> Response:
    """Set a price of one's own; an empty one takes it back. A form of another act names its connection and `next`."""
    wanted = {name: form.get(name, "") for name in ("price", "amount", "currency")}
    wanted["connection"] = connection or form.get("connection", "")
    try:
        prices.set_own(
            scope, wanted["connection"], wanted["price"], wanted["amount"], wanted["currency"] or prices.CURRENCIES[0]
        )
    except Invalid as error:
        context = {"lists": _lists(scope), "errors": field_errors(error)}
        return page(request, scope, "settings/prices.html", context, status=UNPROCESSABLE)
    return see_other(own_path(come_back or f"/settings/prices#list-{wanted['connection']}"), "price_saved")


@router.get("/connections/{connection}/limits")
def limits(request: Request, scope: Annotated[Scope, may(prices.quotas)], connection: Id) -> Response:
    """A connection's limits, asked of its provider now."""
    found = connections.get(scope, connection)
    report = prices.quotas(scope, connection)
    context = {"connection": found, "report": report, "asked_at": scope.now()}
    return page(request, scope, "connections/limits.html", context)


def _lists(scope: Scope) -> list[dict[str, object]]:
    units = view.unit_words()
    return [
        {"list": each, "groups": view.groups(each), "units": units, "currencies": prices.CURRENCIES}
        for each in prices.lists(scope)
    ]
