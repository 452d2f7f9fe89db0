"""Connections in the database."""

from sqlalchemy import func, select

from app.domain.connections import Connection
from app.store import schema
from app.store.database import Reader
from app.store.mapping import Mapper

_M = Mapper(Connection, schema.connections)
add, save, get, remove = _M.add, _M.save, _M.get, _M.remove


def all_of_them(tx: Reader) -> list[Connection]:
    """Return all connections in the order of their making (there are few)."""
    return _M.by_age(tx)


def users(tx: Reader, identifier: str) -> dict[str, int]:
    """Return how many rows of each table name the connection: jobs, models, deployments, evaluations."""
    tables = (schema.jobs, schema.models, schema.deployments, schema.evaluations)
    return {
        table.name: tx.execute(select(func.count()).where(table.c.connection == identifier)).scalar_one()
        for table in tables
    }
