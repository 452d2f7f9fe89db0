"""The tables of webhooks: the addresses, and the outbox of messages to them."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint, text

from app.store.columns import UtcTime, identifier, leases, metadata

webhooks = Table(
    "webhooks",
    metadata,
    identifier(),
    Column("name", String, nullable=False),
    Column("url", Text, nullable=False),
    Column("events", Text, nullable=False),
    Column("project", String, ForeignKey("projects.id", ondelete="CASCADE")),
    Column("sealed", Text, nullable=False),
    Column("active", Integer, nullable=False),
    Column("created_by", String, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

messages = Table(
    "webhook_messages",
    metadata,
    identifier(),
    Column("webhook", String, ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
    Column("event", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("state", String, nullable=False),
    Column("body", Text, nullable=False),
    Column("status", String, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("failing_since", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    Column("delivered_at", UtcTime),
    *leases(),
    UniqueConstraint("webhook", "subject", "state"),
    Index("ix_webhook_messages_created", "created_at", "id"),
    Index("ix_webhook_messages_due", "due_at", sqlite_where=text("due_at IS NOT NULL")),
)
