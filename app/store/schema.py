"""The tables. Times are whole microseconds since 1970 in UTC; structured values are JSON text."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from app.store.columns import UtcTime, identifier, leases, maker, metadata
from app.store.schema_of_installation import counters, idempotency, own_prices
from app.store.schema_of_openai import model_aliases, openai_requests
from app.store.schema_of_uses import job_counts, job_datasets

__all__ = [
    "counters",
    "idempotency",
    "job_counts",
    "job_datasets",
    "model_aliases",
    "openai_requests",
    "own_prices",
]  # ask for them here, as for all tables

projects = Table(
    "projects",
    metadata,
    identifier(),
    Column("name", String, nullable=False, unique=True),
    Column("description", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
)

connections = Table(
    "connections",
    metadata,
    identifier(),
    Column("name", String, nullable=False),
    Column("backend", String, nullable=False),
    Column("settings", Text, nullable=False),
    Column("sealed", Text),  # its secrets, encrypted for this row
    Column("slots", Integer, nullable=False),
    Column("openai_spending", Integer),  # whether programs may spend there through /v1; None: where nothing is billed
    Column("paused_reason", Text),
    Column("doctor", Text),
    Column("created_at", UtcTime, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("troubled_since", UtcTime, key="failing_since"),  # the first of the attempts that failed
    *leases(),
    CheckConstraint("slots >= 1", name="slots"),
    Index("ix_connections_due", "due_at", sqlite_where=text("due_at IS NOT NULL")),
)

datasets = Table(
    "datasets",
    metadata,
    identifier(),
    Column("family", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("parent", String),
    Column("made_by", String, nullable=False),
    Column("name", String, nullable=False),
    Column("filename", String, nullable=False),
    Column("project", String, ForeignKey("projects.id")),
    Column("status", String, nullable=False),
    Column("format", String, nullable=False),
    Column("rows", Integer),
    Column("errors", Integer),
    Column("warnings", Integer),
    Column("tokens", Integer),
    Column("bytes", Integer, nullable=False),
    Column("sha256", String, nullable=False),
    Column("report", Text),  # DatasetReport without its findings
    Column("origins", Text, nullable=False, server_default="[]"),
    Column("created_at", UtcTime, nullable=False),
    maker(),
    *leases(),
    UniqueConstraint("family", "version"),
    Index("ix_datasets_parent_made_by", "parent", "made_by"),
    Index("ix_datasets_created", "created_at", "id"),
    Index("ix_datasets_sha256", "sha256"),
    Index("ix_datasets_due", "due_at", sqlite_where=text("due_at IS NOT NULL")),
)

column_mappings = Table(
    "column_mappings",
    metadata,
    Column("project", String, primary_key=True),  # "" for none
    Column("columns", String, primary_key=True),  # SHA-256 of the columns' names, sorted
    Column("body", Text, nullable=False),  # ColumnMapping
    Column("updated_at", UtcTime, nullable=False),
    sqlite_with_rowid=False,
)

findings = Table(
    "findings",
    metadata,
    Column("dataset", String, ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("rule", String, nullable=False),
    Column("severity", String, nullable=False),
    Column("body", Text, nullable=False),
    sqlite_with_rowid=False,
)

drafts = Table(
    "drafts",
    metadata,
    identifier(),
    Column("revision", Integer, nullable=False),
    Column("answers", Text, nullable=False),
    Column("visited", Text, nullable=False),
    Column("job", String, ForeignKey("jobs.id")),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    maker(),
    Index("ix_drafts_updated", "updated_at", "id"),
)

_SEARCHED = ("name", "base_model", "project", "training_dataset", "fine_tuned_model")  # beside a job's id
jobs = Table(
    "jobs",
    metadata,
    identifier(),
    Column("project", String, ForeignKey("projects.id"), nullable=False),
    Column("connection", String, ForeignKey("connections.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("base_model", String, nullable=False),
    Column("training_dataset", String, ForeignKey("datasets.id"), nullable=False),
    Column("spec", Text, nullable=False),
    Column("goal", String, nullable=False),
    Column("goal_at", UtcTime),
    Column("status", String, nullable=False),
    Column("reason", String),
    Column("message", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("raw_status", Text, nullable=False),
    Column("observed_at", UtcTime),
    Column("remote_id", String),
    Column("parts", Text),
    Column("progress", Text, nullable=False),
    Column("sent", Text),
    Column("cursor", Text),
    Column("fine_tuned_model", String),
    Column("submit_started_at", UtcTime),
    Column("resumptions", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("troubled_since", UtcTime, key="failing_since"),  # the first of the attempts that failed
    Column("cloned_from", String),
    # The place in the line, lower first: when it was made, in microseconds, until somebody moves it.
    Column("queue_rank", BigInteger, nullable=False, server_default="0"),
    Column("created_at", UtcTime, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
    Column("started_at", UtcTime),
    Column("ended_at", UtcTime),
    *leases(),
    Column("bill", Text),  # what it was to be billed for when it was submitted
    maker(),
    Column("adopted", Integer, nullable=False, server_default="0"),
    Index("ix_jobs_created", "created_at", "id"),
    # The project stands in it so that whoever sees some projects alone is counted for out of the index, too.
    Index("ix_jobs_status_created", "status", "created_at", "id", "project"),
    Index("ix_jobs_project_created", "project", "created_at", "id"),
    Index("ix_jobs_connection_status", "connection", "status"),
    Index("ix_jobs_turns", "connection", "created_by", "submit_started_at"),
    # All that a search looks at: finding and counting what fits reads no row, which costs a third at 100,000 jobs.
    Index("ix_jobs_searched", "status", "created_at", "id", *_SEARCHED).ddl_if(dialect="sqlite"),
    Index("ix_jobs_found", "created_at", "id", *_SEARCHED).ddl_if(dialect="sqlite"),
    # Only open jobs fall due; the index stays small however many are finished.
    Index("ix_jobs_due", "due_at", sqlite_where=text("due_at IS NOT NULL")),
)

# What stands in the jobs' specs once more, to be looked up: jobs without any metadata have no row.
job_metadata = Table(
    "job_metadata",
    metadata,
    Column("job", String, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("key", String, primary_key=True),
    Column("value", Text, nullable=False),
    Index("ix_job_metadata_pair", "key", "value", "job"),
    sqlite_with_rowid=False,
)

series = Table(
    "series",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job", String, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("name", String, nullable=False),
    Column("tail", Integer, nullable=False, server_default="0"),  # points in `metrics`, at most
    Column("packed_through", Integer),  # the last step in `metric_chunks`
    Column("last_step", Integer),
    Column("last_value", Float),
    Column("curve", LargeBinary),  # a few points for lists
    UniqueConstraint("job", "name"),
)

metrics = Table(
    "metrics",
    metadata,
    Column("series", Integer, ForeignKey("series.id", ondelete="CASCADE"), primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("value", Float),
    sqlite_with_rowid=False,
)

# Points that are packed: their steps and their values as arrays of 64-bit numbers.
metric_chunks = Table(
    "metric_chunks",
    metadata,
    Column("series", Integer, ForeignKey("series.id", ondelete="CASCADE"), primary_key=True),
    Column("first", Integer, primary_key=True),
    Column("last", Integer, nullable=False),
    Column("steps", LargeBinary, nullable=False),
    Column("numbers", LargeBinary, nullable=False),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("job", String, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("remote_id", String, nullable=False),
    Column("epoch", Float),
    Column("train_loss", Float),
    Column("validation_loss", Float),
    Column("best", Integer, nullable=False),
    Column("present", Integer, nullable=False),
    sqlite_with_rowid=False,
)

samples = Table(
    "samples",
    metadata,
    Column("job", String, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("prompt", Text, nullable=False),
    Column("expected", Text, nullable=False),
    Column("answer", Text, nullable=False),
    sqlite_with_rowid=False,
)

models = Table(
    "models",
    metadata,
    identifier(),
    Column("name", String, nullable=False),
    Column("job", String, ForeignKey("jobs.id")),
    Column("project", String, ForeignKey("projects.id"), nullable=False),
    Column("connection", String, ForeignKey("connections.id"), nullable=False),
    Column("base_model", String, nullable=False),
    Column("remote_id", String, nullable=False),
    Column("adapter", String, nullable=False),
    Column("status", String, nullable=False),
    Column("size_bytes", Integer),
    Column("checkpoint_step", Integer),
    Column("created_at", UtcTime, nullable=False),
    Column("deleted_at", UtcTime),
    Column("note", Text, nullable=False, server_default=""),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("troubled_since", UtcTime, key="failing_since"),  # the first of the attempts that failed
    *leases(),
    Column("kept_there", Integer, nullable=False, server_default="0"),
    UniqueConstraint("connection", "remote_id"),
    Index("ix_models_created", "created_at", "id"),
    Index("ix_models_job", "job"),
    Index("ix_models_due", "due_at", sqlite_where=text("due_at IS NOT NULL")),
)

deployments = Table(
    "deployments",
    metadata,
    identifier(),
    Column("name", String, nullable=False),
    Column("connection", String, ForeignKey("connections.id"), nullable=False),
    Column("base_model", String, nullable=False),
    Column("model", String, ForeignKey("models.id")),
    Column("goal", String, nullable=False),
    Column("status", String, nullable=False),
    Column("reason", String),
    Column("message", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("raw_status", Text, nullable=False),
    Column("observed_at", UtcTime),
    Column("endpoint", Text),
    Column("region", String),
    Column("content_safety", Integer, nullable=False),
    Column("options", Text, nullable=False),
    Column("expires_after_idle_s", Integer),
    Column("expires_at", UtcTime),
    Column("last_used_at", UtcTime),
    Column("requests", Integer, nullable=False),
    Column("errors", Integer, nullable=False),
    Column("refusals", Integer, nullable=False),
    Column("latencies", Text, nullable=False),  # the last 1,000 answers' milliseconds, as JSON
    Column("restarts", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("troubled_since", UtcTime, key="failing_since"),  # the first of the attempts that failed
    Column("created_at", UtcTime, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
    Column("ready_at", UtcTime),
    Column("ended_at", UtcTime),
    *leases(),
    Column("bill", Text),  # what each hour of it is billed for
    Column("key_sha256", String),  # of the key with which programs ask it; None before it is first wanted
    Column("sealed_key", Text),  # the same key, encrypted for this row
    Column("project", String),  # its model's
    maker(),
    Index("ix_deployments_created", "created_at", "id"),
    Index("ix_deployments_status", "status"),
    Index("ix_deployments_model", "model"),
    Index("ix_deployments_due", "due_at", sqlite_where=text("due_at IS NOT NULL")),
)

evaluations = Table(
    "evaluations",
    metadata,
    identifier(),
    Column("connection", String, ForeignKey("connections.id"), nullable=False),
    Column("base_model", String, nullable=False),
    Column("model", String, ForeignKey("models.id")),
    Column("dataset", String, ForeignKey("datasets.id"), nullable=False),
    Column("project", String, ForeignKey("projects.id")),
    Column("job", String, ForeignKey("jobs.id")),
    Column("system_prompt", Text),
    Column("few_shot", Integer, nullable=False),
    Column("few_shot_dataset", String),
    Column("selection_biased", Integer, nullable=False),
    Column("goal", String, nullable=False),
    Column("status", String, nullable=False),
    Column("reason", String),
    Column("message", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("done_rows", Integer, nullable=False),
    Column("total_rows", Integer),
    Column("metrics", Text),
    Column("attempts", Integer, nullable=False),
    Column("troubled_since", UtcTime, key="failing_since"),  # the first of the attempts that failed
    Column("created_at", UtcTime, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
    Column("started_at", UtcTime),
    Column("ended_at", UtcTime),
    *leases(),
    Column("rendering", Integer),
    Column("model_hash", String),
    Column("not_reused", Text, nullable=False, server_default=""),
    maker(),
    Index("ix_evaluations_created", "created_at", "id"),
    Index("ix_evaluations_job", "job"),
    Index("ix_evaluations_dataset", "dataset", "id"),
    Index("ix_evaluations_examples", "few_shot_dataset", "id"),
    Index("ix_evaluations_connection_status", "connection", "status"),
    Index("ix_evaluations_due", "due_at", sqlite_where=text("due_at IS NOT NULL")),
)

evaluation_rows = Table(
    "evaluation_rows",
    metadata,
    Column("evaluation", String, ForeignKey("evaluations.id", ondelete="CASCADE"), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("prompt", Text, nullable=False),
    Column("expected", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("correct", Integer, nullable=False),
    Column("loss", Float),
    Column("ended", Integer),
    Column("margin", Float),
    sqlite_with_rowid=False,
)

events = Table(
    "events",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("subject", String, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("level", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("message", Text, nullable=False),
    Column("remote_id", String),
    Column("actor", String, nullable=False, server_default=""),  # who did it; "" where a provider told it
    Index("ix_events_subject", "subject", "number"),
    Index("uq_events_remote", "subject", "remote_id", unique=True, sqlite_where=text("remote_id IS NOT NULL")),
    sqlite_autoincrement=True,
)
