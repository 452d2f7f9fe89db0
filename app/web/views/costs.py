"""What somebody is asked to agree to before something that is billed begins, and the answer out of a form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from app.domain.money import Money, read_amount
from app.domain.prices import Bill
from app.domain.spending import AcceptedCost, most_of_job, unknown_part
from app.services.prices import CURRENCIES
from app.web.views.prices import PriceLine, price_lines

_UP_TO, _CURRENCY, _UNKNOWN = "accept_cost-up_to", "accept_cost-currency", "accept_cost-unknown_price"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """A cost as it is asked about: `most` is what an agreement covers, of a job or an hour; None: nothing has a price.

    `unknown` says what has none, empty where all of it has; `unpriced` are those lines.
    """

    bill: Bill
    lines: Sequence[PriceLine]
    most: Money | None
    hourly: bool
    unknown: str
    connection: str
    currencies: Sequence[str] = CURRENCIES

    @property
    def unpriced(self) -> Sequence[PriceLine]:
        """The lines without a price."""
        return [line for line in self.lines if line.price is None]

    @property
    def is_asked(self) -> bool:
        """Whether anything is to be agreed to."""
        return bool(self.unknown) or (self.most is not None and float(self.most.amount) > 0)


def of_job(bill: Bill, connection: str, today: date) -> Cost:
    """Return what a job costs, by its estimate."""
    return _cost(bill, connection, today, most=most_of_job(bill), hourly=False)


def of_hour(bill: Bill, connection: str, today: date) -> Cost:
    """Return what each hour of a deployment costs."""
    return _cost(bill, connection, today, most=bill.per_hour, hourly=True)


def _cost(bill: Bill, connection: str, today: date, *, most: Money | None, hourly: bool) -> Cost:
    lines, unknown = price_lines(bill, today), unknown_part(bill)
    return Cost(bill=bill, lines=lines, most=most, hourly=hourly, unknown=unknown, connection=connection)


def accepted(form: Mapping[str, str]) -> AcceptedCost:
    """Return what a form's sender has agreed to pay.

    What is no amount agrees to nothing.
    """
    amount, unknown = read_amount(form.get(_UP_TO, "")), form.get(_UNKNOWN) == "on"
    money = None if amount is None else Money(amount=amount, currency=form.get(_CURRENCY) or CURRENCIES[0])
    return AcceptedCost(up_to=money, unknown_price=unknown)
