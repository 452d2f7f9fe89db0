"""How many jobs a project has at a connection in each status: lists and pages count without a look at the jobs.

The database keeps it itself, whoever writes a job and however.
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_OF_ALL = "INSERT INTO job_counts SELECT project, connection, status, count(*) FROM jobs GROUP BY 1, 2, 3"
_ONE_MORE = (
    "INSERT INTO job_counts VALUES (NEW.project, NEW.connection, NEW.status, 1) "
    "ON CONFLICT (project, connection, status) DO UPDATE SET jobs = jobs + 1"
)
_ONE_LESS = (
    "UPDATE job_counts SET jobs = jobs - 1 "
    "WHERE project = OLD.project AND connection = OLD.connection AND status = OLD.status"
)
_MOVED = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in ("project", "connection", "status"))
_TRIGGERS = {
    "job_counts_of_a_new_job": f"AFTER INSERT ON jobs BEGIN {_ONE_MORE}; END",
    "job_counts_of_a_moved_job": (
        f"AFTER UPDATE OF project, connection, status ON jobs WHEN {_MOVED} BEGIN {_ONE_LESS}; {_ONE_MORE}; END"
    ),
    "job_counts_of_a_job_that_is_gone": f"AFTER DELETE ON jobs BEGIN {_ONE_LESS}; END",
}


def upgrade() -> None:
    op.create_table(
        "job_counts",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("jobs", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project"], ["projects.id"], name="fk_job_counts_project_projects", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["connection"], ["connections.id"], name="fk_job_counts_connection_connections", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("project", "connection", "status", name="pk_job_counts"),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "sqlite":  # as 0018
        op.execute(_OF_ALL)
        for name, body in _TRIGGERS.items():
            op.execute(f"CREATE TRIGGER {name} {body}")


def downgrade() -> None:
    for name in _TRIGGERS:
        op.execute(f"DROP TRIGGER IF EXISTS {name}")
    op.drop_table("job_counts")
