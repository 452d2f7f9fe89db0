"""The agreement to pay whatever something costs, for tests of other things at backends that bill."""

from typing import Any

from app.domain.money import Money
from app.domain.spending import AcceptedCost

ANYTHING = AcceptedCost(up_to=Money(amount="1000000"), unknown_price=True)
ACCEPTED: dict[str, Any] = {"accept_cost": {"up_to": "1000000", "unknown_price": True}}  # the same by REST
