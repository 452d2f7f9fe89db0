"""Who may call a verb. Every public verb is registered with what it does to what, and checks its scope's actor itself.

The doors read the same registry (`http.dependencies.may`), so an address asks for what its verb asks for, and asks
before it reads anything of the request.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast

from app.domain.actors import Action, authorize
from app.services.acts import Acting
from app.services.scope import Scope

V = TypeVar("V", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Permission:
    """What a verb does, and to which noun."""

    action: Action
    noun: str


_REGISTERED: dict[Callable[..., object], Permission] = {}


def _verb(action: Action, noun: str) -> Callable[[V], V]:
    def registered(function: V) -> V:
        name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"
        acting = Acting(name, action, noun, list(inspect.signature(function).parameters)[1:])

        @wraps(function)
        def checked(scope: Scope, /, *given: Any, **named: Any) -> Any:  # noqa: ANN401 -- whatever the verb takes and gives
            authorize(scope.actor, action, noun)
            return acting.call(scope, function, given, named)

        _REGISTERED[checked] = Permission(action, noun)
        return cast("V", checked)

    return registered


def reads(noun: str) -> Callable[[V], V]:
    """Register a verb that changes nothing here."""
    return _verb(Action.READ, noun)


def writes(noun: str) -> Callable[[V], V]:
    """Register a verb that changes something here, and takes nothing away that cannot be made again."""
    return _verb(Action.WRITE, noun)


def spends(noun: str) -> Callable[[V], V]:
    """Register a verb that takes a machine's time or a provider's money."""
    return _verb(Action.SPEND, noun)


def deletes(noun: str) -> Callable[[V], V]:
    """Register a verb that takes something away."""
    return _verb(Action.DELETE, noun)


def administers(noun: str) -> Callable[[V], V]:
    """Register a verb that touches secrets, prices, or what this installation is connected to."""
    return _verb(Action.ADMINISTER, noun)


def permission(verb: Callable[..., object]) -> Permission:
    """Return what a verb asks for.

    Raises:
        KeyError: for a function that is no verb.
    """
    return _REGISTERED[verb]


def registered() -> dict[str, Permission]:
    """Return the permissions of the verbs that are loaded, by module and name."""
    return {f"{verb.__module__}.{verb.__qualname__}": asked for verb, asked in _REGISTERED.items()}
