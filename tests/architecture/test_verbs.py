"""Who may call a verb is said once: every verb checks its actor itself, and both doors ask for what it asks for."""

import ast
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from app.domain.actors import Action
from app.domain.errors import Forbidden
from app.http.dependencies import Allowed, AllowedToOpen
from app.main import create_app
from app.services import verbs
from app.settings import Settings
from app.web.views.audit_words import ACTS
from tests.architecture import permissions
from tests.architecture.tree import ROOT, for_each, modules, name, syntax

SERVICES = modules("app/services")
for service in SERVICES:
    importlib.import_module(f"app.services.{service.stem}")
REGISTERED = {each.removeprefix("app.services."): asked for each, asked in verbs.registered().items()}
DOORS = ("app.api.", "app.web.", "app.openai_api.")
FOR_ANYBODY = {"api/health.get_live", "api/health.get_ready"}  # supervisors and proxies, which nobody signs in
NO_VERB = {"health", "openapi", "theme"}  # nouns of addresses behind which there is no verb


def public(path: Path) -> Iterator[ast.FunctionDef]:
    """Give a service's public functions that are handed a scope."""
    for node in syntax(path).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and node.args.args:
            given = [ast.unparse(each.annotation) for each in node.args.args if each.annotation is not None]
            if "Scope" in given:
                yield node


@for_each(SERVICES, name)
def test_every_public_verb_is_registered_and_is_given_its_scope_first(path: Path) -> None:
    for node in public(path):
        assert f"{path.stem}.{node.name}" in REGISTERED, f"{node.name} says nowhere who may call it"
        assert node.args.args[0].arg == "scope"


@for_each(list(REGISTERED))
def test_a_verb_refuses_whoever_may_not_before_it_looks_at_anything(verb: str) -> None:
    module, _, function = verb.partition(".")
    nobody: Any = SimpleNamespace(actor=None)
    with pytest.raises(Forbidden):
        getattr(importlib.import_module(f"app.services.{module}"), function)(nobody)


@for_each(SERVICES, name)
def test_a_verb_that_reads_writes_nothing(path: Path) -> None:
    for node in public(path):
        if REGISTERED[f"{path.stem}.{node.name}"].action is Action.READ:
            assert "scope.write" not in {ast.unparse(each) for each in ast.walk(node)}, node.name


@dataclass(frozen=True)
class Route:
    """An address of a door: what it asks for, and the verbs that its function, or its module's own, call."""

    where: str
    asked: frozenset[verbs.Permission]
    calls: frozenset[str]


def routes(settings: Settings) -> list[Route]:
    """Return every address of both doors that has a function of its own."""
    found = []
    for context in iter_route_contexts(create_app(settings).routes):
        route = context.original_route
        if isinstance(route, APIRoute) and route.endpoint.__module__.startswith(DOORS):
            path = ROOT / (route.endpoint.__module__.replace(".", "/") + ".py")
            asked = frozenset(
                verbs.Permission(each.call.action, each.call.thing)
                for each in route.dependant.dependencies
                if isinstance(each.call, Allowed | AllowedToOpen)
            )
            where = f"{path.parent.name}/{path.stem}.{route.endpoint.__name__}"
            if asked:  # what asks nobody stands in `test_routes_authorised`
                found.append(Route(where, asked, frozenset(called(path, route.endpoint.__name__))))
    return found


def called(path: Path, function: str) -> Iterator[str]:
    """Give the verbs that a function of a door calls, the functions of its module that it calls included."""
    tree = syntax(path)
    services = {
        alias.asname or alias.name: alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == "app.services"
        for alias in node.names
    }
    own = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    ahead, seen = [function], set()
    while ahead:
        seen.add(one := ahead.pop())
        for node in (each for line in own[one].body for each in ast.walk(line)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in services:
                verb = f"{services[node.value.id]}.{node.attr}"
                if verb in REGISTERED:
                    yield verb
            elif isinstance(node, ast.Name) and node.id in own and node.id not in seen:
                ahead.append(node.id)


def disagreements(found: list[Route]) -> list[str]:
    """Return the addresses that ask for something else than what they call does: than an act of it, if there is one."""
    wrong = []
    for route in found:
        called = {REGISTERED[verb] for verb in route.calls}
        if route.where in FOR_ANYBODY and not called:
            continue
        wanted = {each for each in called if each.action is not Action.READ} or called
        (asked,) = route.asked
        if (
            asked not in wanted
            if wanted
            else asked.action not in {Action.READ, Action.ENTER} and asked.noun not in NO_VERB
        ):
            wrong.append(f"{route.where} asks for {asked}, and calls {sorted(route.calls)}")
    return wrong


def test_both_doors_ask_for_what_the_verb_asks_for(settings: Settings) -> None:
    found = routes(settings)
    assert len(found) > 180
    assert disagreements(found) == []
    nouns = {each.noun for each in REGISTERED.values()} | NO_VERB
    assert {asked.noun for route in found for asked in route.asked} <= nouns, "an address asks for a noun of no verb"


def test_who_may_do_what_stands_in_the_reviewed_table(settings: Settings) -> None:
    """A verb, a parameter of one, an address or a field of a body that nobody has reviewed is found here."""
    reviewed = permissions.TABLE.read_text(encoding="utf-8").splitlines()
    change = set(permissions.table(settings)) ^ set(reviewed)
    assert change == set(), "look at each, then run: python -m tests.architecture.permissions"


def test_an_act_is_asked_for_alike_by_both_doors(settings: Settings) -> None:
    asked: dict[str, set[verbs.Permission]] = {}
    for route in routes(settings):
        acting = [verb for verb in route.calls if REGISTERED[verb].action is not Action.READ]
        if len(acting) == 1:
            asked.setdefault(acting[0], set()).update(route.asked)
    assert len(asked) > 45
    assert {verb: found for verb, found in asked.items() if found != {REGISTERED[verb]}} == {}


def test_the_check_finds_an_address_that_asks_for_less() -> None:
    asked = frozenset({verbs.Permission(Action.WRITE, "jobs")})
    less = Route("web/jobs.model_from_checkpoint", asked, frozenset({"checkpoints.make_model"}))
    assert disagreements([less]) != []


def test_every_act_has_words_for_the_audits_page() -> None:
    assert {name for name, asked in REGISTERED.items() if asked.action is not Action.READ} == set(ACTS)
