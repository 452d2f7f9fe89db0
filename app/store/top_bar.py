"""What stands around every page, in one statement: every page asks for it, and a statement costs more than a row."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Integer,
    String,
    bindparam,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    type_coerce,
    union_all,
)

from app.domain.deployments import DeploymentStatus
from app.domain.jobs import OPEN, JobStatus
from app.domain.prices import Bill
from app.domain.projects import ProjectName
from app.store import prices, schema
from app.store.database import Reader

_JOB, _DEPLOYMENT, _PROJECT = "job", "deployment", "project"
_HOSTED = (DeploymentStatus.CREATING, DeploymentStatus.READY, DeploymentStatus.DELETING)


@dataclass(slots=True)
class TopBar:
    """Jobs under way by status, the bill of each deployment that is there, and the newest projects, newest first.

    A project that was asked for stands behind these where it is not one of them.
    """

    open_jobs: dict[JobStatus, int] = field(default_factory=dict)
    bills: list[Bill] = field(default_factory=list)
    projects: list[ProjectName] = field(default_factory=list)


def _asked() -> CompoundSelect[Any]:
    jobs, deployments, projects = schema.jobs.c, schema.deployments.c, schema.projects.c
    newest = select(projects.id).order_by(projects.created_at.desc(), projects.id.desc()).limit(bindparam("most"))
    age = type_coerce(projects.created_at, Integer)
    return union_all(
        select(literal(_JOB), jobs.status, cast(func.count(), String), null())
        .where(jobs.status.in_([each.value for each in OPEN]))
        .group_by(jobs.status),
        select(literal(_DEPLOYMENT), null(), deployments.bill, null()).where(
            deployments.status.in_([each.value for each in _HOSTED])
        ),
        select(literal(_PROJECT), projects.id, projects.name, age).where(
            or_(projects.id.in_(newest), projects.id == bindparam("chosen"))
        ),
    )


_ASKED = _asked()  # made once: to put it together costs more than to ask it


def read(tx: Reader, *, projects: int, chosen: str = "") -> TopBar:
    """Return it with so many projects, and with the one of the id `chosen`."""
    found = TopBar()
    named: list[tuple[int, str, str]] = []
    for kind, key, value, age in tx.execute(_ASKED, {"most": projects, "chosen": chosen}):
        if kind == _JOB:
            found.open_jobs[JobStatus(key)] = int(value)
        elif kind == _DEPLOYMENT:
            found.bills.append(prices.bill(value))
        else:
            named.append((age, key, value))
    found.projects = [ProjectName(identifier, name) for _age, identifier, name in sorted(named, reverse=True)]
    return found
