from datetime import date

import pytest

from app.domain.money import Money, read_amount, times, total
from app.domain.prices import Charge, Meter, Price, Unit, is_stale, make_bill

TOKENS = Price(id="t", label="tokens", kind=Meter.TRAINING, unit=Unit.MILLION_TOKENS, amount="3.2")
HOURS = Price(id="h", label="hours", kind=Meter.COMPUTE, unit=Unit.HOUR, amount="3.673")
UNKNOWN = Price(id="u", label="unknown", kind=Meter.HOSTING, unit=Unit.HOUR)
PRICES = {price.id: price for price in (TOKENS, HOURS, UNKNOWN)}


def charge(price: str, *, per_hour: float | None = None) -> Charge:
    return Charge(price=price, label=price, low=1, expected=2, high=4, per_hour=per_hour)


@pytest.mark.parametrize(
    ("price", "quantity", "amount"),
    [
        ("3.2", 2.0, "6.40"),
        ("0.000003", 1.0, "0"),
        ("0.0001", 3.0, "0.0003"),
        ("3.673", 0.5, "1.8365"),
        ("0", 9, "0.00"),
    ],
)
def test_amounts_are_exact_decimals(price: str, quantity: float, amount: str) -> None:
    assert times(Money(amount=price), quantity).amount in {amount, f"{amount}.00"}


def test_what_has_no_price_stays_out_of_the_total_and_is_named() -> None:
    bill = make_bill([charge("t"), charge("u", per_hour=1)], PRICES)
    assert bill.cost is not None
    assert (bill.cost.low.amount, bill.cost.expected.amount, bill.cost.high.amount) == ("3.20", "6.40", "12.80")
    assert [price.id for price in bill.unpriced] == ["u"]
    assert bill.per_hour is None


def test_a_bill_of_unknown_prices_has_no_total() -> None:
    assert make_bill([charge("u")], PRICES).cost is None
    assert make_bill([charge("never heard of")], PRICES).unpriced[0].amount is None


def test_work_is_billed_by_its_share_and_machines_by_the_hour() -> None:
    bill = make_bill([charge("t"), charge("h", per_hour=2)], PRICES)
    assert bill.per_hour == Money(amount="7.346")
    assert bill.so_far(hours=0, share=0) == Money(amount="0.00")
    assert bill.so_far(hours=1.5, share=0.5) == Money(amount="14.219")


def test_currencies_are_never_added() -> None:
    assert total([Money(amount="1"), Money(amount="1", currency="EUR")]) is None
    assert total([]) is None


@pytest.mark.parametrize(
    ("text", "amount"),
    [("1.70", "1.7"), ("$ 3", "3"), ("$3", "3"), ("1,000.5", "1000.5"), ("3,67", None), ("0", "0"),
     ("-1", None), ("NaN", None),
     ("1e3", "1000"), ("", None), ("viel", None), ("1e-12", None), ("1e12", None), ("Infinity", None)],
)  # fmt: skip
def test_typed_amounts_are_read(text: str, amount: str | None) -> None:
    assert read_amount(text) == amount


def test_facts_grow_old_after_sixty_days() -> None:
    assert not is_stale(date(2026, 9, 27), date(2026, 11, 25))
    assert is_stale(date(2026, 9, 25), date(2026, 11, 25))
    assert not is_stale(None, date(2026, 11, 25))
