"""People and their roles in the database."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from app.domain.actors import ProjectRole
from app.domain.people import Membership, Person
from app.store import rows
from app.store.database import Database, Reader, Writer
from app.store.mapping import Mapper
from app.store.people_schema import installation, members, people
from app.store.prepared import Prepared

_T = people
MAPPER = _M = Mapper(Person, _T)
get = _M.get
ACCOUNTS = "accounts"


def key_of(name: str) -> str:
    """Return what two names must differ in."""
    return name.casefold()


def add(tx: Writer, person: Person, *, password: str | None = None) -> None:
    _M.add(tx, person, name_key=key_of(person.name), password=password)


def change(tx: Writer, identifier: str, **values: object) -> None:
    """Write some of a person's columns."""
    rows.change(tx, _T, identifier, values)


def remove(tx: Writer, identifier: str) -> None:
    """Forget a person, with their roles and ways in."""
    tx.execute(delete(_T).where(_T.c.id == identifier))


def by_name(tx: Reader, name: str) -> Person | None:
    return _M.first(tx, _M.query.where(_T.c.name_key == key_of(name)))


def by_subject(tx: Reader, issuer: str, subject: str) -> Person | None:
    """Return who an issuer calls by that subject."""
    return _M.first(tx, _M.query.where(_T.c.issuer == issuer, _T.c.subject == subject))


def all_of_them(tx: Reader) -> list[Person]:
    return _M.all(tx, _M.query.order_by(_T.c.name_key))


def names(tx: Reader, identifiers: Sequence[str]) -> Mapping[str, str]:
    """Return people's names by their ids; ids that are nobody's are left out."""
    found = tx.execute(select(_T.c.id, _T.c.name).where(_T.c.id.in_(set(identifiers))))
    return {row.id: row.name for row in found}


def password_of(tx: Reader, identifier: str) -> str | None:
    return tx.scalar(select(_T.c.password).where(_T.c.id == identifier))


def administrators(tx: Reader) -> int:
    """Return how many people may administer the installation, and could sign in."""
    able = select(func.count()).select_from(_T).where(_T.c.administers == 1, _T.c.disabled_at.is_(None))
    return tx.scalar(able) or 0


@cache
def _named() -> Prepared:
    query = select(*_M.query.selected_columns, members.c.project, members.c.role)
    query = query.outerjoin(members, members.c.person == _T.c.id)
    return Prepared(query.where(_T.c.name_key == bindparam("key")))


def with_roles(database: Database, name: str) -> tuple[Person, Mapping[str, ProjectRole]] | None:
    """Return who has that name, with what they are in which project."""
    found = _named().values(database.ask(_named(), key=key_of(name)))
    return (_M.make(found[0][: _M.width]), roles_in(found)) if found else None


def roles_in(found: Sequence[Sequence[Any]]) -> Mapping[str, ProjectRole]:
    """Return the roles in rows of one person, whose last two columns are a project and a role there, or nothing."""
    return {row[-2]: ProjectRole(row[-1]) for row in found if row[-2] is not None}


def _memberships(tx: Reader, *conditions: object) -> list[Membership]:
    query = (
        select(members.c.person, _T.c.name, members.c.project, members.c.role, members.c.claimed)
        .join(_T, _T.c.id == members.c.person)
        .where(*conditions)  # type: ignore[arg-type]
        .order_by(_T.c.name_key)
    )
    return [
        Membership(
            person=row.person, name=row.name, project=row.project, role=ProjectRole(row.role), claimed=bool(row.claimed)
        )
        for row in tx.execute(query)
    ]


def of_project(tx: Reader, project: str) -> list[Membership]:
    """Return a project's people, by their names."""
    return _memberships(tx, members.c.project == project)


def of_person(tx: Reader, person: str) -> list[Membership]:
    """Return a person's projects."""
    return _memberships(tx, members.c.person == person)


def set_role(tx: Writer, person: str, project: str, role: ProjectRole, *, claimed: bool = False) -> None:
    """Let a person be that in a project."""
    values = {"role": role.value, "claimed": int(claimed)}
    statement = insert(members).values(person=person, project=project, **values)
    tx.execute(statement.on_conflict_do_update(index_elements=["person", "project"], set_=values))


def remove_role(tx: Writer, person: str, project: str) -> bool:
    """Let a person be nothing in a project any more; False where they were nothing."""
    gone = delete(members).where(members.c.person == person, members.c.project == project)
    return tx.execute(gone).rowcount == 1


def setting(tx: Reader, name: str) -> str | None:
    """Return what is decided for the installation as a whole under a name."""
    return tx.scalar(select(installation.c.value).where(installation.c.name == name))


def set_setting(tx: Writer, name: str, value: str) -> None:
    statement = insert(installation).values(name=name, value=value)
    tx.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"value": value}))


def signed_in(tx: Writer, identifier: str, at: datetime) -> None:
    """Note when a person was last let in."""
    tx.execute(update(_T).where(_T.c.id == identifier).values(signed_in_at=at))
