"""The tables of the audit: its entries, and up to which one they were forgotten for their age."""

from sqlalchemy import CheckConstraint, Column, Index, Integer, String, Table, Text

from app.store.columns import UtcTime, metadata

audit = Table(
    "audit",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcTime, nullable=False),
    Column("actor", String, nullable=False),
    Column("role", String, nullable=False),
    Column("request", String, nullable=False),
    Column("peer", String, nullable=False),
    Column("verb", String, nullable=False),
    Column("action", String, nullable=False),
    Column("noun", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("given", Text, nullable=False),
    Column("previous", String, nullable=False),
    Column("hash", String, nullable=False),
    Index("ix_audit_actor", "actor", "number"),
    Index("ix_audit_subject", "subject", "number"),
)

audit_horizon = Table(
    "audit_horizon",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, nullable=False),  # the last entry that was forgotten
    Column("hash", String, nullable=False),  # its hash, which the first that is kept follows
    CheckConstraint("id = 1", name="one"),
)
