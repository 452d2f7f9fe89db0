"""REST on prices and limits."""

from typing import Annotated

from starlette.responses import Response

from app.api.answers import NO_CONTENT, answer, listing, nothing
from app.api.routing import PathId, noun
from app.api.shapes.common import list_of
from app.api.shapes.prices import PriceIn, PricesOut
from app.domain.prices import QuotaReport
from app.http.dependencies import may
from app.services import prices
from app.services.scope import Scope

router = noun("prices")


@router.get("", response_model=list_of(PricesOut))
def list_prices(scope: Annotated[Scope, may(prices.lists)]) -> Response:
    """What is billed, connection by connection, each price with its source and date."""
    found = [
        PricesOut(
            connection=each.connection.id,
            prices=list(each.prices),
            stale=sorted(each.stale),
        )
        for each in prices.lists(scope)
    ]
    return listing(PricesOut, found)


@router.get("/limits/{identifier}", response_model=QuotaReport)
def list_limits(scope: Annotated[Scope, may(prices.quotas)], identifier: PathId) -> Response:
    """A connection's limits, asked of its provider now, with those that hold for everybody."""
    return answer(QuotaReport, prices.quotas(scope, identifier))


@router.put("", status_code=NO_CONTENT)
def set_price(scope: Annotated[Scope, may(prices.set_own)], body: PriceIn) -> Response:
    """Set a price of one's own, or take it back."""
    prices.set_own(scope, body.connection, body.price, body.amount, body.currency)
    return nothing()
