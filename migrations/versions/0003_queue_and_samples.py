"""A place in the line that can be changed, and what models in training answer."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Give every job the place that its age gave it so far."""
    op.add_column("jobs", sa.Column("queue_rank", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute("UPDATE jobs SET queue_rank = created_at")
    op.create_table(
        "samples",
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("expected", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name=op.f("fk_samples_job_jobs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job", "step", "number", name=op.f("pk_samples")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Forget both."""
    op.drop_table("samples")
    # In place: a batch would make the table anew, and with the old one everything would go that hangs on its rows.
    op.drop_column("jobs", "queue_rank")
