"""The doors on a whole house in a temporary folder, with an engine that is turned by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from starlette.testclient import TestClient

from app.api.router import ROUTERS as API
from app.edge.application import GuardedApp
from app.edge.guard import GuardPolicy
from app.edge.problem_answers import answer_problems
from app.engine.engine import Engine
from app.services.scope import Scopes
from app.settings import ROOT
from app.web.site import ROUTERS as PAGES
from app.web.site import problem_page, static_files
from tests.support.house import TestHouse

BASE_URL = "http://127.0.0.1:8000"
PEER = ("127.0.0.1", 50_000)
POLICY = GuardPolicy(hosts=frozenset({"127.0.0.1", "localhost", "[::1]"}), upload_bytes=64 * 2**20)


def rest_app(house: TestHouse) -> GuardedApp:
    """Return the application with REST alone; nothing turns the engine."""
    app = GuardedApp(policy=POLICY, title="TuneDesk", version="test")
    app.state.scopes = house.scopes
    app.take_in(API)
    answer_problems(app)
    return app


def whole_app(scopes: Scopes) -> GuardedApp:
    """Return the application with its pages; nothing turns the engine."""
    app = GuardedApp(policy=POLICY, title="TuneDesk", version="test")
    app.state.scopes = scopes
    app.take_in(API)
    app.take_in(PAGES)
    app.mount("/static", static_files(ROOT / "static"))
    answer_problems(app, problem_page)
    return app


def client_of(app: GuardedApp, *, peer: tuple[str, int] = PEER, base_url: str = BASE_URL) -> TestClient:
    """Return a client that sits at this machine unless told otherwise, and sees what a server's client would see."""
    return TestClient(app, base_url=base_url, client=peer, raise_server_exceptions=False, follow_redirects=False)


@contextmanager
def visiting(scopes: Scopes) -> Iterator[TestClient]:
    """Give a browser without scripts at this machine, which asks for pages and for REST; nothing turns the engine."""
    with client_of(whole_app(scopes)) as client:
        client.headers["origin"] = BASE_URL  # as a browser does with every form
        yield client


def turn(house: TestHouse, engine: Engine, *, times: int = 60) -> None:
    """Turn the engine, ten seconds a time, until nothing happens any more."""
    idle = 0
    for _ in range(times):
        idle = 0 if engine.tick() else idle + 1
        if idle > 20:
            return
        house.clock.turn(timedelta(seconds=10))


def key(text: str) -> dict[str, str]:
    """Return the header of an idempotency key."""
    return {"idempotency-key": text}


def job_body(house: TestHouse, **changes: object) -> dict[str, Any]:
    """Return the body of a job that is in order, changed as asked."""
    return dict(house.fields(**changes))
