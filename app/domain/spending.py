"""What somebody agrees to pay before something that is billed begins, and whether a bill keeps to it."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from app.domain.errors import Invalid, Problem
from app.domain.money import Money
from app.domain.prices import Bill, Billing

POINTER = "/accept_cost"


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedCost:
    """`up_to`: the most that a job may come to, or that each hour of a deployment costs.

    `unknown_price`: also what no price is known of.
    """

    up_to: Money | None = None
    unknown_price: bool = False


class CostNotAccepted(Invalid):
    """Nothing has begun, because nobody has agreed to pay `bill`; `most` is what has a price, at the most."""

    def __init__(self, problems: list[Problem], bill: Bill, most: Money | None) -> None:
        super().__init__(problems)
        self.bill = bill
        self.most = most


def most_of_job(bill: Bill) -> Money | None:
    """Return the most that a job comes to by its estimate, of what has a price."""
    return bill.cost.high if bill.cost is not None else None


def unknown_part(bill: Bill) -> str:
    """Return a sentence about what is billed without a known price; empty where all of it is known."""
    if bill.billing is Billing.UNKNOWN:
        return "The provider bills this, and what it comes to is not known before."
    if bill.unpriced:
        return f"This is billed, and no price is known: {', '.join(price.label for price in bill.unpriced)}."
    return (
        "This is billed in several currencies, which no total can be made of." if bill.items and not bill.cost else ""
    )


def agreeing_to(bill: Bill, most: Money | None) -> AcceptedCost:
    """Return the agreement that a bill needs, and no more."""
    return AcceptedCost(up_to=most, unknown_price=bool(unknown_part(bill)))


def require(bill: Bill, accepted: AcceptedCost | None, *, most: Money | None, hourly: bool = False) -> None:
    """Return if nothing is billed, or somebody has agreed to it.

    Raises:
        CostNotAccepted: with the amount, and what to send.
    """
    said = "an hour, used or not" if hourly else "at most, by its estimate"
    problems = list(_problems(bill, accepted or AcceptedCost(), most, said))
    if problems:
        raise CostNotAccepted(problems, bill, most)


def _problems(bill: Bill, accepted: AcceptedCost, most: Money | None, said: str) -> Iterator[Problem]:
    if bill.is_free:
        return
    unknown = unknown_part(bill)
    if unknown and not accepted.unknown_price:
        fix = "Set your price in Settings, Prices, or accept that it is unknown (unknown_price)."
        yield Problem(f"{POINTER}/unknown_price", "cost", unknown, fix)
    if most is not None and Decimal(most.amount) and not _covers(accepted.up_to, most):
        amount = f"{most.amount} {most.currency}"
        fix = f"Accept a cost up to {amount} (up_to), or more."
        yield Problem(f"{POINTER}/up_to", "cost", f"This is billed: {amount} {said}.", fix)


def _covers(limit: Money | None, most: Money) -> bool:
    return limit is not None and limit.currency == most.currency and Decimal(limit.amount) >= Decimal(most.amount)
