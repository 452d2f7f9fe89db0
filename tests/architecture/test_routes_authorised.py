"""Deny by default: every address says what it does to what, and answers nobody whom it does not know."""

from collections.abc import Iterator
from typing import get_type_hints

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from starlette.responses import Response
from starlette.routing import BaseRoute

from app.domain.actors import Action
from app.http.application import GuardedApp
from app.http.dependencies import Allowed, AllowedToOpen
from app.http.strict_route import StrictRoute
from app.main import create_app
from app.settings import Settings
from tests.support.asgi import Wanted, ask, ask_each
from tests.support.door import address

# The only addresses that ask for nobody: files that are the same for everybody, and the beat of the process.
PUBLIC = {"/static", "/healthz/live", "/healthz/ready"}
LOOPBACK = ("host", "127.0.0.1:8000")
STRANGERS = [
    ("another machine's peer", ("10.0.0.7", 1), [LOOPBACK]),
    ("another name", ("127.0.0.1", 1), [("host", "dash.corp")]),
    ("a proxy", ("127.0.0.1", 1), [LOOPBACK, ("x-forwarded-for", "127.0.0.1")]),
    ("another proxy", ("127.0.0.1", 1), [LOOPBACK, ("forwarded", "for=127.0.0.1")]),
    ("nobody", None, [LOOPBACK]),
]


@pytest.fixture
def whole(settings: Settings) -> GuardedApp:
    """The whole application, pages included; its engine does not turn."""
    made = create_app(settings)
    assert isinstance(made, GuardedApp)
    return made


def contexts(app: GuardedApp) -> Iterator[RouteContext]:
    yield from iter_route_contexts(app.routes)


def asks_for(dependant: Dependant) -> list[Allowed | AllowedToOpen]:
    """Return every permission that a route's dependencies ask for, however deep."""
    own = [dependant.call] if isinstance(dependant.call, Allowed | AllowedToOpen) else []
    return [*own, *(each for inner in dependant.dependencies for each in asks_for(inner))]


def scoped(dependant: Dependant) -> Iterator[tuple[object, str | None]]:
    for inner in dependant.dependencies:
        yield inner.call, inner.scope
        yield from scoped(inner)


def test_every_address_names_what_it_does_and_to_what(whole: GuardedApp) -> None:
    seen = 0
    silent = []
    for context in contexts(whole):
        route: BaseRoute = context.original_route
        if context.path in PUBLIC:
            continue
        seen += 1
        if not isinstance(route, APIRoute) or not asks_for(route.dependant):
            silent.append(context.path)
    assert silent == []
    assert seen > 45


def test_what_rest_answers_was_put_into_its_shape_already(whole: GuardedApp) -> None:
    """`StrictRoute` has FastAPI describe answers, and not check them."""
    returned = [get_type_hints(r.endpoint)["return"] for r in whole.routes if isinstance(r, StrictRoute)]
    assert len(returned) > 100
    assert [each for each in returned if not issubclass(each, Response)] == []


def test_every_commit_comes_before_the_answer(whole: GuardedApp) -> None:
    routes = [context.original_route for context in contexts(whole)]
    late = [
        route.path
        for route in routes
        if isinstance(route, APIRoute)
        for call, scope in scoped(route.dependant)
        if isinstance(call, Allowed) and scope != "function"
    ]
    assert late == []


def test_reading_addresses_only_ask_to_read(whole: GuardedApp) -> None:
    routes = [context.original_route for context in contexts(whole)]
    wrong = [
        route.path
        for route in routes
        if isinstance(route, APIRoute) and (route.methods or set()) <= {"GET", "HEAD"}
        for asked in asks_for(route.dependant)
        if asked.action not in {Action.READ, Action.ENTER}
    ]
    assert wrong == []


def test_strangers_get_nothing_from_any_address(whole: GuardedApp) -> None:
    """Not even a hint whether the thing exists or the body is right."""
    through = []
    for context in contexts(whole):
        if context.path in PUBLIC or context.path is None:
            continue
        path = address(context.path)
        for method in context.methods or {"GET"}:
            for who, peer, headers in STRANGERS:
                reply = ask(whole, method, path, headers, peer=peer)
                if reply.status not in {401, 403, 421}:
                    through.append((who, method, path, reply.status))
    assert through == []


# Security study, T3: names under which a page of somebody else's could make a browser ask this installation.
NOT_OURS = [
    "evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "",
    "evil.example#127.0.0.1", "127.0.0.1@evil.example", "evil.example/127.0.0.1", "127.0.0.1:8000:8000", "[::2]:8000",
]  # fmt: skip


def test_ten_names_that_are_not_ours_are_refused_at_every_address(whole: GuardedApp) -> None:
    """Also where nobody is asked who they are: files, and the beat of the process."""
    asked = [
        (host, method, address(context.path or "/") if context.path != "/static" else "/static/css/app.css")
        for context in contexts(whole)
        for method in sorted(context.methods or {"GET"})
        for host in NOT_OURS
    ]
    wanted = [Wanted(method, path, [("host", host)]) for host, method, path in asked]
    replies = ask_each(whole, wanted, peer=("127.0.0.1", 1))
    through = [(each, reply.status) for each, reply in zip(asked, replies, strict=True) if reply.status != 421]
    assert through == []
    assert len(NOT_OURS) == 10
    assert len(asked) > 3000
