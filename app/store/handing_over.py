"""What was made while there were no accounts is given to a project, once there are."""

from sqlalchemy import Table, func, update

from app.domain.actors import OWNER
from app.store import schema
from app.store.database import Writer

_IN_NONE: tuple[Table, ...] = (schema.datasets, schema.evaluations, schema.deployments)


def give(tx: Writer, *, project: str, person: str) -> int:
    """Give a project what is in none and nobody's own, and return how many things that were.

    What somebody has made since for themselves stays theirs.
    """
    given = 0
    for table in _IN_NONE:
        nobodys = (table.c.project.is_(None), table.c.created_by.in_(["", OWNER.id]))
        given += tx.execute(update(table).where(*nobodys).values(project=project)).rowcount
    drafts = schema.drafts
    open_ended = (
        func.json_extract(drafts.c.answers, "$.project").is_(None),
        drafts.c.created_by.in_(["", OWNER.id]),
    )
    answers = func.json_set(drafts.c.answers, "$.project", project)
    return given + tx.execute(update(drafts).where(*open_ended).values(answers=answers, created_by=person)).rowcount
