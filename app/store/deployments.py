"""Deployments in the database."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select

from app.domain.deployments import Deployment, DeploymentGoal, DeploymentStatus, RemovalReason, Target, Usage
from app.domain.hyperparameters import Hyperparameter
from app.domain.jobs import JobReason
from app.domain.prices import UNKNOWN, Bill
from app.kit.paging import Page
from app.store import codec, columns, rows, schema
from app.store.database import Reader, Writer

_T = schema.deployments
KEPT_LATENCIES = 1000
_GONE = (DeploymentStatus.DELETED.value,)
_THERE = (DeploymentStatus.CREATING.value, DeploymentStatus.READY.value, DeploymentStatus.DELETING.value)
# Every page asks these; to put them together costs more than to ask them.
_HOSTING = select(func.count()).select_from(_T).where(_T.c.status.in_(_THERE))
_BILLS = select(_T.c.bill).where(_T.c.status.in_(_THERE))
# These are counted and timed by answers, not by the engine, whose record must not write over them.
_USAGE = {"last_used_at", "requests", "errors", "refusals", "latencies"}


_REASONS = {None: None} | {each.value: each for kind in (JobReason, RemovalReason) for each in kind}


def _percentile(latencies: list[float], share: float) -> float | None:
    return sorted(latencies)[min(len(latencies) - 1, int(share * len(latencies)))] if latencies else None


def _make(row: Row[Any]) -> Deployment:
    latencies: list[float] = json.loads(row.latencies)
    return Deployment(
        id=row.id,
        name=row.name,
        target=Target(connection=row.connection, base_model=row.base_model, model=row.model),
        goal=DeploymentGoal(row.goal),
        status=DeploymentStatus(row.status),
        reason=_REASONS[row.reason],
        message=row.message,
        note=row.note,
        raw_status=row.raw_status,
        observed_at=row.observed_at,
        endpoint=row.endpoint,
        region=row.region,
        content_safety=bool(row.content_safety),
        options=codec.load(dict[str, Hyperparameter], row.options),
        expires_after_idle_s=row.expires_after_idle_s,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        usage=Usage(
            requests=row.requests,
            errors=row.errors,
            refusals=row.refusals,
            latency_ms_p50=_percentile(latencies, 0.5),
            latency_ms_p95=_percentile(latencies, 0.95),
        ),
        restarts=row.restarts,
        attempts=row.attempts,
        created_at=row.created_at,
        changed_at=row.changed_at,
        ready_at=row.ready_at,
        ended_at=row.ended_at,
        bill=_bill(row),
        failing_since=row.failing_since,
        next_look_at=columns.from_seconds(row.due_at),
    )


def values(deployment: Deployment) -> dict[str, Any]:
    """Return the deployment as column values, without usage, its bill and the engine's own columns."""
    return {
        "id": deployment.id,
        "name": deployment.name,
        "connection": deployment.target.connection,
        "base_model": deployment.target.base_model,
        "model": deployment.target.model,
        "goal": deployment.goal.value,
        "status": deployment.status.value,
        "reason": None if deployment.reason is None else deployment.reason.value,
        "message": deployment.message,
        "note": deployment.note,
        "raw_status": deployment.raw_status,
        "observed_at": deployment.observed_at,
        "endpoint": deployment.endpoint,
        "region": deployment.region,
        "content_safety": int(deployment.content_safety),
        "options": codec.dump(dict(deployment.options)),
        "expires_after_idle_s": deployment.expires_after_idle_s,
        "expires_at": deployment.expires_at,
        "restarts": deployment.restarts,
        "attempts": deployment.attempts,
        "created_at": deployment.created_at,
        "changed_at": deployment.changed_at,
        "ready_at": deployment.ready_at,
        "ended_at": deployment.ended_at,
    }


