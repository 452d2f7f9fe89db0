"""What a job's page shows of several tables, in one statement each: a statement costs more than the rows it brings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, select

from app.domain.connections import Connection
from app.domain.deployments import Deployment, DeploymentStatus
from app.domain.hyperparameters import Hyperparameter
from app.domain.jobs import FineTuningJob
from app.domain.models import FineTunedModel
from app.domain.projects import Project
from app.store import connections, deployments, jobs, models, projects, schema
from app.store.database import Reader
from app.store.mapping import Mapper

_J = schema.jobs
_O = _J.alias("original")
Sent = Mapping[str, Hyperparameter] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A job, where it belongs, and the one that it repeats; `sent` are the parameters as the backends took them."""

    job: FineTuningJob
    connection: Connection
    project: Project
    original: FineTuningJob | None
    sent: Mapping[str, Sent]


@cache
def _head() -> Select[Any]:
    of_original = [_O.c[str(column.key)] for column in jobs.MAPPER.query.selected_columns]
    wanted = [_J.c.sent, _O.c.sent, *jobs.MAPPER.query.selected_columns, *connections.MAPPER.query.selected_columns]
    query = select(*wanted, *projects.MAPPER.query.selected_columns, *of_original).select_from(_J)
    query = query.join(schema.connections, schema.connections.c.id == _J.c.connection)
    query = query.join(schema.projects, schema.projects.c.id == _J.c.project)
    return query.outerjoin(_O, _O.c.id == _J.c.cloned_from).where(_J.c.id == bindparam("wanted"))


def head(tx: Reader, identifier: str) -> Head | None:
    """Return what stands above every part of a job's page; None where there is no such job."""
    row = tx.execute(_head(), {"wanted": identifier}).first()
    if row is None:
        return None
    parts = _split(row, 2, jobs.MAPPER, connections.MAPPER, projects.MAPPER, jobs.MAPPER)
    job, connection, project = (mapper.make(part) for mapper, part in parts[:3])
    mapper, cells = parts[3]
    original = None if cells[0] is None else mapper.make(cells)
    sent = {job.id: jobs.sent_in(row[0])}
    if original is not None:
        sent[original.id] = jobs.sent_in(row[1])
    return Head(job=job, connection=connection, project=project, original=original, sent=sent)


def _split(row: Sequence[Any], begin: int, *mappers: Mapper[Any]) -> list[tuple[Mapper[Any], Sequence[Any]]]:
    """Return each mapper with its cells of a row."""
    found = []
    for mapper in mappers:
        found.append((mapper, row[begin : begin + mapper.width]))
        begin += mapper.width
    return found


@cache
def _made() -> Select[Any]:
    served = schema.deployments
    there = (served.c.model == schema.models.c.id) & (served.c.status != DeploymentStatus.DELETED.value)
    query = select(*models.MAPPER.query.selected_columns, *deployments.MAPPER.query.selected_columns)
    query = query.select_from(schema.models).outerjoin(served, there).where(schema.models.c.job == bindparam("wanted"))
    return query.order_by(schema.models.c.created_at, schema.models.c.id, served.c.created_at, served.c.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The models that a job has made, its result first, and their deployments that are not deleted, oldest first."""

    models: Sequence[FineTunedModel]
    deployments: Sequence[Deployment]


def made(tx: Reader, identifier: str) -> Made:
    """Return what a job has made."""
    tuned: dict[str, FineTunedModel] = {}
    served = []
    for row in tx.execute(_made(), {"wanted": identifier}):
        (_, model), (_, deployment) = _split(row, 0, models.MAPPER, deployments.MAPPER)
        tuned.setdefault(model[0], models.MAPPER.make(model))
        if deployment[0] is not None:
            served.append(deployments.MAPPER.make(deployment))
    return Made(models=list(tuned.values()), deployments=served)
