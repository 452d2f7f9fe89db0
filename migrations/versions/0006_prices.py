"""Prices that people set here, and the bills of jobs and deployments."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "own_prices",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("price", sa.String(), nullable=False),
        sa.Column("amount", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.Column("set_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection"], ["connections.id"], name="fk_own_prices_connection_connections", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("connection", "price", name="pk_own_prices"),
        sqlite_with_rowid=False,
    )
    op.add_column("jobs", sa.Column("bill", sa.Text(), nullable=True))
    op.add_column("deployments", sa.Column("bill", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("deployments", "bill")
    op.drop_column("jobs", "bill")
    op.drop_table("own_prices")
