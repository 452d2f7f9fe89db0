"""Verbs on what a connection's account can see: listing it, choosing from it, and making what is missing.

`steps` are those of the connection's kind, as far as a verb is about them: the last one is what it asks for.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

from app.domain.backend import Rejected
from app.domain.connection_kinds import ConnectionKind
from app.domain.connections import Connection
from app.domain.discovery import Choice, Creation, Discovers, Provisioning, Provisions, Step
from app.domain.errors import Conflict, Invalid, Problem, or_not_found
from app.domain.fields import problems_of
from app.domain.profiles import Ability
from app.services import connections, verbs
from app.services.scope import Scope

A = TypeVar("A", bound=Ability)


@verbs.reads("connections")
def kind_of(scope: Scope, identifier: str) -> ConnectionKind:
    """Return the kind of a connection.

    Raises:
        Conflict: where the kind has no steps.
    """
    connection = connections.get(scope, identifier)
    kind = scope.backends.kind(connection.backend)
    if kind is None or not kind.steps:
        raise Conflict("On this connection there is nothing to choose.", fix="It needs no further settings.")
    return kind


def creation_of(kind: ConnectionKind, name: str) -> Creation:
    return or_not_found(next((each for each in kind.creations if each.name == name), None), "thing to make", name)


@verbs.reads("discovery")
def choices(scope: Scope, identifier: str, steps: Sequence[Step], given: Mapping[str, str]) -> Sequence[Choice]:
    """Return what the last of these steps lists; what is not given of those before it is the connection's own.

    Raises:
        Invalid: when it is not said where to look, or a value does not look right.
    """
    *before, wanted = steps
    chosen = values_of(scope, identifier, before, given)
    unknown = [Problem(f"?{each.name}", "unset", "It is not said where to look.", _WHERE) for each in before
               if not chosen[each.name]]  # fmt: skip
    problems = unknown or problems_of([each.field for each in before], chosen)
    with _asked(scope, identifier, Discovers, problems) as backend:
        return backend.choices(wanted.name, chosen)


@verbs.reads("discovery")
def values_of(scope: Scope, identifier: str, steps: Sequence[Step], given: Mapping[str, str | None]) -> dict[str, str]:
    """Return the value of each step: what is given, else what the connection is set to, else nothing."""
    own = connections.get(scope, identifier).settings
    return {each.name: given.get(each.name) or own.get(each.setting, "") for each in steps}


@verbs.administers("connections")
def choose(scope: Scope, identifier: str, steps: Sequence[Step], values: Mapping[str, str]) -> Connection:
    """Let the connection's jobs run where all of its kind's steps lead with these values; what else is set stays.

    Raises:
        Invalid: with every problem at once.
    """
    problems = problems_of([each.field for each in steps], values)
    if problems:
        raise Invalid(problems)
    kept = connections.get(scope, identifier).settings
    return connections.update(
        scope, identifier, settings={**kept, **{each.setting: values[each.name] for each in steps}}
    )


@verbs.administers("connections")
def make(
    scope: Scope, identifier: str, creation: Creation, steps: Sequence[Step], values: Mapping[str, str]
) -> Provisioning:
    """Begin to make something; where it stands is read by `making`.

    Raises:
        Invalid: when a value is wrong, or something else has its name.
        ProviderFailed: when the provider does not take it.
    """
    fields = [*(each.field for each in steps[:-1]), *creation.fields]
    with _asked(scope, identifier, Provisions, problems_of(fields, values)) as backend:
        backend.provision(creation.name, values)
        return backend.provisioning(creation.name, values)


@verbs.reads("discovery")
def making(
    scope: Scope, identifier: str, creation: Creation, steps: Sequence[Step], values: Mapping[str, str]
) -> Provisioning:
    """Return where the making of something stands, by the values of the steps to it."""
    problems = problems_of([each.field for each in steps], values)
    with _asked(scope, identifier, Provisions, problems) as backend:
        return backend.provisioning(creation.name, values)


@contextmanager
def _asked(scope: Scope, identifier: str, ability: type[A], problems: Sequence[Problem]) -> Iterator[A]:
    """Give the backend, unless something is wrong with what it is to be asked."""
    with scope.ask(identifier, ability, fix="It needs no further settings.") as backend:
        if problems:
            raise Invalid(problems)
        try:
            yield backend
        except Rejected as error:
            fix = error.fix or "Change it, and try again."
            raise Invalid([Problem("/name", "rejected", error.detail, fix)]) from error


_WHERE = "Name it in the query, or choose it for the connection first."
