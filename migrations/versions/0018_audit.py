"""The audit: entries that are added and never changed; the database itself refuses everything else."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

TRIGGERS = (
    (
        "CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit "
        "BEGIN SELECT RAISE(ABORT, 'the audit is added to, and never changed'); END"
    ),
    # What is older than the horizon may go; the horizon itself only moves forward, one chain of hashes after another.
    (
        "CREATE TRIGGER audit_is_not_shortened BEFORE DELETE ON audit "
        "WHEN OLD.number > (SELECT number FROM audit_horizon WHERE id = 1) "
        "BEGIN SELECT RAISE(ABORT, 'the audit is added to, and never changed'); END"
    ),
    (
        "CREATE TRIGGER audit_has_no_gaps BEFORE INSERT ON audit "
        "WHEN NEW.number <> 1 + MAX((SELECT number FROM audit_horizon WHERE id = 1), "
        "IFNULL((SELECT MAX(number) FROM audit), 0)) "
        "BEGIN SELECT RAISE(ABORT, 'the audit is added to at its end'); END"
    ),
    (
        "CREATE TRIGGER audit_horizon_moves_forward BEFORE UPDATE ON audit_horizon "
        "WHEN NEW.number < OLD.number OR NEW.id <> OLD.id "
        "OR NEW.hash <> IFNULL((SELECT hash FROM audit WHERE number = NEW.number), OLD.hash) "
        "BEGIN SELECT RAISE(ABORT, 'the horizon of the audit moves forward'); END"
    ),
    (
        "CREATE TRIGGER audit_horizon_stays BEFORE DELETE ON audit_horizon "
        "BEGIN SELECT RAISE(ABORT, 'the horizon of the audit stays'); END"
    ),
)


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("request", sa.String(), nullable=False),
        sa.Column("peer", sa.String(), nullable=False),
        sa.Column("verb", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("noun", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("given", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit"),
    )
    op.create_index("ix_audit_actor", "audit", ["actor", "number"])
    op.create_index("ix_audit_subject", "audit", ["subject", "number"])
    op.create_table(
        "audit_horizon",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.CheckConstraint("id = 1", name="ck_audit_horizon_one"),
        sa.PrimaryKeyConstraint("id", name="pk_audit_horizon"),
    )
    op.execute(sa.text("INSERT INTO audit_horizon (id, number, hash) VALUES (1, 0, :first)").bindparams(first="0" * 64))
    if op.get_bind().dialect.name == "sqlite":
        for trigger in TRIGGERS:
            op.execute(trigger)


def downgrade() -> None:
    for name in ("is_not_changed", "is_not_shortened", "has_no_gaps", "horizon_moves_forward", "horizon_stays"):
        op.execute(f"DROP TRIGGER IF EXISTS audit_{name}")
    op.drop_table("audit_horizon")
    op.drop_table("audit")
