"""How people come in: by name and password, or by a one-time code; and who a cookie or a token is.

A guess costs its account and its address waiting time before its password is looked at; the right one clears both.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from app.domain.actors import VISITOR, Actor, ProjectRole, Role
from app.domain.errors import SignInFailed, TooManyTries
from app.domain.people import Person, Session, checked_password, fits, narrowed
from app.kit import passwords
from app.services import guessing, verbs
from app.services.scope import AppContext, Scope, Scopes
from app.store import people as store
from app.store import ways_in

TOKEN_PREFIX = "tdp_"  # noqa: S105 -- how a token begins, not one
_SECRET_BYTES = 32
_AGENT_LIMIT = 200
_BUSY_S = 5
_TOUCHED_EVERY = timedelta(minutes=1)
_FAILED = "The name or the password is wrong, or the account is disabled."
DEAD_CODE = "The code opens nothing."
CODE_FIX = "A code works once, and only for a while. Ask whoever gave it to you for a new one."
_FIX = "Try again. An administrator can give you a code for a new password."


@dataclass(frozen=True, slots=True)
class Known:
    """Who asks, as a session or a token says; `note` writes down that it was used, where that is due."""

    actor: Actor
    note: Callable[[AppContext], None] | None = None


@dataclass(frozen=True, slots=True)
class From:
    """Where somebody signs in from, for their list of sessions and against guessing.

    `former` is the cookie that their browser brings along: whoever signs in anew goes on with one session, not two.
    """

    address: str
    agent: str = ""
    former: str = field(default="", repr=False)


@contextmanager
def busy() -> Iterator[None]:
    """Tell of hashing that found no slot as of a try too many; a moment later there is one.

    Raises:
        TooManyTries: so many want in that this one has to come again.
    """
    try:
        yield
    except passwords.Busy:
        message = "Too many people are signing in right now."
        raise TooManyTries(message, wait_s=_BUSY_S, fix=f"Wait {_BUSY_S} seconds, then try again.") from None


@verbs.enters("account")
def sign_in(scope: Scope, scopes: Scopes, name: str, password: str, where: From) -> str:
    """Return the secret of a new session of whoever has that name and password.

    Raises:
        SignInFailed: nobody has, or may come in any more.
        TooManyTries: it was tried too often for this account or from this address.
    """
    with scopes.open(VISITOR) as first:  # committed before the password is looked at, whatever comes of that
        guessing.count_try(first.write, guessing.account_key(name), guessing.OF_AN_ACCOUNT, first.now())
        guessing.count_try(first.write, guessing.address_key(where.address), guessing.OF_AN_ADDRESS, first.now())
    person = store.by_name(scope.read, name)
    kept = None if person is None else store.password_of(scope.read, person.id)
    scope.release()
    with busy():
        right = fits(password) and passwords.is_right(password, kept)
    if not right or person is None or person.disabled_at is not None:
        raise SignInFailed(_FAILED, fix=_FIX, about="" if person is None else person.id)
    if kept is not None and passwords.is_outdated(kept):
        with busy():
            made = passwords.hashed(password)
        store.change(scope.write, person.id, password=made)
    for key in (guessing.account_key(name), guessing.address_key(where.address)):
        ways_in.clear_attempt(scope.write, key)
    return begin_session(scope, person, where)


@verbs.enters("account")
def redeem(scope: Scope, scopes: Scopes, code: str, password: str, where: From) -> str:
    """Give whoever holds a one-time code a password of their own, and return the secret of their new session.

    Raises:
        SignInFailed: the code is used, expired or was never given out.
        TooManyTries: codes were tried too often from this address.
        Invalid: the password is weak; the code can be used again.
    """
    with scopes.open(VISITOR) as first:
        guessing.count_try(first.write, guessing.address_key(where.address), guessing.OF_AN_ADDRESS, first.now())
    owner = ways_in.owner_of_code(scope.read, code.strip(), now=scope.now())
    person = None if owner is None else store.get(scope.read, owner)
    if person is None or person.disabled_at is not None:
        raise SignInFailed(DEAD_CODE, fix=CODE_FIX)
    good = checked_password(password, person.name)
    scope.release()
    with busy():
        made = passwords.hashed(good)
    tx = scope.write
    if ways_in.use_code(tx, code.strip(), now=scope.now()) != person.id:  # another one was quicker
        raise SignInFailed(DEAD_CODE, fix=CODE_FIX)
    ways_in.end_sessions(tx, person.id)
    store.change(tx, person.id, password=made)
    for key in (guessing.account_key(person.name), guessing.address_key(where.address)):
        ways_in.clear_attempt(tx, key)
    return begin_session(scope, person, where)


@verbs.enters("account")
def begin_session(scope: Scope, person: Person, where: From) -> str:
    """Return the secret of a new session: a fresh one each time, so that none can be handed to anybody before.

    The one that the same browser had ends, whosever it was (ASVS 5.0, V7.2.4).
    """
    secret, now = secrets.token_urlsafe(_SECRET_BYTES), scope.now()
    session = Session(
        id=scope.new_id("ses"),
        person=person.id,
        created_at=now,
        seen_at=now,
        address=where.address,
        agent="".join(each for each in where.agent if each.isprintable())[:_AGENT_LIMIT],
    )
    if where.former:
        ways_in.forget_session(scope.write, where.former)
    ways_in.add_session(scope.write, session, secret)
    store.signed_in(scope.write, person.id, now)
    scope.entered = person.id
    return secret


def by_session(app_context: AppContext, secret: str) -> Known | None:
    """Return who the cookie of a session is; None for one that is over, revoked, or of somebody who is disabled."""
    now = app_context.clock.now()
    found = ways_in.session_by(app_context.database, secret)
    if found is None:
        return None
    session, person, roles = found
    if session.ends_at() <= now or person.disabled_at is not None:
        return None
    actor = Actor(
        id=person.id,
        role=Role.ADMINISTRATOR if person.administers else Role.PERSON,
        name=person.name,
        projects=roles,
        session=session.id,
    )

    def note(context: AppContext) -> None:
        with context.database.writing() as tx:
            ways_in.touch_session(tx, session.id, now)

    return Known(actor, note if now - session.seen_at >= _TOUCHED_EVERY else None)


def by_token(app_context: AppContext, secret: str) -> Known | None:
    """Return who asks with an API token: its person with what the token lets through, never more than they may now."""
    if not secret.startswith(TOKEN_PREFIX):
        return None
    now = app_context.clock.now()
    found = ways_in.token_by(app_context.database, secret)
    if found is None:
        return None
    token, person, roles = found
    if token.expires_at <= now or person.disabled_at is not None:
        return None
    if person.administers and token.project is not None:  # an administrator is one in that project, too
        roles = {token.project: ProjectRole.ADMIN}
    everywhere = person.administers and token.project is None
    actor = Actor(
        id=person.id,
        role=Role.ADMINISTRATOR if everywhere else Role.PERSON,
        name=person.name,
        projects=narrowed(roles, token),
        token=token.scope,
        within=token.project,
    )

    def note(context: AppContext) -> None:
        with context.database.writing() as tx:
            ways_in.touch_token(tx, token.id, now)

    fresh = token.last_used_at is not None and now - token.last_used_at < _TOUCHED_EVERY
    return Known(actor, None if fresh else note)


def by_name(app_context: AppContext, name: str) -> Known | None:
    """Return who a proxy that this installation trusts says is there."""
    found = store.with_roles(app_context.database, name)
    if found is None or found[0].disabled_at is not None:
        return None
    person, roles = found
    role = Role.ADMINISTRATOR if person.administers else Role.PERSON
    return Known(Actor(person.id, role, person.name, roles))


def are_on(app_context: AppContext) -> bool:
    """Tell whether this installation has accounts."""
    with app_context.database.reading() as tx:
        return store.setting(tx, store.ACCOUNTS) == "on"
