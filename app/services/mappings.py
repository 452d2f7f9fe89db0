"""Verbs on mappings: say what the columns of a dataset are, and have its rows made anew."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.data import mapping as data
from app.data.rows import Row
from app.domain.datasets import Dataset, DatasetStatus
from app.domain.errors import Conflict, Invalid, Problem
from app.domain.mappings import ColumnGuess, ColumnMapping, FirstRow, Role, mapping_problems
from app.services import datasets, verbs
from app.services.scope import Scope
from app.store import codec, column_mappings
from app.store import datasets as store

_SHOWN_ROWS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What the columns of a dataset seem to be, or were said to be, and its first rows as that.

    `confidence` is that of the least certain column that is used; `kept` says that people chose so for such columns
    before; `problems` say why no rows can be made yet.
    """

    columns: Sequence[ColumnGuess]
    first_row: FirstRow
    confidence: float
    kept: bool
    problems: Sequence[Problem]
    preview: Sequence[Row]


@verbs.reads("datasets")
def propose(scope: Scope, identifier: str, chosen: ColumnMapping | None = None) -> Proposal:
    """Return what the columns seem to be, what was said of such columns before, or what is `chosen`; changes nothing.

    Raises:
        Conflict: when the dataset's columns are known, or it is still being read.
    """
    dataset = _waiting(scope, identifier)
    file = datasets.path(scope, identifier)
    columns = data.columns_of(file)
    names = [each.name for each in columns]
    before = None if chosen else column_mappings.kept(scope.read, dataset.project, names)
    said = chosen or before
    if said is not None:
        columns = [_as_said(each, said) for each in columns]
    mapping = said or ColumnMapping(roles={each.name: each.role for each in columns})
    problems = mapping_problems(mapping, names)
    used = [each.confidence for each in columns if each.role is not Role.IGNORE]
    return Proposal(
        columns=columns,
        first_row=mapping.first_row,
        confidence=min(used, default=0.0),
        kept=before is not None,
        problems=problems,
        preview=() if problems else data.preview(file, mapping, names, _SHOWN_ROWS),
    )


@verbs.writes("datasets")
def apply(scope: Scope, identifier: str, mapping: ColumnMapping) -> Dataset:
    """Make a version of the dataset whose rows are what the mapping says, and keep the mapping for such columns.

    The same mapping again finds the version of the first time.

    Raises:
        Invalid: when these roles make no rows.
        Conflict: as `propose`.
    """
    source = _waiting(scope, identifier)
    file = datasets.path(scope, identifier)
    names = [each.name for each in data.columns_of(file)]
    problems = mapping_problems(mapping, names)
    if problems:
        raise Invalid(problems)
    made_by = f"map:{hashlib.sha256(codec.dump(mapping).encode()).hexdigest()[:16]}"
    known = store.child(scope.read, source.id, made_by)
    if known is not None:
        return known
    scope.release()
    incoming = scope.files.temporary()
    data.write_mapped(file, mapping, names, incoming)
    stored = scope.files.keep(incoming)
    origins = [replace(each, shift=each.shift + mapping.shift) for each in source.origins]
    column_mappings.keep(scope.write, source.project, names, mapping, scope.now())
    return datasets.revise(scope, source, stored, origins=origins, made_by=made_by)


def _waiting(scope: Scope, identifier: str) -> Dataset:
    dataset = datasets.get(scope, identifier)
    if dataset.status is DatasetStatus.VALIDATING:
        raise Conflict(f"The dataset {dataset.name!r} is still being checked.", fix="Wait a moment, then try again.")
    if dataset.status is not DatasetStatus.NEEDS_MAPPING:
        message = f"The columns of the dataset {dataset.name!r} have been mapped already."
        raise Conflict(message, fix="Map the dataset that it was made from, or upload the file again.")
    return dataset


def _as_said(column: ColumnGuess, mapping: ColumnMapping) -> ColumnGuess:
    return replace(column, role=mapping.roles.get(column.name, Role.IGNORE), confidence=1.0)
