"""Amounts of money, exact and as text."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

# An amount of 0 or more as people type it, below 10^9 and no finer than 10^-9.
AMOUNT_PATTERN = (
    r"\s*\$?\s*(?:(?:[0-9]{1,9}|[0-9]{1,3}(?:,[0-9]{3}){1,2})(?:\.[0-9]{0,9})?|\.[0-9]{1,9}"
    r"|[0-9](?:\.[0-9]{0,9})?[eE]\+?[0-8])\s*"
)
_DIGITS = Decimal("0.0001")  # a token's price is far below a cent, a job's cost is not


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """An amount as exact decimal text, for example "1.70"."""

    amount: str
    currency: str = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRange:
    """Low, expected and high cost."""

    low: Money
    expected: Money
    high: Money


def times(price: Money, quantity: float | Decimal) -> Money:
    """Return what `quantity` units cost, to four decimals and without trailing zeros beyond cents."""
    return Money(amount=_text(Decimal(price.amount) * Decimal(str(quantity))), currency=price.currency)


def total(amounts: Iterable[Money]) -> Money | None:
    """Return the sum; None for no amounts, and for amounts of several currencies, which cannot be added."""
    listed = list(amounts)
    if len({each.currency for each in listed}) != 1:
        return None
    return Money(amount=_text(sum((Decimal(each.amount) for each in listed), Decimal(0))), currency=listed[0].currency)


def read_amount(text: str) -> str | None:
    """Return typed text as a plain decimal amount of 0 or more; None where it is none.

    A comma is read between thousands only: "3,67" may mean 3.67, and is asked for again.
    """
    if re.fullmatch(AMOUNT_PATTERN, text) is None:
        return None
    amount = Decimal(re.sub(r"[\s$,]", "", text))
    return f"{amount.normalize():f}"


def _text(amount: Decimal) -> str:
    rounded = amount.quantize(_DIGITS)
    cents = rounded.quantize(Decimal("0.01"))
    return f"{cents if cents == rounded else rounded.normalize():f}"
