"""What is billed and for how much: prices with their source and date, quantities, and the bill that they make.

A price that nobody could source has no amount. It is shown as unknown, asked for, and left out of every total.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from app.domain.hyperparameters import Hyperparameter
from app.domain.money import CostRange, Money, times, total
from app.domain.profiles import Ability

STALE_AFTER = timedelta(days=60)  # a page warns when a fact is older


class Meter(StrEnum):
    """What a price is for."""

    TRAINING = "training"
    HOSTING = "hosting"
    INPUT = "input"
    OUTPUT = "output"
    COMPUTE = "compute"


class Unit(StrEnum):
    """What a price is paid for one of."""

    MILLION_TOKENS = "1M tokens"
    HOUR = "hour"


class Billing(StrEnum):
    """Whether something is paid for at a provider. Only a backend says that it is not (`BackendProfile.bills`)."""

    BILLED = "billed"
    FREE = "free"
    UNKNOWN = "unknown"  # nobody asked when it was recorded, or the backend does not tell what it charges


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """One price. `model` is the catalog id it belongs to, "" for machines; `own`: somebody here set it.

    `amount` None: no source is known, and `look_up` is where the provider publishes it.
    """

    id: str
    label: str
    kind: Meter
    unit: Unit
    model: str = ""
    amount: str | None = None
    currency: str = "USD"
    region: str = ""
    note: str = ""
    source: str | None = None
    as_of: date | None = None
    look_up: str | None = None
    own: bool = False

    @property
    def money(self) -> Money | None:
        """The price of one unit, where it is known."""
        return None if self.amount is None else Money(amount=self.amount, currency=self.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """A quantity of one price's unit: at least, expected, at most.

    `per_hour` is how much of it one hour takes, for what is billed by the hour; None for what is billed by work done.
    """

    price: str
    label: str
    low: float
    expected: float
    high: float
    per_hour: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BillItem:
    """A charge with the price that it had when the bill was made."""

    charge: Charge
    price: Price

    @property
    def expected(self) -> Money | None:
        """What is expected to be paid, where the price is known."""
        money = self.price.money
        return None if money is None else times(money, self.charge.expected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """Everything that something will be billed for; `FREE` and `UNKNOWN` have no items."""

    items: tuple[BillItem, ...] = ()
    billing: Billing = Billing.BILLED

    @property
    def is_free(self) -> bool:
        """Whether nothing is billed: an unknown bill is not free."""
        return self.billing is Billing.FREE

    @property
    def unpriced(self) -> Sequence[Price]:
        """The prices that are unknown, and so are missing from `cost`."""
        return tuple(item.price for item in self.items if item.price.amount is None)

    @property
    def cost(self) -> CostRange | None:
        """The cost of what has a price; None where nothing has."""
        sums = [
            self._sum(lambda charge: charge.low),
            self._sum(lambda charge: charge.expected),
            self._sum(lambda charge: charge.high),
        ]
        low, expected, high = sums
        if low is None or expected is None or high is None:
            return None
        return CostRange(low=low, expected=expected, high=high)

    @property
    def per_hour(self) -> Money | None:
        """What each hour costs, of what is billed by the hour and has a price."""
        return self._sum(lambda charge: charge.per_hour)

    def so_far(self, *, hours: float, share: float) -> Money | None:
        """Return what has been used after `hours` of running, `share` (0 to 1) of the work being done."""
        return self._sum(lambda each: each.expected * share if each.per_hour is None else each.per_hour * hours)

    def _sum(self, quantity: Callable[[Charge], float | None]) -> Money | None:
        parts = [(item.price.money, quantity(item.charge)) for item in self.items]
        return total(times(money, amount) for money, amount in parts if money is not None and amount is not None)


FREE = Bill(billing=Billing.FREE)
UNKNOWN = Bill(billing=Billing.UNKNOWN)


def make_bill(charges: Sequence[Charge], prices: Mapping[str, Price]) -> Bill:
    """Return the bill of these charges; a charge whose price nobody lists is unknown."""
    return Bill(
        items=tuple(
            BillItem(
                charge=charge,
                price=prices.get(charge.price)
                or Price(
                    id=charge.price,
                    label=charge.label,
                    kind=Meter.COMPUTE,
                    unit=Unit.HOUR if charge.per_hour is not None else Unit.MILLION_TOKENS,
                ),
            )
            for charge in charges
        )
    )


def is_stale(as_of: date | None, today: date) -> bool:
    """Tell whether a fact is so old that it should be looked up again."""
    return as_of is not None and today - as_of > STALE_AFTER


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """A limit, and how much of it is used; None where that is unknown. `source`: where it is documented.

    `used_by`: whose part of another row's figure it is, which is counted there already; empty for the whole.
    """

    id: str
    label: str
    unit: str = ""
    used: float | None = None
    limit: float | None = None
    region: str = ""
    used_by: str = ""
    note: str = ""
    source: str | None = None
    as_of: date | None = None

    @property
    def share(self) -> float | None:
        """The used share, 0 to 1, where both figures are known."""
        return None if self.used is None or not self.limit else min(1.0, self.used / self.limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaReport:
    """What limits there are. `missing` says why the provider's own figures could not be had, if they could not."""

    quotas: Sequence[Quota] = field(default_factory=tuple)
    missing: str = ""


class Prices(Ability):
    """A backend's ability to say what it is billed for. Calls nobody."""

    @abstractmethod
    def prices(self) -> Sequence[Price]:
        """Return everything that may be billed here, known or not."""

    @abstractmethod
    def hosting_charges(
        self, base_model: str, *, tuned: bool, options: Mapping[str, Hyperparameter]
    ) -> Sequence[Charge]:
        """Return what one hour of serving is charged for; nothing where being there costs nothing."""

    @abstractmethod
    def asking_charges(self, base_model: str, *, rows: int, tokens: int) -> Sequence[Charge] | None:
        """Return what a served model's answers to so many rows are charged for, beyond the hours that it is served.

        `tokens` are those of all questions, estimated. Nothing where the hours are all; None where it is not told.
        """


class Quotas(Ability):
    """A backend's ability to say how much of its limits is used."""

    @abstractmethod
    def quotas(self) -> QuotaReport:
        """Ask the provider, within seconds; what holds for everybody comes without asking."""
