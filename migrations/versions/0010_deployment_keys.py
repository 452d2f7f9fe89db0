"""A key with which programs ask a deployment at its base address: its hash, and itself sealed. None is made here."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deployments", sa.Column("key_sha256", sa.String(), nullable=True))
    op.add_column("deployments", sa.Column("sealed_key", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("deployments", "sealed_key")
    op.drop_column("deployments", "key_sha256")
