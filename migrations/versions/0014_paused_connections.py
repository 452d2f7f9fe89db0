"""A paused connection is a row that falls due: it looks again by itself; those that are paused look at once."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
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
        op.add_column("connections", column)
    op.create_index("ix_connections_due", "connections", ["due_at"], sqlite_where=sa.text("due_at IS NOT NULL"))
    op.execute("UPDATE connections SET due_at = 0 WHERE paused_reason IS NOT NULL")


def downgrade() -> None:
    op.drop_index("ix_connections_due", "connections")
    for column in columns():
        op.drop_column("connections", column.name)
