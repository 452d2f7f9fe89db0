"""Connections in the database."""

from typing import Any

from sqlalchemy import Row, delete, func, select

from app.domain.connections import Connection, DoctorReport
from app.store import codec, rows, schema
from app.store.database import Reader, Writer

_T = schema.connections


def _make(row: Row[Any]) -> Connection:
    return Connection(
        id=row.id,
        name=row.name,
        backend=row.backend,
        settings=codec.load(dict[str, str], row.settings),
        sealed=row.sealed,
        slots=row.slots,
        paused_reason=row.paused_reason,
        doctor=None if row.doctor is None else codec.load(DoctorReport, row.doctor),
        created_at=row.created_at,
    )


def _values(connection: Connection) -> dict[str, Any]:
    return {
        "id": connection.id,
        "name": connection.name,
        "backend": connection.backend,
        "settings": codec.dump(connection.settings),
        "sealed": connection.sealed,
        "slots": connection.slots,
        "paused_reason": connection.paused_reason,
        "doctor": None if connection.doctor is None else codec.dump(connection.doctor),
        "created_at": connection.created_at,
    }


def add(tx: Writer, connection: Connection) -> None:
    rows.add(tx, _T, _values(connection))


def save(tx: Writer, connection: Connection) -> None:
    rows.change(tx, _T, connection.id, _values(connection))


def get(tx: Reader, identifier: str) -> Connection | None:
    row = rows.one(tx, _T, identifier)
    return None if row is None else _make(row)


def all_of_them(tx: Reader) -> list[Connection]:
    """Return all connections in the order of their making (there are few)."""
    return [_make(row) for row in tx.execute(select(_T).order_by(_T.c.created_at, _T.c.id))]


def remove(tx: Writer, identifier: str) -> None:
    tx.execute(delete(_T).where(_T.c.id == identifier))


def users(tx: Reader, identifier: str) -> dict[str, int]:
    """Return how many rows of each table name the connection: jobs, models, deployments, evaluations."""
    tables = (schema.jobs, schema.models, schema.deployments, schema.evaluations)
    return {
        table.name: tx.execute(select(func.count()).where(table.c.connection == identifier)).scalar_one()
        for table in tables
    }
