"""Jobs can be paused, for which it counts when people said what they want, and are found by their metadata."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("goal_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "job_metadata",
        sa.Column("job", sa.String(), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("key", sa.String(), primary_key=True),
        sa.Column("value", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_job_metadata_pair", "job_metadata", ["key", "value", "job"])


def downgrade() -> None:
    op.drop_table("job_metadata")
    op.drop_column("jobs", "goal_at")
