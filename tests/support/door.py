"""The doors on a whole house in a temporary folder, with an engine that is turned by hand."""

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from app.api import discovery
from app.api.openapi import describe_api
from app.api.router import ROUTERS as API
from app.backends.azure_foundry.kind import AzureFoundryKind
from app.engine.engine import Engine
from app.http.application import GuardedApp
from app.http.guard import GuardPolicy
from app.http.problem_answers import answer_problems
from app.kit.clock import SystemClock
from app.openai_api.router import ROUTERS as OPENAI
from app.services.scope import Scopes
from app.settings import ROOT
from app.web.site import ROUTERS as PAGES
from app.web.site import problem_page, static_files
from docs import style_guide
from tests.support.app_context import TestHouse

BASE_URL = "http://127.0.0.1:8000"
_PARAMETER = re.compile(r"\{([^}]+)\}")
# What no id can be; other steps are numbers.
_FITTING = {"step": "model", "table": "jobs", "name": "trl"}
PEER = ("127.0.0.1", 50_000)
# Every kind that there is, so that their routes are there whether or not an installation of a test has them.
KINDS = (AzureFoundryKind(clock=SystemClock(), cache=Path(os.devnull)),)
POLICY = GuardPolicy(hosts=frozenset({"127.0.0.1", "localhost", "[::1]"}), upload_bytes=64 * 2**20)


def rest_app(app_context: TestHouse) -> GuardedApp:
    """Return the application with REST alone; nothing turns the engine."""
    app = GuardedApp(policy=POLICY, describe=describe_api, title="TuneDesk", version="test")
    app.state.scopes = app_context.scopes
    app.include([*API, discovery.router_of(KINDS)])
    app.include(OPENAI)
    answer_problems(app)
    return app


def whole_app(scopes: Scopes) -> GuardedApp:
    """Return the application with its pages, the style guide among them; nothing turns the engine."""
    app = GuardedApp(policy=POLICY, describe=describe_api, title="TuneDesk", version="test")
    app.state.scopes = scopes
    app.include([*API, discovery.router_of(KINDS)])
    app.include(OPENAI)
    app.include([*PAGES, style_guide.router])
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


def turn(app_context: TestHouse, engine: Engine, *, times: int = 60) -> None:
    """Turn the engine, ten seconds a time, until nothing happens any more."""
    idle = 0
    for _ in range(times):
        idle = 0 if engine.tick() else idle + 1
        engine.tasks.wait()
        if idle > 20:
            return
        app_context.clock.turn(timedelta(seconds=10))


@contextmanager
def turning(app_context: TestHouse, engine: Engine) -> Iterator[None]:
    """Let the engine work and the clock run, quickly, while the block runs."""
    stop = threading.Event()

    def turn() -> None:
        while not stop.wait(0.02):
            engine.tick()
            app_context.clock.turn(timedelta(seconds=5))

    thread = threading.Thread(target=turn, name="engine")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def address(template: str) -> str:
    """Return a route's address with something in each place that can stand there."""
    numbered = template.replace("checkpoints/{step}", "checkpoints/10")
    return _PARAMETER.sub(lambda match: _FITTING.get(match[1], "job_1"), numbered)


def key(text: str) -> dict[str, str]:
    """Return the header of an idempotency key."""
    return {"idempotency-key": text}


def job_body(app_context: TestHouse, **changes: object) -> dict[str, Any]:
    """Return the body of a job that is in order, changed as asked."""
    return dict(app_context.fields(**changes))
