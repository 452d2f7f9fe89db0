"""Evaluations know what answered, and why an earlier one was not taken over; their rows know how they ended."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("evaluations", sa.Column("rendering", sa.Integer(), nullable=True))
    op.add_column("evaluations", sa.Column("model_hash", sa.String(), nullable=True))
    op.add_column("evaluations", sa.Column("not_reused", sa.Text(), nullable=False, server_default=""))
    op.add_column("evaluation_rows", sa.Column("ended", sa.Integer(), nullable=True))
    op.add_column("evaluation_rows", sa.Column("margin", sa.Float(), nullable=True))


def downgrade() -> None:
    for name in ("margin", "ended"):
        op.drop_column("evaluation_rows", name)
    for name in ("not_reused", "model_hash", "rendering"):
        op.drop_column("evaluations", name)
