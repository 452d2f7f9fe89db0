"""Prices and costs as values: lines of an estimate, figures of a job, groups of the price list."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from app.domain.deployments import Deployment
from app.domain.estimates import Estimate
from app.domain.jobs import FineTuningJob
from app.domain.money import Money
from app.domain.prices import Billing, Meter, Price, Unit, is_stale
from app.services.prices import PriceList
from app.web.i18n import gettext as _
from app.web.views import formats
from app.web.views.parts import Stat

_SMALL = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceLine:
    """One quantity of an estimate with its price, or the plain word that none is known."""

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


def price_lines(estimate: Estimate | None, today: date) -> list[PriceLine]:
    """Return what an estimate's cost is made of, each line with the source and day of its price."""
    if estimate is None:
        return []
    units = unit_words()
    lines = []
    for item in estimate.bill.items:
        charge, price = item.charge, item.price
        amount = " – ".join(dict.fromkeys((_figure(charge.low), _figure(charge.high))))
        words = {"n": amount, "unit": _("million tokens") if price.unit is Unit.MILLION_TOKENS else _("hours")}
        lines.append(
            PriceLine(
                label=charge.label,
                quantity=_("%(n)s %(unit)s") % words if charge.high else "",
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


def _figure(value: float) -> str:
    """Return a quantity with two decimals, and a small one with its first two digits, so that it never reads 0."""
    return formats.number(round(value, 2) if value >= _SMALL else float(f"{value:.2g}"))


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
    if cost.billing is Billing.FREE:
        return Stat(label=label, value=_("free"), note=_("own machine"), id="stat-cost")
    if cost.billing is Billing.UNKNOWN:
        return Stat(label=label, value=_("unknown"), note=_("the provider's invoice counts"), id="stat-cost")
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
        return _("none: nothing is billed"), ""
    if bill.billing is Billing.UNKNOWN:
        return _("unknown: the provider's invoice counts"), ""
    if not bill.items:
        return _("none by the hour; tokens are billed"), ""
    rate, so_far = deployment.cost_per_hour, deployment.cost_at(now)
    missing = _("%(cost)s, and a part whose price is unknown") if bill.unpriced else "%(cost)s"
    if rate is None:
        return _("unknown: set your price"), ""
    hourly = missing % {"cost": _("%(price)s an hour") % {"price": dollars(rate)}}
    return hourly, dollars(so_far) if so_far is not None else ""


def dollars(money: Money) -> str:
    """Return an amount as people read it."""
    return formats.amount_text(Decimal(money.amount), money.currency)
