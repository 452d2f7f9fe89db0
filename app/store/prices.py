"""Prices that people set here, in the database."""

from datetime import datetime

from sqlalchemy import delete, select

from app.domain.prices import UNKNOWN, Bill
from app.store import codec, rows, schema
from app.store.database import Reader, Writer

_T = schema.own_prices


def bill(text: str | None) -> Bill:
    """Return the bill in a row's column; of a row that has none it is not known."""
    return UNKNOWN if text is None else codec.load(Bill, text)


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
