"""Datasets and their findings in the database."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Row, delete, func, insert, or_, select

from app.domain.datasets import Dataset, DatasetFormat, DatasetReport, DatasetStatus, Finding, Severity
from app.kit.paging import Page, decode_cursor, encode_cursor
from app.store import codec, rows, schema
from app.store.database import Reader, Writer

_T = schema.datasets
_F = schema.findings
_COLUMNS = [column for column in _T.c if column.name not in {"report", "due_at", "lease_token", "lease_until", "gen"}]


def _make(row: Row[Any]) -> Dataset:
    return Dataset(
        id=row.id,
        family=row.family,
        version=row.version,
        parent=row.parent,
        made_by=row.made_by,
        name=row.name,
        filename=row.filename,
        project=row.project,
        status=DatasetStatus(row.status),
        format=DatasetFormat(row.format),
        rows=row.rows,
        errors=row.errors,
        warnings=row.warnings,
        tokens=row.tokens,
        bytes=row.bytes,
        sha256=row.sha256,
        created_at=row.created_at,
    )


def _values(dataset: Dataset) -> dict[str, Any]:
    values = {column.name: getattr(dataset, column.name) for column in _COLUMNS}
    return values | {"status": dataset.status.value, "format": dataset.format.value}


def add(tx: Writer, dataset: Dataset, *, due_at: float | None = None) -> None:
    """Insert a dataset; `due_at` (seconds since 1970) lets the engine validate it."""
    rows.add(tx, _T, _values(dataset) | {"due_at": due_at})


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
    rows.change(tx, _T, dataset.id, _values(checked) | {"report": body, "due_at": None})
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


def get(tx: Reader, identifier: str) -> Dataset | None:
    row = tx.execute(select(*_COLUMNS).where(_T.c.id == identifier)).one_or_none()
    return None if row is None else _make(row)


def many(tx: Reader, identifiers: Sequence[str]) -> Mapping[str, Dataset]:
    """Return the datasets with these ids, by id."""
    return {row.id: _make(row) for row in tx.execute(select(*_COLUMNS).where(_T.c.id.in_(identifiers)))}


def report(tx: Reader, identifier: str) -> DatasetReport | None:
    """Return the report without its findings, once there is one."""
    body = tx.scalar(select(_T.c.report).where(_T.c.id == identifier))
    return None if body is None else codec.load(DatasetReport, body)


def page(tx: Reader, *, project: str | None, limit: int, cursor: str | None, with_parts: bool = False) -> Page[Dataset]:
    """Return datasets, newest first; the parts that splits made only on request."""
    query = select(*_COLUMNS)
    if project is not None:
        query = query.where(or_(_T.c.project == project, _T.c.project.is_(None)))
    if not with_parts:
        query = query.where(_T.c.made_by.not_like("split:%"))
    return rows.page(tx, query, _T, _make, limit=limit, cursor=cursor)


def child(tx: Reader, parent: str, made_by: str) -> Dataset | None:
    """Return the dataset that was made from `parent` in exactly that way."""
    query = select(*_COLUMNS).where(_T.c.parent == parent, _T.c.made_by == made_by).order_by(_T.c.created_at)
    row = tx.execute(query).first()
    return None if row is None else _make(row)


def children(tx: Reader, parent: str) -> list[Dataset]:
    """Return what was made from a dataset."""
    query = select(*_COLUMNS).where(_T.c.parent == parent).order_by(_T.c.created_at, _T.c.id)
    return [_make(row) for row in tx.execute(query)]


def by_content(tx: Reader, sha256: str, name: str, project: str | None) -> Dataset | None:
    """Return an uploaded dataset with the same bytes, name and project."""
    same = (_T.c.sha256 == sha256, _T.c.name == name, _T.c.project.is_not_distinct_from(project))
    row = tx.execute(select(*_COLUMNS).where(*same).order_by(_T.c.created_at)).first()
    return None if row is None else _make(row)


def ready_by_hash(tx: Reader, hashes: Sequence[str]) -> dict[str, Dataset]:
    """Return the newest dataset that may be trained on for each content, by its SHA-256; unknown ones are left out."""
    fits = (_T.c.sha256.in_(hashes), _T.c.status == DatasetStatus.READY.value)
    found = tx.execute(select(*_COLUMNS).where(*fits).order_by(_T.c.created_at, _T.c.id))
    return {row.sha256: _make(row) for row in found}


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
    position = decode_cursor(cursor, int)
    if position is not None:
        query = query.where(_F.c.number > position[0])
    found = tx.execute(query.order_by(_F.c.number).limit(limit + 1)).all()
    items = [codec.load(Finding, row.body) for row in found[:limit]]
    return Page(items, encode_cursor(found[limit - 1].number) if len(found) > limit else None)


def uses(tx: Reader, identifier: str) -> dict[str, int]:
    """Return how many jobs and evaluations refer to a dataset or to a part made from it."""
    family = select(_T.c.id).where(or_(_T.c.id == identifier, _T.c.parent == identifier))
    jobs, evaluations = schema.jobs, schema.evaluations
    return {
        "jobs": tx.scalar(select(func.count()).select_from(jobs).where(jobs.c.training_dataset.in_(family))) or 0,
        "evaluations": tx.scalar(select(func.count()).select_from(evaluations).where(evaluations.c.dataset.in_(family)))
        or 0,
    }


def content_users(tx: Reader, sha256: str) -> int:
    """Return how many datasets hold these bytes; the file goes when the last one does."""
    return tx.scalar(select(func.count()).select_from(_T).where(_T.c.sha256 == sha256)) or 0


def remove(tx: Writer, identifier: str) -> None:
    tx.execute(delete(_T).where(or_(_T.c.id == identifier, _T.c.parent == identifier)))
