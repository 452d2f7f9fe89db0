"""Who uses what, in the database: datasets by the jobs and evaluations that name them or their parts."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Integer, Select, Subquery, bindparam, func, literal, select, union_all

from app.domain.datasets import UseCount
from app.store import schema
from app.store.database import Reader

_D, _J, _E = schema.datasets, schema.jobs, schema.evaluations
_PART = _D.c.made_by.not_like("edit:%")  # a later version has users of its own


def _references(family: Subquery) -> Subquery:
    """Every pair of a member and what names it: jobs by spec and parts, evaluations by their rows and examples."""
    members = select(family.c.member)
    by_jobs = [
        _J.c.training_dataset,
        *(func.json_extract(_J.c.spec, path) for path in ("$.validation.dataset", "$.test_dataset")),
        *(func.json_extract(_J.c.parts, f"$.{part}") for part in ("training", "validation", "test")),
    ]
    named = [(each, "jobs", _J.c.id) for each in by_jobs]
    named += [(each, "evaluations", _E.c.id) for each in (_E.c.dataset, _E.c.few_shot_dataset)]
    found = (
        select(each.label("dataset"), literal(noun).label("noun"), by.label("id")).where(each.in_(members))
        for each, noun, by in named
    )
    return union_all(*found).subquery("named")


def _families() -> Subquery:
    """Return the datasets `asked` and what was made from them (`member`) by the dataset that was asked for (`root`)."""
    asked: BindParameter[str] = bindparam("asked", expanding=True)
    themselves = select(_D.c.id.label("member"), _D.c.id.label("root")).where(_D.c.id.in_(asked))
    made = select(_D.c.id, _D.c.parent).where(_D.c.parent.in_(asked), _PART)
    return union_all(themselves, made).subquery("family")


# Made once: to put them together costs more than to ask them, and the list of datasets asks again and again.
@cache
def _counted() -> Select[Any]:
    family = _families()
    named = _references(family)
    return (
        select(family.c.root, named.c.noun, func.count(named.c.id.distinct()))
        .join_from(family, named, named.c.dataset == family.c.member)
        .group_by(family.c.root, named.c.noun)
    )


@cache
def _newest() -> Select[Any]:
    named = _references(_families())
    newest = select(named.c.id).distinct().order_by(named.c.id.desc())
    return newest.where(named.c.noun == bindparam("noun")).limit(bindparam("most", type_=Integer))


def counts(tx: Reader, identifiers: Sequence[str]) -> dict[str, UseCount]:
    """Return how many jobs and evaluations use each dataset or a part made from it; unused ones are left out."""
    found: dict[str, dict[str, int]] = {}
    for root, noun, count in tx.execute(_counted(), {"asked": list(identifiers)}):
        found.setdefault(root, {})[noun] = count
    return {root: UseCount(**by_noun) for root, by_noun in found.items()}


def users(tx: Reader, identifier: str, *, limit: int) -> Mapping[str, Sequence[str]]:
    """Return the ids of the newest jobs and evaluations that use a dataset or a part made from it, by their noun."""
    asked = {"asked": [identifier], "most": limit}
    return {noun: tx.scalars(_newest(), asked | {"noun": noun}).all() for noun in ("jobs", "evaluations")}
