"""Verbs on people, for the administrators of the installation. Nobody changes what they are themselves."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.domain.errors import Conflict, Forbidden, Invalid, Problem, or_not_found
from app.domain.people import ApiToken, Membership, Person, Session, checked_account
from app.services import verbs
from app.services.scope import Scope
from app.store import people as store
from app.store import ways_in

CODE_LIVES = timedelta(days=7)
FIRST_CODE_LIVES = timedelta(minutes=30)
_CODE_BYTES = 20


@dataclass(frozen=True, slots=True)
class Code:
    """A one-time code, shown once: for a password of one's own, until then."""

    secret: str
    person: Person
    expires_at: datetime


@verbs.reads("people")
def list_people(scope: Scope) -> Sequence[Person]:
    """Return everybody who has an account, by name."""
    return store.all_of_them(scope.read)


@verbs.reads("people")
def memberships(scope: Scope, identifier: str) -> Sequence[Membership]:
    """Return what a person is in which project."""
    return store.of_person(scope.read, get(scope, identifier).id)


@verbs.reads("overview")
def names(scope: Scope, identifiers: Sequence[str]) -> Mapping[str, str]:
    """Return the names of people, as far as these ids are people's: for a journal that the reader sees anyway."""
    return store.names(scope.read, [each for each in identifiers if each])


@verbs.administers("people")
def invite(scope: Scope, name: object, *, administers: bool = False) -> Code:
    """Make an account, and a code with which its person chooses a password.

    Raises:
        Invalid: when the name is none, or taken.
    """
    wanted = checked_account(name)
    if store.by_name(scope.write, wanted) is not None:
        fix = "Choose another name, or give that person a new code."
        raise Invalid([Problem("/name", "taken", f"There is already an account named {wanted!r}.", fix)])
    person = Person(id=scope.new_id("per"), name=wanted, administers=administers, created_at=scope.now())
    store.add(scope.write, person)
    return _new_code(scope, person, CODE_LIVES)


@verbs.administers("people")
def new_code(scope: Scope, identifier: str, *, lives: timedelta = CODE_LIVES) -> Code:
    """Return a code for a new password; the one before no longer works, the password still does until then.

    Raises:
        NotFound: there is no such person.
        Conflict: the account is disabled, or signs in elsewhere.
    """
    person = get(scope, identifier)
    if person.disabled_at is not None:
        raise Conflict(f"The account {person.name!r} is disabled.", fix="Enable it first.")
    if person.issuer is not None:
        raise Conflict(f"{person.name!r} signs in by single sign-on.", fix="No password is needed here.")
    return _new_code(scope, person, lives)


def _new_code(scope: Scope, person: Person, lives: timedelta) -> Code:
    code = Code(secrets.token_urlsafe(_CODE_BYTES), person, scope.now() + lives)
    ways_in.add_code(scope.write, person.id, code.secret, expires_at=code.expires_at)
    return code


@verbs.reads("people")
def get(scope: Scope, identifier: str) -> Person:
    return or_not_found(store.get(scope.read, identifier), "person", identifier)


@verbs.administers("people")
def set_administers(scope: Scope, identifier: str, *, administers: bool) -> Person:
    """Make somebody an administrator of the installation, or one no longer; it ends their sessions.

    Raises:
        NotFound: there is no such person.
        Forbidden: it is oneself.
    """
    person = _other(scope, identifier)
    store.change(scope.write, identifier, administers=int(administers))
    ways_in.end_sessions(scope.write, identifier)
    return replace(person, administers=administers)


@verbs.administers("people")
def disable(scope: Scope, identifier: str) -> Person:
    """Let somebody in no longer, from now on: sessions and codes end, tokens open nothing. What they made stays.

    Raises:
        NotFound: there is no such person.
        Forbidden: it is oneself.
    """
    person = _other(scope, identifier)
    store.change(scope.write, identifier, disabled_at=scope.now())
    ways_in.end_sessions(scope.write, identifier)
    ways_in.drop_codes(scope.write, identifier)
    return replace(person, disabled_at=scope.now())


@verbs.administers("people")
def enable(scope: Scope, identifier: str) -> Person:
    """Let somebody in again."""
    person = _other(scope, identifier)
    store.change(scope.write, identifier, disabled_at=None)
    return replace(person, disabled_at=None)


@verbs.administers("people")
def change(scope: Scope, identifier: str, *, administers: bool | None, disabled: bool | None) -> Person:
    """Change what is given of somebody: all of it, or nothing.

    Raises:
        NotFound: there is no such person.
        Forbidden: it is oneself.
    """
    person = _other(scope, identifier)
    if administers is not None and administers != person.administers:
        person = set_administers(scope, identifier, administers=administers)
    if disabled is not None and disabled != (person.disabled_at is not None):
        (disable if disabled else enable)(scope, identifier)
    return get(scope, identifier)


@verbs.administers("people")
def remove(scope: Scope, identifier: str) -> None:
    """Forget a disabled account with its roles and tokens; what its person made stays, and is signed by their id.

    Raises:
        NotFound: there is no such person.
        Forbidden: it is oneself.
        Conflict: they are let in still.
    """
    person = _other(scope, identifier)
    if person.disabled_at is None:
        fix = "Disable it first, and move into a project what belongs to nobody else."
        raise Conflict(f"The account {person.name!r} is in use.", fix=fix)
    store.remove(scope.write, identifier)


@verbs.reads("people")
def sessions(scope: Scope, identifier: str) -> Sequence[Session]:
    """Return where somebody is signed in."""
    found = ways_in.sessions_of(scope.read, get(scope, identifier).id)
    return [each for each in found if each.ends_at() > scope.now()]


@verbs.administers("people")
def end_sessions(scope: Scope, identifier: str) -> None:
    """Sign somebody out everywhere."""
    ways_in.end_sessions(scope.write, get(scope, identifier).id)


@verbs.reads("people")
def tokens(scope: Scope, identifier: str) -> Sequence[ApiToken]:
    """Return somebody's tokens, without their secrets."""
    return ways_in.tokens_of(scope.read, get(scope, identifier).id)


@verbs.administers("people")
def revoke_token(scope: Scope, identifier: str, token: str) -> None:
    """Let somebody's token open nothing any more.

    Raises:
        NotFound: they have no such token.
    """
    or_not_found(ways_in.revoke_token(scope.write, identifier, token) or None, "token", token)


def _other(scope: Scope, identifier: str) -> Person:
    person = or_not_found(store.get(scope.write, identifier), "person", identifier)
    if person.id == scope.actor.id:
        raise Forbidden("Nobody changes what they are themselves.", fix="Another administrator can.")
    return person
