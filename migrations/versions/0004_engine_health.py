"""Since when a row is in trouble, and what the engine has counted."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = ("jobs", "deployments", "evaluations")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("troubled_since", sa.BigInteger(), nullable=True))
    op.create_table(
        "counters",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("counters")
    for table in TABLES:
        op.drop_column(table, "troubled_since")
