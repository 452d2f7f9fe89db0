"""The tables of lifeboats: each rescue, and the jobs that it has found."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint, text

from app.store.columns import UtcTime, identifier, leases, metadata

lifeboats = Table(
    "lifeboats",
    metadata,
    identifier(),
    Column("connection", String, ForeignKey("connections.id", ondelete="SET NULL")),
    Column("project", String, ForeignKey("projects.id", ondelete="SET NULL")),
    Column("status", String, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("cursor", Text),
    Column("listed", Integer, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("failing_since", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    *leases(),
    Index("ix_lifeboats_created", "created_at", "id"),
    Index("ix_lifeboats_due", "due_at", sqlite_where=text("due_at IS NOT NULL")),
)

rescued = Table(
    "rescued_jobs",
    metadata,
    identifier(),
    Column("lifeboat", String, ForeignKey("lifeboats.id", ondelete="CASCADE"), nullable=False),
    Column("remote_id", String, nullable=False),
    Column("job", Text, nullable=False),
    Column("stage", String, nullable=False),
    Column("training_dataset", String, ForeignKey("datasets.id", ondelete="SET NULL")),
    Column("validation_dataset", String, ForeignKey("datasets.id", ondelete="SET NULL")),
    Column("curves", Text, nullable=False),
    Column("answers", Text, nullable=False),
    Column("notes", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("lifeboat", "remote_id"),
    Index("ix_rescued_jobs_created", "created_at", "id"),
)
