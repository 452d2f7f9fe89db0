"""People, their roles, sessions, tokens and codes; who made a thing, and who did what in the journal."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

MADE = ("datasets", "drafts", "jobs", "deployments", "evaluations")


def upgrade() -> None:
    for table in MADE:
        op.add_column(table, sa.Column("created_by", sa.String(), nullable=False, server_default=""))
    op.create_index("ix_jobs_turns", "jobs", ["connection", "created_by", "submit_started_at"])
    op.add_column("events", sa.Column("actor", sa.String(), nullable=False, server_default=""))
    op.add_column("deployments", sa.Column("project", sa.String(), nullable=True))
    op.execute("UPDATE deployments SET project = (SELECT project FROM models WHERE models.id = deployments.model)")
    make_people()
    make_ways_in()


def make_people() -> None:
    op.create_table(
        "people",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", sa.String(), nullable=False),
        sa.Column("administers", sa.Integer(), nullable=False),
        sa.Column("password", sa.String(), nullable=True),
        sa.Column("issuer", sa.String(), nullable=True),
        sa.Column("subject", sa.String(), nullable=True),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False, server_default=""),
        sa.Column("signed_in_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_people"),
        sa.UniqueConstraint("name_key", name="uq_people_name_key"),
        sa.UniqueConstraint("issuer", "subject", name="uq_people_issuer_subject"),
    )
    op.create_table(
        "members",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("claimed", sa.Integer(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("person", "project", name="pk_members"),
        of_person("members"),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name="fk_members_project_projects", ondelete="CASCADE"),
        sqlite_with_rowid=False,
    )


def make_ways_in() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.UniqueConstraint("sha256", name="uq_sessions_sha256"),
        of_person("sessions"),
    )
    op.create_index("ix_sessions_person", "sessions", ["person"])
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("project", sa.String(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_api_tokens"),
        sa.UniqueConstraint("sha256", name="uq_api_tokens_sha256"),
        of_person("api_tokens"),
        sa.ForeignKeyConstraint(
            ["project"], ["projects.id"], name="fk_api_tokens_project_projects", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_api_tokens_person", "api_tokens", ["person"])
    op.create_table(
        "codes",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_codes"),
        of_person("codes"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sign_in_attempts",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_sign_in_attempts"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "installation",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_installation"),
        sqlite_with_rowid=False,
    )


def of_person(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["person"], ["people.id"], name=f"fk_{table}_person_people", ondelete="CASCADE")


def downgrade() -> None:
    for table in ("installation", "sign_in_attempts", "codes", "api_tokens", "sessions", "members", "people"):
        op.drop_table(table)
    op.drop_column("deployments", "project")
    op.drop_column("events", "actor")
    op.drop_index("ix_jobs_turns", "jobs")
    for table in MADE:
        op.drop_column(table, "created_by")
