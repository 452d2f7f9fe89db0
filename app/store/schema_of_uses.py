"""The table of what uses which dataset, as `schema` has the others. SQLite fills it by itself (migration 0025)."""

from sqlalchemy import Column, ForeignKey, String, Table

from app.store.columns import metadata

# The project is the job's: who may see it is decided without a look at the job, for there may be a hundred thousand.
job_datasets = Table(
    "job_datasets",
    metadata,
    Column("dataset", String, ForeignKey("datasets.id"), primary_key=True),
    Column("job", String, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("project", String, ForeignKey("projects.id"), nullable=False),
    sqlite_with_rowid=False,
)
