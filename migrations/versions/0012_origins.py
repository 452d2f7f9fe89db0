"""Datasets know the files that their rows were made from; older ones are what was brought."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("datasets", sa.Column("origins", sa.Text(), nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("datasets", "origins")
