"""Programs written for OpenAI: what they asked for, aliases of models, and where they may spend."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("connections", sa.Column("openai_spending", sa.Integer(), nullable=True))
    op.create_table(
        "openai_requests",
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name="fk_openai_requests_job_jobs", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job", name="pk_openai_requests"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "model_aliases",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_model_aliases"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("model_aliases")
    op.drop_table("openai_requests")
    op.drop_column("connections", "openai_spending")
