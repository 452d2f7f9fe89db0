"""A teardown is a row that falls due: models get what the engine needs of a row; those under way are due at once."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def columns() -> tuple[sa.Column[object], ...]:
    """Return what the engine needs of a row."""
    return (
        sa.Column("note", sa.Text(), nullable=False, server_default=""),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("troubled_since", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.Float(), nullable=True),
        sa.Column("lease_token", sa.String(), nullable=True),
        sa.Column("lease_until", sa.Float(), nullable=True),
        sa.Column("gen", sa.Integer(), nullable=False, server_default="0"),
    )


def upgrade() -> None:
    for column in columns():
        op.add_column("models", column)
    op.create_index("ix_models_due", "models", ["due_at"], sqlite_where=sa.text("due_at IS NOT NULL"))
    op.execute("UPDATE models SET due_at = 0 WHERE status = 'deleting'")


def downgrade() -> None:
    op.drop_index("ix_models_due", "models")
    for column in columns():
        op.drop_column("models", column.name)
