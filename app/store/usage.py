"""Who uses what, in the database: datasets by the jobs and evaluations that name them or their parts."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Subquery, func, literal, select, union_all

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


def _families(identifiers: Sequence[str]) -> Subquery:
    """Return datasets and what was made from them (`member`) by the dataset that was asked for (`root`)."""
    themselves = select(_D.c.id.label("member"), _D.c.id.label("root")).where(_D.c.id.in_(identifiers))
    made = select(_D.c.id, _D.c.parent).where(_D.c.parent.in_(identifiers), _PART)
    return union_all(themselves, made).subquery("family")


def counts(tx: Reader, identifiers: Sequence[str]) -> dict[str, UseCount]:
    """Return how many jobs and evaluations use each dataset or a part made from it; unused ones are left out."""
    family = _families(identifiers)
    named = _references(family)
    query = (
        select(family.c.root, named.c.noun, func.count(named.c.id.distinct()))
        .join_from(family, named, named.c.dataset == family.c.member)
        .group_by(family.c.root, named.c.noun)
    )
    found: dict[str, dict[str, int]] = {}
    for root, noun, count in tx.execute(query):
        found.setdefault(root, {})[noun] = count
    return {root: UseCount(**by_noun) for root, by_noun in found.items()}


def users(tx: Reader, identifier: str, *, limit: int) -> Mapping[str, Sequence[str]]:
    """Return the ids of the newest jobs and evaluations that use a dataset or a part made from it, by their noun."""
    named = _references(_families([identifier]))
    newest = select(named.c.id).distinct().order_by(named.c.id.desc()).limit(limit)
    return {noun: tx.scalars(newest.where(named.c.noun == noun)).all() for noun in ("jobs", "evaluations")}
