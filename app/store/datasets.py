"""Datasets and their findings in the database."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, exists, func, insert, or_, select, update

from app.domain.datasets import Dataset, DatasetReport, DatasetStatus, Finding, Severity
from app.kit.paging import Page
from app.store import codec, rows, schema
from app.store.database import Reader, Writer
from app.store.mapping import Mapper
from app.store.sight import EVERYTHING

_T = schema.datasets
_F = schema.findings
_CHILD = _T.alias("child")
_NEWER = select(_CHILD.c.id).where(_CHILD.c.parent == _T.c.id)
_MAPPED, _EDITED = (_NEWER.where(_CHILD.c.made_by.like(f"{how}:%")).exists() for how in ("map", "edit"))
_NEWEST_WHOLE = and_(  # no part of a split, and neither mapped nor edited to another
    _T.c.made_by.not_like("split:%"), ~((_T.c.status == DatasetStatus.NEEDS_MAPPING.value) & _MAPPED), ~_EDITED
)
_NAMES = (schema.job_datasets.c.dataset, schema.evaluations.c.dataset, schema.evaluations.c.few_shot_dataset)
_UNNAMED = ~or_(*(exists().where(column == _T.c.id) for column in _NAMES))
_M = Mapper(Dataset, _T)
add, get, many = _M.add, _M.get, _M.many


def save_report(tx: Writer, dataset: Dataset, report: DatasetReport) -> Dataset:
    """Record what validation found, findings included, and return the dataset with its counts."""
    checked = replace(
        dataset,
        status=report.status,
        format=report.format,
        rows=report.rows,
        errors=report.errors,
        warnings=report.warnings,
        tokens=report.tokens_estimate,
    )
    body = codec.dump(replace(report, findings=()))
    _M.save(tx, checked, report=body, due_at=None)
    tx.execute(delete(_F).where(_F.c.dataset == dataset.id))
    if report.findings:
        tx.execute(insert(_F), [_finding_values(dataset.id, n, each) for n, each in enumerate(report.findings)])
    return checked


def _finding_values(dataset: str, number: int, finding: Finding) -> dict[str, Any]:
    return {
        "dataset": dataset,
        "number": number,
        "rule": finding.rule,
        "severity": finding.severity.value,
        "body": codec.dump(finding),
    }


def reports(tx: Reader, identifiers: Sequence[str]) -> dict[str, DatasetReport]:
    """Return the reports of several datasets by id without their findings, as far as there are."""
    found = tx.execute(select(_T.c.id, _T.c.report).where(_T.c.id.in_(identifiers), _T.c.report.is_not(None)))
    return {row.id: codec.load(DatasetReport, row.report) for row in found}


def page(tx: Reader, *, project: str | None, limit: int, cursor: str | None, with_parts: bool = False) -> Page[Dataset]:
    """Return datasets, newest first; refused files never, parts of splits and earlier versions only on request."""
    query = _M.query.where(_T.c.status != DatasetStatus.REJECTED.value)
    if project is not None:
        query = query.where(_T.c.project == project)
    if not with_parts:
        query = query.where(_NEWEST_WHOLE)
    return _M.page(tx, query, limit=limit, cursor=cursor)


def files(tx: Reader, *, after: str | None, limit: int, ascending: bool) -> Page[Dataset]:
    """Return all datasets that are no parts of splits, whatever their state, from behind the dataset `after` on."""
    query = _M.query.where(_T.c.made_by.not_like("split:%"))
    cursor = None if after is None else rows.cursor_at(tx, _T, after)
    return rows.page(tx, query, _T, _M.make, limit=limit, cursor=cursor, order=("created_at", not ascending))


def child(tx: Reader, parent: str, made_by: str) -> Dataset | None:
    """Return the dataset that was made from `parent` in exactly that way."""
    query = _M.query.where(_T.c.parent == parent, _T.c.made_by == made_by)
    return _M.first(tx, query.order_by(_T.c.created_at))


def children(tx: Reader, parent: str) -> list[Dataset]:
    """Return what was made from a dataset."""
    return _M.by_age(tx, _T.c.parent == parent)


def by_making(tx: Reader, made_by: str, name: str, project: str | None) -> Dataset | None:
    """Return a dataset of that name and project that came about in exactly that way."""
    same = (_T.c.made_by == made_by, _T.c.name == name, _T.c.project.is_not_distinct_from(project))
    return _M.first(tx, _M.query.where(*same).order_by(_T.c.created_at))


def by_content(tx: Reader, sha256: str, name: str, project: str | None) -> Dataset | None:
    """Return a dataset with the same bytes (its rows, or what they were made from), name and project."""
    same = (_holds(sha256), _T.c.name == name, _T.c.project.is_not_distinct_from(project))
    return _M.first(tx, _M.query.where(*same).order_by(_T.c.created_at))


def ready_by_hash(tx: Reader, hashes: Sequence[str]) -> dict[str, Dataset]:
    """Return the newest dataset that may be trained on for each content, by its SHA-256; unknown ones are left out."""
    fits = (_T.c.sha256.in_(hashes), _T.c.status == DatasetStatus.READY.value)
    return {each.sha256: each for each in _M.by_age(tx, *fits)}


def next_version(tx: Reader, family: str) -> int:
    """Return the version number that the family's next member gets."""
    return (tx.scalar(select(func.max(_T.c.version)).where(_T.c.family == family)) or 0) + 1


def findings(
    tx: Reader, identifier: str, *, severity: Severity | None, rule: str | None, limit: int, cursor: str | None
) -> Page[Finding]:
    """Return a dataset's findings in the order of its lines."""
    query = select(_F).where(_F.c.dataset == identifier)
    if severity is not None:
        query = query.where(_F.c.severity == severity.value)
    if rule is not None:
        query = query.where(_F.c.rule == rule)
    return rows.numbered_page(tx, query, _F.c.number, _finding, limit=limit, cursor=cursor)


def _finding(row: Row[Any]) -> Finding:
    return codec.load(Finding, row.body)


def content_users(tx: Reader, sha256: str) -> int:
    """Return how many datasets hold these bytes, hidden ones too; the file goes when the last one does."""
    query = select(func.count()).select_from(_T).where(_holds(sha256))
    return tx.scalar(query, execution_options=EVERYTHING) or 0


def _holds(sha256: str) -> ColumnElement[bool]:
    return or_(_T.c.sha256 == sha256, _T.c.origins.contains(f'"sha256":"{sha256}"'))


def refused(tx: Reader, *, before: datetime | None = None) -> list[Dataset]:
    """Return the files that were refused, the oldest first.

    With `before` only those from before that moment that nothing names: a job may have waited for the check of one.
    """
    old = () if before is None else (_T.c.created_at < before, _UNNAMED)
    return _M.by_age(tx, _T.c.status == DatasetStatus.REJECTED.value, *old)


def _goes_with(identifier: str) -> ColumnElement[bool]:
    """Return which datasets go when one is removed: itself and what was made of it, but not later versions of it."""
    return or_(_T.c.id == identifier, and_(_T.c.parent == identifier, _T.c.made_by.not_like("edit:%")))


def going(tx: Reader, identifier: str) -> list[Dataset]:
    """Return what goes when a dataset is removed."""
    return _M.by_age(tx, _goes_with(identifier))


def remove(tx: Writer, identifier: str) -> None:
    gone = select(_T.c.id).where(_goes_with(identifier))
    tx.execute(update(_T).where(_T.c.parent.in_(gone), ~_goes_with(identifier)).values(parent=None))
    tx.execute(delete(_T).where(_goes_with(identifier)))
