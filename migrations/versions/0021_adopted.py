"""Files and jobs that were made elsewhere on an account, adopted into the record."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("adopted", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("models", sa.Column("kept_there", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "adopted_files",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("remote_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection"], ["connections.id"], name="fk_adopted_files_connection_connections", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["dataset"], ["datasets.id"], name="fk_adopted_files_dataset_datasets", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("connection", "remote_id", name="pk_adopted_files"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_adopted_files_dataset", "adopted_files", ["dataset"])


def downgrade() -> None:
    op.drop_table("adopted_files")
    op.drop_column("models", "kept_there")
    op.drop_column("jobs", "adopted")
