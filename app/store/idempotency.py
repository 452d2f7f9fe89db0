"""Answers kept under the key that came with the request, so that a repeat gets the same one."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete

from app.store import schema
from app.store.database import Reader, Writer
from app.store.mapping import Mapper

_T = schema.idempotency


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """One answer: whose, to what, and word for word."""

    actor: str
    route: str
    key: str
    body_sha256: str
    status: int
    headers_json: str
    body: bytes
    created_at: datetime


_M = Mapper(StoredAnswer, _T)


def get(tx: Reader, *, actor: str, route: str, key: str, since: datetime) -> StoredAnswer | None:
    """Return the answer given under a key, unless it is older than `since`."""
    same = (_T.c.actor == actor, _T.c.route == route, _T.c.key == key)
    return _M.first(tx, _M.query.where(*same, _T.c.created_at >= since))


def add(tx: Writer, answer: StoredAnswer) -> None:
    """Keep an answer; one under the same key that has outlived its time makes room."""
    _M.put(tx, answer)


def forget(tx: Writer, *, before: datetime) -> int:
    """Remove the answers older than `before`; return how many those were."""
    return tx.execute(delete(_T).where(_T.c.created_at < before)).rowcount
