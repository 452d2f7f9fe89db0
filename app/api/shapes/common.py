"""Shapes that several nouns share."""

from datetime import datetime
from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, create_model

from app.domain.errors import Problem
from app.domain.events import EventLevel
from app.domain.money import AMOUNT_PATTERN, Money, read_amount
from app.domain.spending import AcceptedCost
from app.http.fields import Id, Line, RequestModel, ResponseModel, absent, described, exemplified, given
from app.services.prices import CURRENCIES


@cache
def list_of(shape: type[ResponseModel] | type[str]) -> type[BaseModel]:
    """Return the shape of one page of a list, named for what it holds; generic models have names with brackets."""
    name = "Line" if shape is str else shape.__name__.removesuffix("Out")
    fields: dict[str, Any] = {
        "items": (list[shape], ...),  # type: ignore[valid-type]  # a value here, as create_model takes it
        "next": (str | None, Field(None, description="The cursor of the next page; null on the last one.")),
    }
    return create_model(f"{name}List", __base__=ResponseModel, __doc__="One page of a list.", **fields)


class ProblemOut(ResponseModel):
    """What every failure answers (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str = Field(description="The request's id, as it stands in the log.")
    fix: str | None = None
    errors: list[Problem] | None = None


class EventOut(ResponseModel):
    """One entry of the journal."""

    number: int
    at: datetime
    level: EventLevel
    kind: str
    message: str


class TargetIn(RequestModel):
    """A fine-tuned model, or a base model on a connection."""

    model_config = exemplified(
        {"base_model": "builtin:starter", "connection": "con_01jd3x8z"},
        **{"if": given("model"), "then": absent("base_model"), "else": given("base_model", "connection")},
    )

    model: Id | None = None
    base_model: Annotated[Line, Field(min_length=1)] | None = None
    connection: Id | None = None


def _amount(text: str) -> str:
    plain = read_amount(text)
    if plain is None:
        raise ValueError("must be an amount of 0 or more, for example 12.50")
    return plain


def _currency(code: str) -> str:
    if code not in CURRENCIES:
        raise ValueError(f"must be one of {', '.join(CURRENCIES)}")
    return code


class CostIn(RequestModel):
    """What may be spent: where a backend bills, nothing begins without it. Of a deployment, `up_to` is an hour's."""

    model_config = exemplified({"up_to": "12.50", "currency": "USD", "unknown_price": False})

    up_to: (
        Annotated[str, Field(max_length=40), AfterValidator(_amount), described(pattern=rf"^(?:{AMOUNT_PATTERN})$")]
        | None
    ) = Field(None, description="Refused where the estimate, at its most, is above it.")
    currency: Annotated[str, Field(max_length=3), AfterValidator(_currency), described(enum=list(CURRENCIES))] = "USD"
    unknown_price: bool = Field(
        default=False, description="Also begin where the price of a part, or of all, is unknown."
    )

    def accepted(self) -> AcceptedCost:
        """Return it as services take it."""
        limit = None if self.up_to is None else Money(amount=self.up_to, currency=self.currency)
        return AcceptedCost(up_to=limit, unknown_price=self.unknown_price)


def accepted_of(cost: CostIn | None) -> AcceptedCost | None:
    """Return what somebody has agreed to pay, where a request says so."""
    return None if cost is None else cost.accepted()


class AcceptanceIn(RequestModel):
    """The agreement to what something costs, where it is billed."""

    model_config = exemplified({"accept_cost": {"up_to": "12.50", "currency": "USD"}})

    accept_cost: CostIn | None = None


def accepted_in(body: AcceptanceIn | None) -> AcceptedCost | None:
    """Return the same of a body that need not be there."""
    return None if body is None else accepted_of(body.accept_cost)
