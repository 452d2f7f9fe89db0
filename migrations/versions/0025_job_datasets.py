"""Which datasets a job names, and the parts made for it, by dataset: its users are counted without a look at all jobs.

The database keeps it itself: a job's spec never changes, and its parts are written with the rest of its row.
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

# Of a job {0}: every dataset that it names, and of a part that was made from one (later versions are none) that one.
_USED = """
INSERT OR IGNORE INTO job_datasets (dataset, job, project)
SELECT used.id, {0}.id, {0}.project {1}
JOIN datasets named ON named.id = each.value
JOIN datasets used ON used.id IN (named.id, CASE WHEN named.made_by NOT LIKE 'edit:%' THEN named.parent END)
"""
_NAMED = """json_each(json_array(
{0}.training_dataset,
json_extract({0}.spec, '$.validation.dataset'), json_extract({0}.spec, '$.test_dataset'),
json_extract({0}.parts, '$.training'), json_extract({0}.parts, '$.validation'), json_extract({0}.parts, '$.test')
)) AS each"""
_OF_NEW = _USED.format("NEW", "FROM " + _NAMED.format("NEW"))
_OF_ALL = _USED.format("jobs", "FROM jobs JOIN " + _NAMED.format("jobs"))
_TRIGGERS = {
    "job_datasets_of_a_new_job": f"AFTER INSERT ON jobs BEGIN {_OF_NEW}; END",
    "job_datasets_of_its_parts": f"AFTER UPDATE OF parts ON jobs WHEN NEW.parts IS NOT OLD.parts BEGIN {_OF_NEW}; END",
}


def upgrade() -> None:
    op.create_table(
        "job_datasets",
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("project", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["dataset"], ["datasets.id"], name="fk_job_datasets_dataset_datasets"),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name="fk_job_datasets_job_jobs", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name="fk_job_datasets_project_projects"),
        sa.PrimaryKeyConstraint("dataset", "job", name="pk_job_datasets"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_evaluations_dataset", "evaluations", ["dataset", "id"])
    op.create_index("ix_evaluations_examples", "evaluations", ["few_shot_dataset", "id"])
    if op.get_bind().dialect.name == "sqlite":  # as 0018
        op.execute(_OF_ALL)
        for name, body in _TRIGGERS.items():
            op.execute(f"CREATE TRIGGER {name} {body}")


def downgrade() -> None:
    for name in _TRIGGERS:
        op.execute(f"DROP TRIGGER IF EXISTS {name}")
    op.drop_index("ix_evaluations_examples", "evaluations")
    op.drop_index("ix_evaluations_dataset", "evaluations")
    op.drop_table("job_datasets")
