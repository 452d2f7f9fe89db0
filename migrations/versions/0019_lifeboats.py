"""Lifeboats, and the jobs that they have found."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lifeboats",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("connection", sa.String(), nullable=True),
        sa.Column("project", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("listed", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False, server_default=""),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("failing_since", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.Float(), nullable=True),
        sa.Column("lease_token", sa.String(), nullable=True),
        sa.Column("lease_until", sa.Float(), nullable=True),
        sa.Column("gen", sa.Integer(), nullable=False, server_default="0"),
        sa.ForeignKeyConstraint(
            ["connection"], ["connections.id"], name="fk_lifeboats_connection_connections", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["project"], ["projects.id"], name="fk_lifeboats_project_projects", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_lifeboats"),
    )
    op.create_index("ix_lifeboats_created", "lifeboats", ["created_at", "id"])
    op.create_index("ix_lifeboats_due", "lifeboats", ["due_at"], sqlite_where=sa.text("due_at IS NOT NULL"))
    op.create_table(
        "rescued_jobs",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("lifeboat", sa.String(), nullable=False),
        sa.Column("remote_id", sa.String(), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("training_dataset", sa.String(), nullable=True),
        sa.Column("validation_dataset", sa.String(), nullable=True),
        sa.Column("curves", sa.Text(), nullable=False),
        sa.Column("answers", sa.Text(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["lifeboat"], ["lifeboats.id"], name="fk_rescued_jobs_lifeboat_lifeboats", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["training_dataset"],
            ["datasets.id"],
            name="fk_rescued_jobs_training_dataset_datasets",
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["validation_dataset"],
            ["datasets.id"],
            name="fk_rescued_jobs_validation_dataset_datasets",
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_rescued_jobs"),
        sa.UniqueConstraint("lifeboat", "remote_id", name="uq_rescued_jobs_lifeboat_remote_id"),
    )
    op.create_index("ix_rescued_jobs_created", "rescued_jobs", ["created_at", "id"])


def downgrade() -> None:
    op.drop_table("rescued_jobs")
    op.drop_table("lifeboats")
