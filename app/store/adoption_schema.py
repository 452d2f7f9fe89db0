"""The table of files on a provider's account that were made elsewhere, and the datasets that they are here."""

from sqlalchemy import Column, ForeignKey, Index, String, Table

from app.store.columns import UtcTime, metadata

adopted_files = Table(
    "adopted_files",
    metadata,
    Column("connection", String, ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True),
    Column("remote_id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("dataset", String, ForeignKey("datasets.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Index("ix_adopted_files_dataset", "dataset"),
    sqlite_with_rowid=False,
)
