"""Prices and costs as values: lines of an estimate, figures of a job, groups of the price list."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from app.domain.deployments import Deployment
from app.domain.jobs import FineTuningJob
from app.domain.money import Money
from app.domain.prices import Bill, Billing, Charge, Meter, Price, Unit, is_stale
from app.services.prices import PriceList
from app.web.i18n import gettext as _
from app.web.views import formats
from app.web.views.parts import Stat

_MILLION = 10**6
_HOUR_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceLine:
    """One quantity of a bill with its price, or the plain word that none is known; `id` is the price's."""

    id: str
    label: str
    quantity: str
    price: Money | None
    unit: str
    expected: Money | None
    own: bool
    source: str
    as_of: date | None
    stale: bool
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceGroup:
    """The prices of one kind."""

    title: str
    prices: Sequence[Price]


def unit_words() -> dict[Unit, str]:
    """Return what a price is paid for one of, in words."""
    return {Unit.MILLION_TOKENS: _("a million tokens"), Unit.HOUR: _("an hour")}


def price_lines(bill: Bill, today: date) -> list[PriceLine]:
    """Return what a cost is made of, each line with the source and day of its price."""
    units = unit_words()
    lines = []
    for item in bill.items:
        charge, price = item.charge, item.price
        lines.append(
            PriceLine(
                id=price.id,
                label=charge.label,
                quantity=_quantity(charge, price.unit) if charge.high else "",
                price=price.money,
                unit=units[price.unit],
                expected=item.expected,
                own=price.own,
                source=price.source or price.look_up or "",
                as_of=price.as_of,
                stale=not price.own and is_stale(price.as_of, today),
                note=price.note,
            )
        )
    return lines


def _quantity(charge: Charge, unit: Unit) -> str:
    """Return how much is billed in the unit that people count in: tokens one by one, hours as a span."""
    if unit is Unit.HOUR:
        return " – ".join(dict.fromkeys(formats.duration(hours * _HOUR_S) for hours in (charge.low, charge.high)))
    counted = " – ".join(dict.fromkeys(_tokens(millions) for millions in (charge.low, charge.high)))
    return _("%(n)s tokens") % {"n": counted}


def _tokens(millions: float) -> str:
    """Return a count of tokens with its first three digits, and never as 0 where there are some."""
    count = float(f"{millions * _MILLION:.3g}")
    if count >= _MILLION:
        return _("%(n)s million") % {"n": formats.number(count / _MILLION)}
    return formats.number(max(1, round(count)) if count else 0)


def groups(found: PriceList) -> list[PriceGroup]:
    """Return a price list by kind, in the order in which things are paid."""
    titles = {
        Meter.TRAINING: _("Training"),
        Meter.COMPUTE: _("Machines"),
        Meter.HOSTING: _("Hosting of tuned models"),
        Meter.INPUT: _("Tokens read"),
        Meter.OUTPUT: _("Tokens written"),
    }
    by_kind = {kind: [price for price in found.prices if price.kind is kind] for kind in titles}
    return [PriceGroup(title=title, prices=by_kind[kind]) for kind, title in titles.items() if by_kind[kind]]


def job_cost(job: FineTuningJob, now: datetime) -> Stat:
    """Return the cost figure of a job's strip: so far, its total once it has ended; nothing is invented."""
    cost = job.cost_at(now)
    label = _("Cost in total") if job.status.is_final else _("Cost so far")
    if job.adopted:
        return Stat(label=label, value=formats.NOTHING, note=_("paid for where it was made"), id="stat-cost")
    if cost.billing is Billing.FREE:
        return Stat(label=label, value=_("free"), note=_("own machine"), id="stat-cost")
    if cost.billing is Billing.UNKNOWN:
        return Stat(label=label, value=_("unknown"), note=_("see the provider's invoice"), id="stat-cost")
    if cost.so_far is None:
        note = _("price unknown") if cost.unpriced else _("not known yet")
        return Stat(label=label, value=formats.NOTHING, note=note, id="stat-cost")
    note = _("price of a part unknown") if cost.unpriced else ""
    if cost.estimated is not None and not note:
        note = _("estimated %(cost)s") % {"cost": dollars(cost.estimated)}
    return Stat(label=label, value=dollars(cost.so_far), note=note, id="stat-cost")


def hosting_words(deployment: Deployment, now: datetime) -> tuple[str, str]:
    """Return (what an hour costs, what it has cost so far) of a deployment, in words."""
    bill = deployment.bill
    if bill.is_free:
        return _("Nothing is billed"), ""
    if bill.billing is Billing.UNKNOWN:
        return _("Unknown – see the provider's invoice"), ""
    if not bill.items:
        return _("No hourly charge; tokens are billed"), ""
    rate, so_far = deployment.cost_per_hour, deployment.cost_at(now)
    missing = _("%(cost)s, and a part whose price is unknown") if bill.unpriced else "%(cost)s"
    if rate is None:
        return _("Unknown – set a price"), ""
    hourly = missing % {"cost": _("%(price)s an hour") % {"price": dollars(rate)}}
    return hourly, dollars(so_far) if so_far is not None else ""


def dollars(money: Money) -> str:
    """Return an amount as people read it."""
    return formats.amount_text(Decimal(money.amount), money.currency)
