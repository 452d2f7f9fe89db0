"""What a route asks for. Deny by default: a route reaches the services only through one of these, and each names
what it is about to do and to what.

`scope="function"` is compulsory: with an ordinary `yield` dependency FastAPI sends the answer before the commit, so
a commit that fails still answers 201.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from anyio import CancelScope, CapacityLimiter, to_thread
from fastapi import params
from starlette.requests import Request

from app.domain.actors import CLIENT, VISITOR, Action, Actor, authorize
from app.domain.errors import NotFound
from app.http.actor import accounts_of, actor_of, actor_of_key, bearer_of, knock
from app.kit import log_context
from app.services import client_keys, verbs
from app.services.scope import Scope

OpenScope = Callable[[], AbstractContextManager[Scope]]


@dataclass(frozen=True, slots=True)
class Allowed:
    """May the one who asks do `action` to `thing`? If so, the route gets its scope, committed when it returns."""

    action: Action
    thing: str

    async def __call__(self, request: Request) -> AsyncIterator[Scope]:
        """Open the scope around the route's function.

        A new scope holds nothing yet, and one that only read gives its connection back at once; a commit waits for the
        disk, in a thread. FastAPI would use two threads for every request.
        """
        actor = authorize(self._actor(request), self.action, self.thing)
        log_context.note(*map(str, request.path_params.values()), person=actor.id)
        around: AbstractContextManager[Scope] = request.app.state.scopes.open(actor)
        scope = around.__enter__()
        try:
            await self._admit(request, scope)
            yield scope
        except BaseException as error:
            await _leave(around, scope, error)
            raise
        await _leave(around, scope, None)

    def _actor(self, request: Request) -> Actor:
        return actor_of(request)

    async def _admit(self, request: Request, scope: Scope) -> None:
        """Let in whoever got so far."""


class AllowedByKey(Allowed):
    """As `Allowed`, for a program that holds the key of the deployment that the path names, and may ask that alone."""

    __slots__ = ()

    def _actor(self, request: Request) -> Actor:
        knock(request)  # without accounts, whoever holds a key must still sit at this machine
        return CLIENT

    async def _admit(self, request: Request, scope: Scope) -> None:
        identifier, key = request.path_params["identifier"], bearer_of(request)
        await to_thread.run_sync(client_keys.check, scope, identifier, key)


class AllowedWithKey(Allowed):
    """As `Allowed`, below `/v1`."""

    __slots__ = ()

    def _actor(self, request: Request) -> Actor:
        return actor_of_key(request)


class AllowedToEnter(Allowed):
    """As `Allowed`, for whoever is about to sign in; without accounts there is nothing to sign in to."""

    __slots__ = ()

    def _actor(self, request: Request) -> Actor:
        if accounts_of(request) is None:
            actor_of(request)
            raise NotFound("account", "", fix="This installation has none: whoever sits at its machine is its owner.")
        return VISITOR


async def _leave(around: AbstractContextManager[Scope], scope: Scope, error: BaseException | None) -> None:
    what = (None, None, None) if error is None else (type(error), error, error.__traceback__)
    if not scope.writes:
        around.__exit__(*what)
        return
    # Not one of the threads that routes share: all of these may be waiting for this very commit.
    with CancelScope(shield=True):
        await to_thread.run_sync(around.__exit__, *what, limiter=CapacityLimiter(1))


@dataclass(frozen=True, slots=True)
class AllowedToOpen:
    """As `Allowed`, for streams, which outlive the route's function: they open one short scope after another."""

    action: Action
    thing: str

    def __call__(self, request: Request) -> OpenScope:
        """Return what opens a scope."""
        actor: Actor = authorize(self._actor(request), self.action, self.thing)
        scopes = request.app.state.scopes
        return lambda: scopes.open(actor)

    def _actor(self, request: Request) -> Actor:
        return actor_of(request)


class AllowedToOpenWithKey(AllowedToOpen):
    """As `AllowedToOpen`, below `/v1`."""

    __slots__ = ()

    def _actor(self, request: Request) -> Actor:
        return actor_of_key(request)


def may(verb: Callable[..., object]) -> params.Depends:
    """Return what the route of a verb asks for, which is what the verb asks for.

    A route's parameter is `scope: Annotated[Scope, may(jobs.cancel)]`.
    """
    asked = verbs.permission(verb)
    return may_do(asked.action, asked.noun)


def may_do(action: Action, thing: str) -> params.Depends:
    """Return the same for the few routes behind which there is no verb."""
    return params.Depends(Allowed(action, thing), scope="function")


def may_by_key(verb: Callable[..., object]) -> params.Depends:
    """Return what a route asks for that is for programs with a deployment's key."""
    asked = verbs.permission(verb)
    return params.Depends(AllowedByKey(asked.action, asked.noun), scope="function")


def may_with_key(verb: Callable[..., object]) -> params.Depends:
    """Return what a route below `/v1` asks for."""
    asked = verbs.permission(verb)
    return params.Depends(AllowedWithKey(asked.action, asked.noun), scope="function")


def may_open_with_key(verb: Callable[..., object]) -> params.Depends:
    """Return the same for a route below `/v1` that opens one scope after another."""
    asked = verbs.permission(verb)
    return params.Depends(AllowedToOpenWithKey(asked.action, asked.noun))


def may_enter(verb: Callable[..., object]) -> params.Depends:
    """Return what a route asks for that is for whoever is about to sign in."""
    asked = verbs.permission(verb)
    return params.Depends(AllowedToEnter(asked.action, asked.noun), scope="function")


def may_open(verb: Callable[..., object]) -> params.Depends:
    """Return the same for a route that opens one scope after another.

    Its parameter is `open_scope: Annotated[OpenScope, may_open(jobs.get)]`.
    """
    asked = verbs.permission(verb)
    return params.Depends(AllowedToOpen(asked.action, asked.noun))
