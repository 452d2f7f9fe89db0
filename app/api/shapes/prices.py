"""Prices and limits as REST sees them."""

from typing import Annotated

from pydantic import Field

from app.domain.money import AMOUNT_PATTERN
from app.domain.prices import Price
from app.http.fields import SPACE, Id, Line, RequestModel, ResponseModel, described, exemplified
from app.services.prices import CURRENCIES


class PricesOut(ResponseModel):
    """What one connection is billed for."""

    connection: str
    prices: list[Price]
    stale: list[str] = Field(description="The ids of prices whose sources are older than 60 days.")


class PriceIn(RequestModel):
    """A price of one's own; an empty amount takes it back."""

    model_config = exemplified({"connection": "con_01jd3x8z", "price": "hosting", "amount": "1.70", "currency": "USD"})

    connection: Id
    price: Annotated[Line, Field(min_length=1)]
    amount: Annotated[str, Field(max_length=40), described(pattern=rf"^(?:{AMOUNT_PATTERN}|[{SPACE}]*)$")] = ""
    currency: Annotated[str, Field(max_length=3), described(enum=list(CURRENCIES))] = "USD"
