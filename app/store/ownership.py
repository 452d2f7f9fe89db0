"""To whom a thing belongs, whatever kind it is: its project, or its maker where it is in none."""

from sqlalchemy import Column, func, select

from app.store import schema
from app.store.database import Reader
from app.store.sight import EVERYTHING

_TABLES = {
    "projects": (schema.projects, schema.projects.c.id),
    "jobs": (schema.jobs, schema.jobs.c.project),
    "models": (schema.models, schema.models.c.project),
    "datasets": (schema.datasets, schema.datasets.c.project),
    "evaluations": (schema.evaluations, schema.evaluations.c.project),
    "deployments": (schema.deployments, schema.deployments.c.project),
    "drafts": (schema.drafts, func.json_extract(schema.drafts.c.answers, "$.project")),
}
NOUNS = frozenset(_TABLES)

# How the ids of each begin.
_NOUNS = {
    "prj": "projects", "job": "jobs", "mdl": "models", "ds": "datasets", "evl": "evaluations", "dep": "deployments",
    "dft": "drafts",
}  # fmt: skip


def hidden(tx: Reader, identifier: str) -> str:
    """Return what kind of thing it is that there is and the reader does not see; "" for every other id."""
    noun = _NOUNS.get(identifier.partition("_")[0])
    if noun is None:
        return ""
    table, _project = _TABLES[noun]
    known: Column[str] = table.c.id
    query = select(known).where(known == identifier)
    unseen = tx.scalar(query) is None and tx.scalar(query, execution_options=EVERYTHING) is not None
    return noun.removesuffix("s") if unseen else ""


def project_of(tx: Reader, noun: str, identifier: str) -> tuple[str | None] | None:
    """Return (the project of a thing,), with None in it for a thing in no project; None where the reader sees none.

    Raises:
        KeyError: for a noun whose things belong to nobody.
    """
    table, project = _TABLES[noun]
    known: Column[str] = table.c.id
    row = tx.execute(select(project).where(known == identifier)).first()
    return None if row is None else (row[0],)
