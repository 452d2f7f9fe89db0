"""The indexes in which a search of jobs finds its page: in the order of their making, of each status and of all."""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_COUNTED, _FOUND = "ix_jobs_searched", "ix_jobs_found"
_TEXTS = ["name", "base_model", "project", "training_dataset", "fine_tuned_model"]
_BEFORE = ["status", "name", "base_model", "id", "project", "training_dataset", "fine_tuned_model"]


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":  # as 0023
        op.drop_index(_COUNTED, "jobs")
        op.create_index(_COUNTED, "jobs", ["status", "created_at", "id", *_TEXTS])
        op.create_index(_FOUND, "jobs", ["created_at", "id", *_TEXTS])


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.drop_index(_FOUND, "jobs")
        op.drop_index(_COUNTED, "jobs")
        op.create_index(_COUNTED, "jobs", _BEFORE)
