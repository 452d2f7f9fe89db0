"""A bill says that something is free: what was recorded without one is free only where nothing is billed at all.

Other rows without one stay as they are, which reads as unknown: a run from a capsule was recorded without its bill.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_FREE = '{"items":[],"billing":"free"}'


def upgrade() -> None:
    for table in ("jobs", "deployments"):
        op.execute(
            f"UPDATE {table} SET bill = '{_FREE}' WHERE bill IS NULL AND connection IN "  # noqa: S608 - constants
            "(SELECT id FROM connections WHERE backend IN ('local', 'rehearsal'))"
        )


def downgrade() -> None:
    for table in ("jobs", "deployments"):
        op.execute(f"UPDATE {table} SET bill = NULL WHERE bill = '{_FREE}'")  # noqa: S608 - constants
