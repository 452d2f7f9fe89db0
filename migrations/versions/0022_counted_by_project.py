"""The index that jobs are counted by says to which project each belongs."""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_NAME, _COLUMNS = "ix_jobs_status_created", ["status", "created_at", "id"]


def upgrade() -> None:
    op.drop_index(_NAME, "jobs")
    op.create_index(_NAME, "jobs", [*_COLUMNS, "project"])


def downgrade() -> None:
    op.drop_index(_NAME, "jobs")
    op.create_index(_NAME, "jobs", _COLUMNS)
