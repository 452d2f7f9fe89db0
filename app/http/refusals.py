"""Refusals in the audit: who was not let in, and who asked for what they may not. Bounded, so that nobody floods it."""

import json
from collections import Counter
from threading import Lock

from starlette.requests import Request

from app.domain.actors import VISITOR, Actor
from app.domain.audit import Act
from app.domain.errors import DomainError, SignInFailed
from app.http.actor import accounts_of, actor_of
from app.http.dependencies import Allowed, AllowedToOpen
from app.http.problems import describe
from app.services.scope import Scope, Scopes

WINDOW_S = 600
OF_ONE = 5  # entries of one person, or of one address, in a window
OF_ALL = 60
REFUSED = "refused"


class Refusals:
    """How many were written down lately. What is left out is counted, and stands in the next entry."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._window = -1
        self._written: Counter[str] = Counter()
        self._left_out = 0

    def admit(self, source: str, seconds: float) -> int | None:
        """Return how many were left out since the last entry; None where this one is to be left out, too."""
        with self._lock:
            window = int(seconds // WINDOW_S)
            if window != self._window:
                self._window = window
                self._written.clear()
            if self._written[source] >= OF_ONE or self._written.total() >= OF_ALL:
                self._left_out += 1
                return None
            self._written[source] += 1
            left_out, self._left_out = self._left_out, 0
            return left_out


def note_sign_in(request: Request, scope: Scope, verb: str, error: DomainError) -> None:
    """Note, with the scope that is about to be closed, that somebody was not let in."""
    accounts = accounts_of(request)
    left_out = None
    if isinstance(error, SignInFailed) and accounts is not None:
        left_out = _refusals(request).admit(accounts.where(request).address, scope.now().timestamp())
    if left_out is not None and isinstance(error, SignInFailed):
        scope.acts.append(_act(verb, "account", error, left_out, subject=error.about))


def note_forbidden(request: Request, error: DomainError) -> None:
    """Write down, in a transaction of its own, that somebody asked for what they may not; it waits for the disk."""
    accounts = accounts_of(request)
    if accounts is None:
        return
    actor = _known(request)
    scopes: Scopes = request.app.state.scopes
    source = actor.id if actor is not VISITOR else accounts.where(request).address
    left_out = _refusals(request).admit(source, scopes.app_context.clock.now().timestamp())
    if left_out is not None:
        route = request.scope.get("route")
        verb = f"{request.method} {getattr(route, 'path', '')}"
        with scopes.open(actor) as scope:
            scope.acts.append(_act(verb, _noun(route), error, left_out))


def _act(verb: str, noun: str, error: DomainError, left_out: int, *, subject: str = "") -> Act:
    given = {"status": describe(error).status, **({"left_out_before": left_out} if left_out else {})}
    return Act(verb=verb, action=REFUSED, noun=noun, subject=subject, given=json.dumps(given, separators=(",", ":")))


def _known(request: Request) -> Actor:
    try:
        return actor_of(request)
    except DomainError:
        return VISITOR


def _noun(route: object) -> str:
    asked = getattr(getattr(route, "dependant", None), "dependencies", ())
    found = (each.call.thing for each in asked if isinstance(each.call, Allowed | AllowedToOpen))
    return next(found, "")


def _refusals(request: Request) -> Refusals:
    found: Refusals = request.app.state.refusals
    return found
