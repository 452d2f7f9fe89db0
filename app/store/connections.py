"""Connections in the database."""

from datetime import datetime

from app.domain.connections import Connection
from app.store import rows, schema, usage
from app.store.database import Reader, Writer
from app.store.mapping import LEASED, Mapper

MAPPER = _M = Mapper(Connection, schema.connections, made={**LEASED, "attempts": (("attempts",), int)})
add, save, get, remove = _M.add, _M.save, _M.get, _M.remove


def all_of_them(tx: Reader) -> list[Connection]:
    """Return all connections in the order of their making (there are few)."""
    return _M.by_age(tx)


def users(tx: Reader, identifier: str) -> dict[str, int]:
    """Return how many rows of each table name the connection: jobs, models, deployments, evaluations."""
    return usage.holders(tx, "connection", identifier, schema.models, schema.deployments, schema.evaluations)


def pause(tx: Writer, identifier: str, reason: str, *, at: datetime, look_at: float) -> None:
    """Pause a connection, and let it fall due for a look at `look_at` (seconds since 1970)."""
    values = {"paused_reason": reason, "note": reason, "failing_since": at, "due_at": look_at}
    rows.change(tx, schema.connections, identifier, values)


def lift(tx: Writer, identifier: str) -> None:
    """Go on with a connection, with its looks counted anew."""
    values = {"paused_reason": None, "note": "", "attempts": 0, "failing_since": None, "due_at": None}
    rows.change(tx, schema.connections, identifier, values)
