"""Sessions, tokens, one-time codes and tries to sign in. Secrets are known by their SHA-256 alone: they are random."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache, lru_cache
from types import MappingProxyType
from typing import TypeAlias, TypeVar

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from app.domain.actors import ProjectRole
from app.domain.people import SESSION_IDLE, SESSION_LIFE, ApiToken, Person, Session
from app.store import people as person_store
from app.store.database import Database, Reader, Writer
from app.store.mapping import Mapper
from app.store.people_schema import api_tokens, codes, members, people, sessions, sign_in_attempts
from app.store.prepared import Cells, Prepared

W = TypeVar("W", Session, ApiToken)
Owned: TypeAlias = tuple[W, Person, Mapping[str, ProjectRole]]
_S = Mapper(Session, sessions)
_T = Mapper(ApiToken, api_tokens)
_FORGOTTEN = timedelta(days=1)
_KNOWN = 100  # people and their programs, of each way in; each minute that one is used makes another entry


def sha256_of(secret: str) -> str:
    """Return what is kept of a cookie, a token or a code."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def add_session(tx: Writer, session: Session, secret: str) -> None:
    """Record a session, and forget those that are over."""
    over = (sessions.c.seen_at < session.created_at - SESSION_IDLE) | (
        sessions.c.created_at < session.created_at - SESSION_LIFE
    )
    tx.execute(delete(sessions).where(over))
    _S.add(tx, session, sha256=sha256_of(secret))


def _whose(way: Mapper[W]) -> Prepared:
    """Return the query for a way in with its person and, row by row, their roles."""
    wanted = (*way.query.selected_columns, *person_store.MAPPER.query.selected_columns)
    query = select(*wanted, members.c.project, members.c.role).select_from(way.table)
    query = query.join(people, people.c.id == way.table.c.person)
    query = query.outerjoin(members, members.c.person == people.c.id)
    return Prepared(query.where(way.table.c.sha256 == bindparam("secret")))


@cache
def _asked(way: Mapper[W]) -> tuple[Prepared, Callable[[Cells], Owned[W]]]:
    """Return the query, and what reads its rows: a request of the same person finds the same ones."""
    query, behind = _whose(way), way.width

    @lru_cache(maxsize=_KNOWN)
    def owned(cells: Cells) -> Owned[W]:
        found = query.values(cells)
        person = person_store.MAPPER.make(found[0][behind : behind + person_store.MAPPER.width])
        return way.make(found[0][:behind]), person, MappingProxyType(person_store.roles_in(found))

    return query, owned


def _owned(database: Database, way: Mapper[W], secret: str) -> Owned[W] | None:
    query, owned = _asked(way)
    cells = database.ask(query, secret=sha256_of(secret))
    return owned(cells) if cells else None


def session_by(database: Database, secret: str) -> Owned[Session] | None:
    """Return the session of a cookie, ended or not, with its person and what they are in which project."""
    return _owned(database, _S, secret)


def sessions_of(tx: Reader, person: str) -> list[Session]:
    """Return a person's sessions, the last used first."""
    return _S.all(tx, _S.query.where(sessions.c.person == person).order_by(sessions.c.seen_at.desc()))


def touch_session(tx: Writer, identifier: str, at: datetime) -> None:
    tx.execute(update(sessions).where(sessions.c.id == identifier).values(seen_at=at))


def end_session(tx: Writer, person: str, identifier: str) -> bool:
    """End a person's session; False where they have none of that id."""
    gone = delete(sessions).where(sessions.c.id == identifier, sessions.c.person == person)
    return tx.execute(gone).rowcount == 1


def forget_session(tx: Writer, secret: str) -> None:
    """End the session of a cookie, if it is one."""
    tx.execute(delete(sessions).where(sessions.c.sha256 == sha256_of(secret)))


def end_sessions(tx: Writer, person: str, *, but: str = "") -> int:
    """End all of a person's sessions but perhaps one; return how many that were."""
    return tx.execute(delete(sessions).where(sessions.c.person == person, sessions.c.id != but)).rowcount


def add_token(tx: Writer, token: ApiToken, secret: str) -> None:
    _T.add(tx, token, sha256=sha256_of(secret))


def token_by(database: Database, secret: str) -> Owned[ApiToken] | None:
    """Return the token behind a secret, expired or not, with its person and what they are in which project."""
    return _owned(database, _T, secret)


def tokens_of(tx: Reader, person: str) -> list[ApiToken]:
    """Return a person's tokens, the newest first."""
    return _T.all(tx, _T.query.where(api_tokens.c.person == person).order_by(api_tokens.c.created_at.desc()))


def touch_token(tx: Writer, identifier: str, at: datetime) -> None:
    tx.execute(update(api_tokens).where(api_tokens.c.id == identifier).values(last_used_at=at))


def revoke_token(tx: Writer, person: str, identifier: str) -> bool:
    """Forget a person's token; False where they have none of that id."""
    gone = delete(api_tokens).where(api_tokens.c.id == identifier, api_tokens.c.person == person)
    return tx.execute(gone).rowcount == 1


def add_code(tx: Writer, person: str, secret: str, *, expires_at: datetime) -> None:
    """Record a one-time code in place of any that the person had before."""
    tx.execute(delete(codes).where(codes.c.person == person))
    tx.execute(insert(codes).values(sha256=sha256_of(secret), person=person, expires_at=expires_at))


def owner_of_code(tx: Reader, secret: str, *, now: datetime) -> str | None:
    """Return whose a code is, as long as it opens."""
    good = (codes.c.sha256 == sha256_of(secret), codes.c.expires_at > now)
    return tx.scalar(select(codes.c.person).where(*good))


def use_code(tx: Writer, secret: str, *, now: datetime) -> str | None:
    """Use a code up, and return whose it was; None for one that is used, expired, or was never given out.

    One statement: of any number who come at once with the same code one gets an answer.
    """
    good = delete(codes).where(codes.c.sha256 == sha256_of(secret), codes.c.expires_at > now)
    return tx.scalar(good.returning(codes.c.person))


def drop_codes(tx: Writer, person: str) -> None:
    tx.execute(delete(codes).where(codes.c.person == person))


def attempt(tx: Reader, key: str) -> tuple[int, datetime] | None:
    """Return how often in a row signing in failed for an account or an address, and when it may be tried again."""
    row = tx.execute(select(sign_in_attempts).where(sign_in_attempts.c.key == key)).one_or_none()
    return None if row is None else (row.failures, row.next_at)


def set_attempt(tx: Writer, key: str, failures: int, *, next_at: datetime, now: datetime) -> None:
    """Count a try, and forget those of yesterday."""
    tx.execute(delete(sign_in_attempts).where(sign_in_attempts.c.changed_at < now - _FORGOTTEN))
    values = {"failures": failures, "next_at": next_at, "changed_at": now}
    statement = insert(sign_in_attempts).values(key=key, **values)
    tx.execute(statement.on_conflict_do_update(index_elements=["key"], set_=values))


def clear_attempt(tx: Writer, key: str) -> None:
    tx.execute(delete(sign_in_attempts).where(sign_in_attempts.c.key == key))