def add(tx: Writer, deployment: Deployment, *, due_at: float) -> None:
    """Insert a deployment that the engine looks at from `due_at` (seconds since 1970) on."""
    unused = {"last_used_at": None, "requests": 0, "errors": 0, "refusals": 0, "latencies": "[]"}
    rows.add(tx, _T, values(deployment) | unused | {"due_at": due_at, "bill": codec.dump(deployment.bill)})


def set_bill(tx: Writer, identifier: str, bill: Bill) -> None:
    """Write what each hour is billed for, after a price has changed."""
    rows.change(tx, _T, identifier, {"bill": codec.dump(bill)})


def _bill(row: Row[Any]) -> Bill:
    return UNKNOWN if row.bill is None else codec.load(Bill, row.bill)


def set_goal(
    tx: Writer, identifier: str, goal: DeploymentGoal, *, reason: JobReason | RemovalReason, due_at: float
) -> None:
    """Write what people want; the engine does the rest."""
    rows.change(tx, _T, identifier, {"goal": goal.value, "reason": reason.value, "due_at": due_at})


def count_use(
    tx: Writer,
    identifier: str,
    *,
    at: datetime,
    milliseconds: float | None,
    failed: bool,
    refused: bool = False,
) -> None:
    """Count one answer; `milliseconds` is None where none was given, `refused` where a content filter stopped it."""
    row = tx.execute(select(_T.c.latencies).where(_T.c.id == identifier)).one_or_none()
    if row is None:
        return
    latencies: list[float] = json.loads(row.latencies)
    if milliseconds is not None:
        latencies = [*latencies, round(milliseconds, 1)][-KEPT_LATENCIES:]
    counted = {
        "requests": _T.c.requests + 1,
        "errors": _T.c.errors + int(failed),
        "refusals": _T.c.refusals + int(refused),
        "latencies": json.dumps(latencies),
    }
    rows.change(tx, _T, identifier, counted | {"last_used_at": at})


def get(tx: Reader, identifier: str) -> Deployment | None:
    row = rows.one(tx, _T, identifier)
    return None if row is None else _make(row)


def page(tx: Reader, *, include_deleted: bool = False, limit: int, cursor: str | None) -> Page[Deployment]:
    query = select(_T) if include_deleted else select(_T).where(_T.c.status.not_in(_GONE))
    return rows.page(tx, query, _T, _make, limit=limit, cursor=cursor)


def of_model(tx: Reader, model: str, *, include_deleted: bool = False) -> list[Deployment]:
    """Return a model's deployments, oldest first."""
    query = select(_T).where(_T.c.model == model).order_by(_T.c.created_at, _T.c.id)
    if not include_deleted:
        query = query.where(_T.c.status.not_in(_GONE))
    return [_make(row) for row in tx.execute(query)]


def of_connection(tx: Reader, connection: str) -> list[Deployment]:
    """Return a connection's deployments that are not deleted."""
    query = select(_T).where(_T.c.connection == connection, _T.c.status.not_in(_GONE))
    return [_make(row) for row in tx.execute(query)]


def hosting_bills(tx: Reader) -> list[Bill]:
    """Return the bills of what is served now."""
    return [_bill(row) for row in tx.execute(_BILLS)]


def hosting(tx: Reader) -> int:
    """Return how many deployments exist at providers now."""
    return tx.scalar(_HOSTING) or 0


def ready_for(tx: Reader, target: Target) -> Deployment | None:
    """Return a ready deployment of exactly this target, the newest; None where there is none."""
    query = select(_T).where(
        _T.c.connection == target.connection,
        _T.c.base_model == target.base_model,
        _T.c.model.is_(None) if target.model is None else _T.c.model == target.model,
        _T.c.status == DeploymentStatus.READY.value,
        _T.c.goal == DeploymentGoal.PRESENT.value,
    )
    row = tx.execute(query.order_by(_T.c.created_at.desc()).limit(1)).one_or_none()
    return None if row is None else _make(row)


def touch(tx: Writer, identifier: str, *, at: datetime) -> None:
    """Note that a deployment is used now."""
    rows.change(tx, _T, identifier, {"last_used_at": at})
