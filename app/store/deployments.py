"""Deployments in the database."""

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_, select

from app.domain.deployments import Deployment, DeploymentGoal, DeploymentStatus, RemovalReason, Target, Usage
from app.domain.jobs import JobReason
from app.domain.prices import Bill
from app.kit.paging import Page
from app.store import codec, prices, rows, schema
from app.store.database import Reader, Writer
from app.store.mapping import LEASED, Mapper

_T = schema.deployments
KEPT_LATENCIES = 1000
_GONE = (DeploymentStatus.DELETED.value,)

# What says who uses it is counted and timed by answers, not by the engine, whose record must not write over it.
_UNUSED = {"requests": 0, "errors": 0, "refusals": 0, "latencies": "[]"}


def _usage(requests: int, errors: int, refusals: int, latencies: str) -> Usage:
    times = sorted(json.loads(latencies))
    p50, p95 = (times[min(len(times) - 1, int(share * len(times)))] if times else None for share in (0.5, 0.95))
    return Usage(requests=requests, errors=errors, refusals=refusals, latency_ms_p50=p50, latency_ms_p95=p95)


MAPPER = Mapper(
    Deployment,
    _T,
    spread=["target"],
    made={
        "usage": (tuple(_UNUSED), _usage),
        "last_used_at": (("last_used_at",), lambda moment: moment),
        "bill": (("bill",), prices.bill),
        **LEASED,
    },
)
get = MAPPER.get


def add(tx: Writer, deployment: Deployment, *, due_at: float) -> None:
    """Insert a deployment of its model's project; the engine looks at it from `due_at` (seconds since 1970) on."""
    model = schema.models.c
    project = tx.scalar(select(model.project).where(model.id == deployment.target.model))
    MAPPER.add(tx, deployment, due_at=due_at, bill=codec.dump(deployment.bill), project=project, **_UNUSED)


def set_bill(tx: Writer, identifier: str, bill: Bill) -> None:
    """Write what each hour is billed for, after a price has changed."""
    rows.change(tx, _T, identifier, {"bill": codec.dump(bill)})


def set_goal(
    tx: Writer, identifier: str, goal: DeploymentGoal, *, reason: JobReason | RemovalReason, due_at: float
) -> None:
    """Write what people want, and why; the engine does the rest."""
    MAPPER.set_goal(tx, identifier, goal, due_at=due_at, reason=reason.value)


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


def key_sha256(tx: Reader, identifier: str) -> str | None:
    """Return the hash (hex) of the key with which programs ask a deployment; None where none was made."""
    return tx.scalar(select(_T.c.key_sha256).where(_T.c.id == identifier))


def sealed_key(tx: Reader, identifier: str) -> str | None:
    """Return the same key as it was sealed."""
    return tx.scalar(select(_T.c.sealed_key).where(_T.c.id == identifier))


def set_key(tx: Writer, identifier: str, *, sha256: str, sealed: str) -> None:
    """Write the key with which programs ask a deployment from now on."""
    rows.change(tx, _T, identifier, {"key_sha256": sha256, "sealed_key": sealed})


def page(
    tx: Reader, *, include_deleted: bool = False, project: str | None = None, limit: int, cursor: str | None
) -> Page[Deployment]:
    """Return deployments, newest first; of a project: of its models, and of the bases that these were trained from."""
    query = MAPPER.query if include_deleted else MAPPER.query.where(_T.c.status.not_in(_GONE))
    if project is not None:
        models = schema.models.c
        own = select(models.id).where(models.project == project)
        base = own.where(models.connection == _T.c.connection, models.base_model == _T.c.base_model)
        query = query.where(or_(_T.c.model.in_(own), _T.c.model.is_(None) & base.exists()))
    return MAPPER.page(tx, query, limit=limit, cursor=cursor)


def of_model(tx: Reader, model: str, *, include_deleted: bool = False) -> list[Deployment]:
    """Return a model's deployments, oldest first."""
    return MAPPER.by_age(tx, _T.c.model == model, *(() if include_deleted else [_T.c.status.not_in(_GONE)]))


def of_models(tx: Reader, models: Sequence[str]) -> list[Deployment]:
    """Return the deployments of several models that are not deleted, oldest first."""
    return MAPPER.by_age(tx, _T.c.model.in_(models), _T.c.status.not_in(_GONE))


def of_connection(tx: Reader, connection: str) -> list[Deployment]:
    """Return a connection's deployments that are not deleted."""
    return MAPPER.by_age(tx, _T.c.connection == connection, _T.c.status.not_in(_GONE))


def of_target(tx: Reader, target: Target) -> list[Deployment]:
    """Return the deployments of exactly this target that are not deleted, oldest first."""
    same = (_T.c.connection == target.connection, _T.c.base_model == target.base_model)
    model = _T.c.model.is_(None) if target.model is None else _T.c.model == target.model
    return MAPPER.by_age(tx, *same, model, _T.c.status.not_in(_GONE))


def ready_for(tx: Reader, target: Target) -> Deployment | None:
    """Return a ready deployment of exactly this target, the newest; None where there is none."""
    query = MAPPER.query.where(
        _T.c.connection == target.connection,
        _T.c.base_model == target.base_model,
        _T.c.model.is_(None) if target.model is None else _T.c.model == target.model,
        _T.c.status == DeploymentStatus.READY.value,
        _T.c.goal == DeploymentGoal.PRESENT.value,
    )
    return MAPPER.first(tx, query.order_by(_T.c.created_at.desc()))


def touch(tx: Writer, identifier: str, *, at: datetime) -> None:
    """Note that a deployment is used now."""
    rows.change(tx, _T, identifier, {"last_used_at": at})
