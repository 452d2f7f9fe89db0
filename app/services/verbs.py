"""Who may call a verb. Every public verb is registered with what it does to what, and checks its scope's actor itself.

The doors read the same registry (`http.dependencies.may`), so an address asks for what its verb asks for, and asks
before it reads anything of the request.

What a person reads is limited by the database (`store.sight`). Whoever changes something needs the role for it in the
project to which it belongs, and the registry knows how a verb's project is found: `within`.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast

from app.domain.actors import OF_PROJECTS, Action, Role, authorize, in_project
from app.domain.errors import or_not_found
from app.services.acts import Acting
from app.services.scope import Scope
from app.store import ownership

V = TypeVar("V", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Permission:
    """What a verb does, and to which noun."""

    action: Action
    noun: str


@dataclass(frozen=True, slots=True)
class Within:
    """How the project of what a verb changes is found: in a parameter (the first one, if it has no name), which is...

    `of` a noun: that thing itself or its id. Otherwise the project's id, or what has one as its field `project`.
    """

    of: str = ""
    parameter: str = ""


OWN_NOUN = Within("-")  # the thing that is named first, of the verb's own noun
NAMED = Within(parameter="project")
LATER = Within("?")  # the verbs that this one calls know; the database refuses where none does

_REGISTERED: dict[Callable[..., object], Permission] = {}


def _verb(action: Action, noun: str, within: Within) -> Callable[[V], V]:
    def registered(function: V) -> V:
        name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"
        given_names = list(inspect.signature(function).parameters)[1:]
        acting = Acting(name, action, noun, given_names)

        @wraps(function)
        def checked(scope: Scope, /, *given: Any, **named: Any) -> Any:  # noqa: ANN401 -- whatever the verb takes and gives
            actor = authorize(scope.actor, action, noun)
            if actor.role is Role.PERSON and action is not Action.READ and noun in OF_PROJECTS:
                known = dict(zip(given_names, given, strict=False)) | named
                _check_project(scope, Permission(action, noun), within, known)
            return acting.call(scope, function, given, named)

        _REGISTERED[checked] = Permission(action, noun)
        return cast("V", checked)

    return registered


def _check_project(scope: Scope, asked: Permission, within: Within, given: Mapping[str, Any]) -> None:
    """Return if the scope's person may do what is asked in the project of what the verb was given.

    Raises:
        NotFound: they do not see it.
        Forbidden: their role there does not allow it.
    """
    if within is LATER:
        return
    value = given.get(within.parameter) if within.parameter else next(iter(given.values()), None)
    if within.of:
        noun = asked.noun if within is OWN_NOUN else within.of
        identifier = value if isinstance(value, str) else getattr(value, "id", "")
        found = ownership.project_of(scope.read, noun, identifier)
        (project,) = or_not_found(found, noun.removesuffix("s"), identifier)
    else:
        project = _named(value)
        if project is not None and project not in scope.actor.projects:
            return  # not to be seen: the verb says so as of one that there is not
    in_project(scope.actor, asked.action, asked.noun, project)


def _named(value: object) -> str | None:
    """Return the project that a value is, or has as its field."""
    found = value.get("project") if isinstance(value, Mapping) else getattr(value, "project", value)
    return found if isinstance(found, str) and found else None


def enters(noun: str) -> Callable[[V], V]:
    """Register a verb for whoever is about to sign in."""
    return _verb(Action.ENTER, noun, LATER)


def reads(noun: str) -> Callable[[V], V]:
    """Register a verb that changes nothing here."""
    return _verb(Action.READ, noun, LATER)


def writes(noun: str, within: Within = OWN_NOUN) -> Callable[[V], V]:
    """Register a verb that changes something here, and takes nothing away that cannot be made again."""
    return _verb(Action.WRITE, noun, within)


def spends(noun: str, within: Within = OWN_NOUN) -> Callable[[V], V]:
    """Register a verb that takes a machine's time or a provider's money."""
    return _verb(Action.SPEND, noun, within)


def deletes(noun: str, within: Within = OWN_NOUN) -> Callable[[V], V]:
    """Register a verb that takes something away."""
    return _verb(Action.DELETE, noun, within)


def administers(noun: str, within: Within = OWN_NOUN) -> Callable[[V], V]:
    """Register a verb that touches secrets, prices, people, or what this installation is connected to."""
    return _verb(Action.ADMINISTER, noun, within)


def permission(verb: Callable[..., object]) -> Permission:
    """Return what a verb asks for.

    Raises:
        KeyError: for a function that is no verb.
    """
    return _REGISTERED[verb]


def registered() -> dict[str, Permission]:
    """Return the permissions of the verbs that are loaded, by module and name."""
    return {f"{verb.__module__}.{verb.__qualname__}": asked for verb, asked in _REGISTERED.items()}
