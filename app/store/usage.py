"""Who uses what, in the database: datasets by the jobs and evaluations that name them or their parts."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import CompoundSelect, Subquery, func, literal, or_, select, union, union_all

from app.domain.datasets import UseCount
from app.store import schema
from app.store.database import Reader

_D, _J, _E = schema.datasets, schema.jobs, schema.evaluations


def _references() -> CompoundSelect[Any]:
    """Every pair of a dataset and what names it; that of a split is named by its parts, too."""
    by_jobs = [
        _J.c.training_dataset,
        func.json_extract(_J.c.spec, "$.validation.dataset"),
        func.json_extract(_J.c.spec, "$.test_dataset"),
        *(func.json_extract(_J.c.parts, f"$.{part}") for part in ("training", "validation", "test")),
    ]
    of_jobs = [select(each.label("dataset"), literal("jobs").label("noun"), _J.c.id.label("id")) for each in by_jobs]
    by_evaluations = (_E.c.dataset, _E.c.few_shot_dataset)
    of_evaluations = [select(each, literal("evaluations"), _E.c.id) for each in by_evaluations]
    return union(*of_jobs, *of_evaluations)


# Made once: to put it together costs more than to ask it.
_REFERENCES: Subquery = _references().subquery("named")


def _families(identifiers: Sequence[str]) -> Subquery:
    """Return datasets and what was made from them (`member`) by the dataset that was asked for (`root`)."""
    themselves = select(_D.c.id.label("member"), _D.c.id.label("root")).where(_D.c.id.in_(identifiers))
    made = select(_D.c.id, _D.c.parent).where(_D.c.parent.in_(identifiers))
    return union_all(themselves, made).subquery("family")


def counts(tx: Reader, identifiers: Sequence[str]) -> dict[str, UseCount]:
    """Return how many jobs and evaluations use each dataset or a part made from it; unused ones are left out."""
    family = _families(identifiers)
    query = (
        select(family.c.root, _REFERENCES.c.noun, func.count(_REFERENCES.c.id.distinct()))
        .join_from(family, _REFERENCES, _REFERENCES.c.dataset == family.c.member)
        .group_by(family.c.root, _REFERENCES.c.noun)
    )
    found: dict[str, dict[str, int]] = {}
    for root, noun, count in tx.execute(query):
        found.setdefault(root, {})[noun] = count
    return {root: UseCount(**by_noun) for root, by_noun in found.items()}


def users(tx: Reader, identifier: str, *, limit: int) -> Mapping[str, Sequence[str]]:
    """Return the ids of the newest jobs and evaluations that use a dataset or a part made from it, by their noun."""
    family = select(_D.c.id).where(or_(_D.c.id == identifier, _D.c.parent == identifier))
    query = select(_REFERENCES.c.id).where(_REFERENCES.c.dataset.in_(family)).distinct()
    newest = query.order_by(_REFERENCES.c.id.desc()).limit(limit)
    return {noun: tx.scalars(newest.where(_REFERENCES.c.noun == noun)).all() for noun in ("jobs", "evaluations")}
