"""Those of the tables (`schema.py`) that are about the installation itself, and hold none of its nouns."""

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from app.store.columns import UtcTime, metadata

# What the engine has counted, for its health page; written in the transactions that are counted.
counters = Table(
    "counters",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", Integer, nullable=False),
    sqlite_with_rowid=False,
)

own_prices = Table(
    "own_prices",
    metadata,
    Column("connection", String, ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True),
    Column("price", String, primary_key=True),
    Column("amount", String, nullable=False),
    Column("currency", String, nullable=False),
    Column("set_at", UtcTime, nullable=False),
    Column("set_by", String, nullable=False),
    sqlite_with_rowid=False,
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("actor", String, primary_key=True),
    Column("route", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("body_sha256", String, nullable=False),
    Column("status", Integer, nullable=False),
    Column("headers_json", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Index("ix_idempotency_created", "created_at"),
    sqlite_with_rowid=False,
)
