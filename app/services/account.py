"""Verbs on one's own account: its password, where one is signed in, and tokens for programs."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from app.domain.actors import VISITOR, TokenScope
from app.domain.errors import Conflict, Invalid, Problem, SignInFailed, or_not_found
from app.domain.names import checked_name
from app.domain.people import LONGEST_TOKEN_LIFE, ApiToken, Membership, Session, checked_password, fits
from app.kit import passwords
from app.services import guessing, projects, verbs
from app.services.entering import TOKEN_PREFIX, busy
from app.services.scope import Scope, Scopes
from app.store import people as store
from app.store import ways_in

_TOKEN_BYTES = 32
_MOST_TOKENS = 50
_LONGEST_DAYS = LONGEST_TOKEN_LIFE.days


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token with its secret, which is shown this once."""

    token: ApiToken
    secret: str


@verbs.reads("account")
def roles(scope: Scope) -> Sequence[Membership]:
    """Return what one is in which project."""
    return store.of_person(scope.read, scope.actor.id)


@verbs.reads("account")
def sessions(scope: Scope) -> Sequence[Session]:
    """Return where one is signed in."""
    return [each for each in ways_in.sessions_of(scope.read, scope.actor.id) if each.ends_at() > scope.now()]


@verbs.writes("account", verbs.LATER)
def end_session(scope: Scope, identifier: str) -> None:
    """Sign out there; what streams to that browser ends within seconds.

    Raises:
        NotFound: one has no such session.
    """
    or_not_found(ways_in.end_session(scope.write, scope.actor.id, identifier) or None, "session", identifier)


@verbs.writes("account", verbs.LATER)
def sign_out(scope: Scope) -> None:
    """End the session that asks."""
    ways_in.end_session(scope.write, scope.actor.id, scope.actor.session)


@verbs.reads("account")
def has_password(scope: Scope) -> bool:
    """Tell whether one signs in with a password here."""
    return store.password_of(scope.read, scope.actor.id) is not None


@verbs.writes("account", verbs.LATER)
def change_password(scope: Scope, scopes: Scopes, old: str, new: str) -> None:
    """Change one's password; all other sessions end.

    Raises:
        Conflict: one has none here.
        TooManyTries: the old one was tried too often.
        SignInFailed: the old one is another.
        Invalid: the new one is weak.
    """
    kept = store.password_of(scope.read, scope.actor.id)
    if kept is None:
        raise Conflict("You sign in by single sign-on.", fix="Change your password there.")
    scope.release()
    key = guessing.change_key(scope.actor.id)
    with scopes.open(VISITOR) as first:  # committed before the password is looked at, whatever comes of that
        guessing.count_try(first.write, key, guessing.OF_AN_ACCOUNT, first.now(), of="Changing the password")
    with busy():
        right = fits(old) and passwords.is_right(old, kept)
    if not right:
        fix = "Enter the password that you sign in with."
        raise SignInFailed("The current password is wrong.", fix=fix, about=scope.actor.id)
    good = checked_password(new, scope.actor.name, "/new")
    with busy():
        made = passwords.hashed(good)
    ways_in.clear_attempt(scope.write, key)
    ways_in.end_sessions(scope.write, scope.actor.id, but=scope.actor.session)
    store.change(scope.write, scope.actor.id, password=made)


@verbs.reads("account")
def tokens(scope: Scope) -> Sequence[ApiToken]:
    """Return one's tokens, without their secrets."""
    return ways_in.tokens_of(scope.read, scope.actor.id)


@verbs.writes("account", verbs.LATER)
def make_token(scope: Scope, name: object, *, reach: object, days: object, project: str | None = None) -> NewToken:
    """Make a token for REST and `/v1`; it never opens more than its person may at that moment.

    Raises:
        Invalid: when a field is wrong.
        NotFound: there is no such project.
        Conflict: one has too many, or there are no accounts here.
    """
    if store.get(scope.read, scope.actor.id) is None:
        raise Conflict("There are no accounts here, so there are no tokens.", fix="Programs need none on this machine.")
    label = checked_name(name, "/name", "The token")
    if not isinstance(reach, str) or reach not in set(TokenScope):
        fix = f"Use one of {', '.join(TokenScope)}."
        raise Invalid([Problem("/scope", "invalid", "That is no scope of a token.", fix)])
    if not isinstance(days, int) or not 1 <= days <= _LONGEST_DAYS:
        raise Invalid([Problem("/days", "range", "Tokens end.", f"Choose 1 to {_LONGEST_DAYS} days.")])
    if project is not None:
        projects.get(scope, project)
    if len(tokens(scope)) >= _MOST_TOKENS:
        raise Conflict(f"You have {_MOST_TOKENS} tokens.", fix="Revoke one that nothing uses any more.")
    secret, now = TOKEN_PREFIX + secrets.token_urlsafe(_TOKEN_BYTES), scope.now()
    token = ApiToken(
        id=scope.new_id("tok"),
        person=scope.actor.id,
        name=label,
        scope=TokenScope(reach),
        project=project,
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    ways_in.add_token(scope.write, token, secret)
    return NewToken(token, secret)


@verbs.writes("account", verbs.LATER)
def revoke_token(scope: Scope, identifier: str) -> None:
    """Let a token open nothing any more.

    Raises:
        NotFound: one has no such token.
    """
    or_not_found(ways_in.revoke_token(scope.write, scope.actor.id, identifier) or None, "token", identifier)
