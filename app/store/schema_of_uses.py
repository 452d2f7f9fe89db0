"""The tables of what uses which dataset and of how many jobs there are, as `schema` has the others.

SQLite keeps them by itself (migrations 0025 and 0026).
"""

from sqlalchemy import Column, ForeignKey, Integer, String, Table

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

job_counts = Table(
    "job_counts",
    metadata,
    Column("project", String, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    Column("connection", String, ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True),
    Column("status", String, primary_key=True),
    Column("jobs", Integer, nullable=False),
    sqlite_with_rowid=False,
)
