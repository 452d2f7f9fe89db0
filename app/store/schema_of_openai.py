"""The tables of the door for OpenAI's clients, as `schema` has the others."""

from sqlalchemy import Column, ForeignKey, String, Table, Text

from app.store.columns import UtcTime, metadata

# What programs asked for below /v1, in OpenAI's words, which a job's own do not keep.
openai_requests = Table(
    "openai_requests",
    metadata,
    Column("job", String, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("body", Text, nullable=False),
    sqlite_with_rowid=False,
)

# A name never changes its meaning: a row that is withdrawn stays.
model_aliases = Table(
    "model_aliases",
    metadata,
    Column("name", String, primary_key=True),
    Column("target", String, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("withdrawn_at", UtcTime),
    sqlite_with_rowid=False,
)
