"""The index in which a search of jobs is counted: all that it looks at, without the long columns of a row."""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_NAME = "ix_jobs_searched"
_COLUMNS = ["status", "name", "base_model", "id", "project", "training_dataset", "fine_tuned_model"]


def upgrade() -> None:
    # A key of PostgreSQL's indexes takes 2,704 bytes, which a path among these may have on its own.
    if op.get_bind().dialect.name == "sqlite":
        op.create_index(_NAME, "jobs", _COLUMNS)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.drop_index(_NAME, "jobs")
