"""Who uses what, in the database: datasets by the jobs and evaluations that name them or their parts."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    CompoundSelect,
    Integer,
    Select,
    String,
    Table,
    and_,
    bindparam,
    func,
    literal,
    or_,
    select,
    union_all,
)

from app.domain.datasets import UseCount
from app.store import schema
from app.store.database import Reader
from app.store.sight import EVERYTHING

_D, _U, _E = schema.datasets, schema.job_datasets, schema.evaluations
_PART = _D.c.made_by.not_like("edit:%")  # a later version has users of its own
_NAMED = (_E.c.dataset, _E.c.few_shot_dataset)


# Made once: to put them together costs more than to ask them, and the list of datasets asks again and again.
@cache
def _counted() -> CompoundSelect[Any]:
    """Return the question how many jobs and evaluations use the datasets `asked`, or parts made from them."""
    asked: BindParameter[str] = bindparam("asked", expanding=True)
    themselves = select(_D.c.id.label("member"), _D.c.id.label("root")).where(_D.c.id.in_(asked))
    made = select(_D.c.id, _D.c.parent).where(_D.c.parent.in_(asked), _PART)
    family = union_all(themselves, made).subquery("family")
    found = (select(family.c.root, _E.c.id).join_from(family, _E, each == family.c.member) for each in _NAMED)
    evaluated = union_all(*found).subquery("evaluated")
    return union_all(
        select(_U.c.dataset, literal("jobs"), func.count()).where(_U.c.dataset.in_(asked)).group_by(_U.c.dataset),
        select(evaluated.c.root, literal("evaluations"), func.count(evaluated.c.id.distinct())).group_by(
            evaluated.c.root
        ),
    )


@cache
def _newest_jobs() -> Select[Any]:
    newest = select(_U.c.job).where(_U.c.dataset == bindparam("asked")).order_by(_U.c.job.desc())
    return newest.limit(bindparam("most", type_=Integer))


@cache
def _newest_evaluations() -> Select[Any]:
    asked = bindparam("asked", type_=String)
    members = select(_D.c.id).where(or_(_D.c.id == asked, and_(_D.c.parent == asked, _PART)))
    newest = select(_E.c.id).where(or_(*(each.in_(members) for each in _NAMED))).order_by(_E.c.id.desc())
    return newest.limit(bindparam("most", type_=Integer))


def counts(tx: Reader, identifiers: Sequence[str]) -> dict[str, UseCount]:
    """Return how many jobs and evaluations use each dataset or a part made from it; unused ones are left out."""
    found: dict[str, dict[str, int]] = {}
    for root, noun, count in tx.execute(_counted(), {"asked": list(identifiers)}):
        found.setdefault(root, {})[noun] = count
    return {root: UseCount(**by_noun) for root, by_noun in found.items()}


def is_used(tx: Reader, identifier: str) -> bool:
    """Return whether anything uses a dataset or a part made from it, what the reader does not see included."""
    return tx.execute(_counted(), {"asked": [identifier]}, execution_options=EVERYTHING).first() is not None


def users(tx: Reader, identifier: str, *, limit: int) -> Mapping[str, Sequence[str]]:
    """Return the ids of the newest jobs and evaluations that use a dataset or a part made from it, by their noun."""
    asked = {"asked": identifier, "most": limit}
    newest = {"jobs": _newest_jobs(), "evaluations": _newest_evaluations()}
    return {noun: tx.scalars(query, asked).all() for noun, query in newest.items()}


def holders(tx: Reader, column: str, identifier: str, *tables: Table) -> dict[str, int]:
    """Return how many jobs, and how many rows of further tables, have an id in a column: of a project, a connection."""
    kept = schema.job_counts.c
    asked = {"jobs": select(func.coalesce(func.sum(kept.jobs), 0)).where(kept[column] == identifier)}
    for table in tables:
        asked[table.name] = select(func.count()).select_from(table).where(table.c[column] == identifier)
    return {name: tx.execute(query).scalar_one() for name, query in asked.items()}
