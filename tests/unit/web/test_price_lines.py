from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.domain.prices import Bill, BillItem, Charge, Meter, Price, Unit
from app.web.views.prices import price_lines

TODAY = datetime(2026, 11, 25, tzinfo=UTC).date()
PRICE = Price(id="p", label="Training", kind=Meter.TRAINING, unit=Unit.MILLION_TOKENS)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.00397, 0.00397, "3,970 tokens"),
        (0.00072, 0.011, "720 – 11,000 tokens"),
        (0.17391, 12.0, "174,000 – 12 million tokens"),
        (0.0, 1.48, "0 – 1.48 million tokens"),
        (0.0000001, 0.0000001, "1 tokens"),
        (0.0, 0.0, ""),
    ],
)
def test_a_quantity_is_never_rounded_to_nothing(low: float, high: float, words: str) -> None:
    charge = Charge(price="p", label="Tokens", low=low, expected=high, high=high)
    (line,) = price_lines(Bill(items=(BillItem(charge=charge, price=PRICE),)), TODAY)
    assert line.quantity == words


def test_hours_are_a_span_as_people_say_it() -> None:
    charge = Charge(price="p", label="Machine", low=0.25, expected=1.0, high=1.5, per_hour=1)
    (line,) = price_lines(Bill(items=(BillItem(charge=charge, price=replace(PRICE, unit=Unit.HOUR)),)), TODAY)
    assert line.quantity == "15 min 00 s – 1 h 30 min"
