"""Prices that people set here, in the database."""

from datetime import datetime

from sqlalchemy import delete, select

from app.store import rows, schema
from app.store.database import Reader, Writer

_T = schema.own_prices


def of_connection(tx: Reader, connection: str) -> dict[str, tuple[str, str, datetime]]:
    """Return what was set for a connection: {price id: (amount, currency, when)}."""
    found = tx.execute(select(_T).where(_T.c.connection == connection))
    return {row.price: (row.amount, row.currency, row.set_at) for row in found}


def put(tx: Writer, connection: str, price: str, *, amount: str, currency: str, at: datetime, by: str) -> None:
    """Set a price, over an earlier one."""
    remove(tx, connection, price)
    values = {"connection": connection, "price": price, "amount": amount, "currency": currency}
    rows.add(tx, _T, values | {"set_at": at, "set_by": by})


def remove(tx: Writer, connection: str, price: str) -> None:
    """Take a price back."""
    tx.execute(delete(_T).where(_T.c.connection == connection, _T.c.price == price))
