"""Hostile input against every page and every form: never a 5xx, always a page that says what is wrong."""

import itertools
import random
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.testclient import TestClient

from app.http.application import GuardedApp
from app.main import create_app
from app.settings import Settings
from tests.support.clock import TurnedClock
from tests.support.door import client_of, key
from tests.support.hostile import IDS, TEXTS, pretend_ready

ROWS = "\n".join(
    f'{{"messages": [{{"role": "user", "content": "{n}?"}}, {{"role": "assistant", "content": "yes"}}]}}'
    for n in range(20)
)
FORMS = ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "multipart/form-data", "text/plain"]
JUNK = [
    b"",
    b"&&&===",
    b"%00=%00&%ED%A0%80=%FF",
    b"name=" + b"x" * 100_000,
    b"&".join(b"f%d=1" % n for n in range(5000)),
    b"--x\r\nContent-Disposition: form-data\r\n\r\nx\r\n--x--",
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="\x00"\r\n\r\n\x00\r\n--x--\r\n',
    b"--x",
    b"{}",
]
GETS = ["tab", "cursor", "from", "severity", "rule", "status", "q", "project", "connection", "sort", "method", "filter"]
GETS += ["tuned", "only", "deployment", "job", "model", "target", "lines", "draft"]


class Site:
    """The whole application with one of everything behind it."""

    def __init__(self, settings: Settings) -> None:
        app = create_app(settings, clock=TurnedClock())
        assert isinstance(app, GuardedApp)
        pretend_ready(app.state.scopes.app_context.runtimes)
        self.client = client_of(app)
        self.ids = self._fill()
        self.pages = [
            (method, str(context.path))
            for context in iter_route_contexts(app.routes)
            if isinstance(context.original_route, APIRoute) and not str(context.path).startswith(("/api", "/openapi"))
            for method in sorted(context.methods or ())
        ]

    def _fill(self) -> dict[str, str]:
        api = "/api/v1"
        project = self.client.post(f"{api}/projects", json={"name": "P"}).json()["id"]
        data = self.client.put(f"{api}/datasets", params={"name": "D"}, content=ROWS.encode()).json()["id"]
        fields = {
            "project": project,
            "connection": "con_rehearsal",
            "base_model": "rehearsal:small",
            "name": "tuned",
            "training_dataset": data,
        }
        target = {"base_model": "rehearsal:small", "connection": "con_rehearsal"}
        made = {
            "jobs": ("jobs", fields),
            "deployments": ("deployments", {"target": target}),
            "evaluations": ("evaluations", {"target": target, "dataset": data}),
            "wizard": ("drafts", fields),
        }
        ids = {
            noun: self.client.post(f"{api}/{path}", json=body, headers=key(noun)).json()["id"]
            for noun, (path, body) in made.items()
        }
        return {**ids, "projects": project, "datasets": data, "connections": "con_rehearsal"}

    def path(self, template: str, identifier: str | None = None) -> str:
        """Return an address with an id that exists, or with the one given."""
        known = identifier or self.ids.get(template.split("/")[1], "mdl_1")
        return re.sub(r"\{[^}]+\}", known, template.replace("{step}", identifier or "model"))


@pytest.fixture
def site(settings: Settings) -> Iterator[Site]:
    made = Site(settings)
    # Without its lifespan: nothing turns the engine, so everything stays as it is.
    yield made
    made.client.app.state.scopes.app_context.database.close()  # type: ignore[attr-defined]


# A third of the requests in every run, all of them in the long one.
parts = pytest.mark.parametrize("share", [0.33, pytest.param(1.0, marks=pytest.mark.slow)])


def _refused_as(path: str) -> tuple[str, ...]:
    """Return how a refusal may be written: below `/v1` as OpenAI writes it; bad health is no refusal."""
    if path.startswith(("/v1/", "/healthz/")):
        return ("application/json",)
    return ("text/html", "application/problem+json")


class Knock:
    """Many requests, and those that went wrong; with a `share` below 1, the same part of them each time."""

    def __init__(self, client: TestClient, share: float = 1.0) -> None:
        self.client = client
        self._chance, self._share = random.Random(0), share
        self.wrong: list[tuple[object, ...]] = []
        self.count = 0

    def __call__(self, method: str, path: str, **more: Any) -> None:  # noqa: ANN401
        self.count += 1
        if self._chance.random() >= self._share:
            return
        answer = self.client.request(method, path, **more)
        kind = answer.headers.get("content-type", "")
        # The health of a house whose engine stands still is bad, and says so by its status.
        broken = answer.status_code >= 500 and not (path.startswith("/healthz/") and answer.status_code == 503)
        if broken or "Traceback" in answer.text:
            self.wrong.append((method, path[:200], more, answer.status_code))
        elif answer.status_code >= 400 and not kind.startswith(_refused_as(path)):
            self.wrong.append((method, path[:200], more, kind))


@pytest.mark.slow
def test_pages_with_strange_ids_and_queries(site: Site) -> None:
    knock = Knock(site.client)
    for template in [path for method, path in site.pages if method == "GET" and not path.endswith("/live")]:
        for identifier in IDS if "{" in template else []:
            knock("GET", site.path(template, identifier))
        for name, text in zip(GETS, itertools.cycle(TEXTS), strict=False):
            knock("GET", f"{site.path(template)}?{name}={quote(text)}")
        for text in TEXTS:
            knock("GET", f"{site.path(template)}?{urlencode(dict.fromkeys(GETS, text[:1000]))}")
    assert knock.wrong == []
    assert knock.count > 500


@parts
def test_forms_with_strange_ids_and_bodies(site: Site, share: float) -> None:
    knock = Knock(site.client, share)
    for template in [path for method, path in site.pages if method == "POST"]:
        for identifier in IDS if "{" in template else []:
            knock("POST", site.path(template, identifier), data={})
        for kind in FORMS:
            for body in JUNK:
                knock("POST", site.path(template), content=body, headers={"content-type": kind})
    assert knock.wrong == []


@parts
def test_forms_with_strange_fields(site: Site, share: float) -> None:
    knock = Knock(site.client, share)
    for template in [path for method, path in site.pages if method == "POST"]:
        page = site.client.get(site.path(template).rsplit("/", 1)[0] or "/").text
        names = sorted(set(re.findall(r'<(?:input|select|textarea)[^>]*\bname="([^"]+)"', page)) | {"goto", "confirm"})
        for text in TEXTS:
            body = urlencode(dict.fromkeys([*names, "idempotency_key", "name", "seed", "messages"], text))
            headers = {"content-type": "application/x-www-form-urlencoded"}
            knock("POST", site.path(template), content=body.encode(), headers=headers)
    assert knock.wrong == []
