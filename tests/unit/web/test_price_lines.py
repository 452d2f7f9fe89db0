from datetime import UTC, datetime

import pytest

from app.domain.estimates import Estimate
from app.domain.prices import Bill, BillItem, Charge, Meter, Price, Unit
from app.web.views.prices import price_lines

TODAY = datetime(2026, 11, 25, tzinfo=UTC).date()
PRICE = Price(id="p", label="Training", kind=Meter.TRAINING, unit=Unit.MILLION_TOKENS)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.00397, 0.00397, "0.004 million tokens"),
        (0.0013, 0.0132, "0.0013 – 0.013 million tokens"),
        (0.17391, 12.0, "0.17 – 12 million tokens"),
        (0.0, 0.0, ""),
    ],
)
def test_a_quantity_is_never_rounded_to_nothing(low: float, high: float, words: str) -> None:
    charge = Charge(price="p", label="Tokens", low=low, expected=high, high=high)
    (line,) = price_lines(Estimate(bill=Bill(items=(BillItem(charge=charge, price=PRICE),))), TODAY)
    assert line.quantity == words
