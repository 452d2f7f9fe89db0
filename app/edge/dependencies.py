"""What a route asks for. Deny by default: a route reaches the services only through one of these, and each names
what it is about to do and to what.

`scope="function"` is compulsory: with an ordinary `yield` dependency FastAPI sends the answer before the commit, so
a commit that fails still answers 201.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from starlette.requests import Request

from app.domain.actors import Action, Actor, authorize
from app.edge.actor import actor_of
from app.services.scope import Scope

OpenScope = Callable[[], AbstractContextManager[Scope]]


@dataclass(frozen=True, slots=True)
class Allowed:
    """May the one who asks do `action` to `thing`? If so, the route gets its scope, committed when it returns."""

    action: Action
    thing: str

    def __call__(self, request: Request) -> Iterator[Scope]:
        """Open the scope around the route's function."""
        actor = authorize(actor_of(request), self.action, self.thing)
        with request.app.state.scopes.open(actor) as scope:
            yield scope


@dataclass(frozen=True, slots=True)
class AllowedToOpen:
    """As `Allowed`, for streams, which outlive the route's function: they open one short scope after another."""

    action: Action
    thing: str

    def __call__(self, request: Request) -> OpenScope:
        """Return what opens a scope."""
        actor: Actor = authorize(actor_of(request), self.action, self.thing)
        scopes = request.app.state.scopes
        return lambda: scopes.open(actor)


def allowed(action: Action, thing: str) -> Allowed:
    """Return the dependency of an ordinary route: `Annotated[Scope, Depends(allowed(…), scope="function")]`."""
    return Allowed(action, thing)


def allowed_to_open(action: Action, thing: str) -> AllowedToOpen:
    """Return the dependency of a streaming route: `Annotated[OpenScope, Depends(allowed_to_open(…))]`."""
    return AllowedToOpen(action, thing)
