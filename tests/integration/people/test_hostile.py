"""What nobody should send, sent by each role to both APIs: never a 5xx, always a sentence in the API's own shape."""

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from app.domain.actors import TokenScope
from tests.support.app_context import TestHouse
from tests.support.door import address
from tests.support.hostile import IDS, RAW, TEXTS, VALUES, Attack, pretend_ready
from tests.support.office import Office

ROLES = {
    "vera": TokenScope.ADMIN,
    "ada": TokenScope.ADMIN,
    "alma": TokenScope.ADMIN,
    "bob": TokenScope.WRITE,
    "root": TokenScope.ADMIN,
}
# Fields that many bodies have, each with whatever nobody should say.
FIELDS = ("name", "project", "training_file", "model", "messages", "hyperparameters", "limit", "role", "days", "url")
QUERIES = ("limit", "cursor", "q", "after", "order", "metadata", "project")
_FILES = ("/uploads/{identifier}", "/datasets", "/files", "/parts")  # take bytes as they are, or a form


def addresses(office: Office, below: str) -> Iterator[tuple[str, str]]:
    """Yield (method, template) of one API; streams go on."""
    for context in iter_route_contexts(office.app.routes):
        route = context.original_route
        if isinstance(route, APIRoute) and route.path.startswith(below) and not route.path.endswith("/stream"):
            yield from ((method, route.path) for method in sorted(route.methods or ()))


def filled(office: Office, template: str, identifier: str | None = None) -> str:
    """Return an address about our project's thing of its noun, or about what nobody should name."""
    ours = office.two.ours
    noun = template.removeprefix("/api").removeprefix("/v1").strip("/").split("/")[0].removesuffix("s")
    known = identifier or str(getattr(ours, noun, "job_1"))
    return address(template.replace("{identifier}", known, 1).replace("{model:path}", known))


def attacked(office: Office, token: str, below: str, share: float) -> Attack:
    """Send everything once, or a share of it, the same each time."""
    with office.browser() as client:
        attack = Attack(client, share, client_key=token)
        for method, template in addresses(office, below):
            path = filled(office, template)
            for each in IDS if "{" in template else ():
                attack(method, filled(office, template, each), each)
            for name in QUERIES if method == "GET" else ():
                for text in TEXTS:
                    attack(method, f"{path}?{name}={quote(text)}", text)
            if method in {"POST", "PUT", "PATCH"} and not template.endswith(_FILES):
                kind = {"content-type": "application/json"}
                for body in RAW:
                    attack(method, path, body[:80], content=body, headers=kind)
                for field in FIELDS:
                    for value in VALUES:
                        attack(method, path, (field, value), content=json.dumps({field: value}).encode(), headers=kind)
    return attack


# A few of each in every run, alike each time, as a member; all of them as everybody in the long one.
@pytest.mark.parametrize(
    ("who", "share"),
    [
        pytest.param("ada", 0.003, id="few"),
        *(pytest.param(who, 1.0, marks=pytest.mark.slow, id=who) for who in ROLES),
    ],
)
def test_nothing_of_the_corpus_is_too_much(app_context: TestHouse, who: str, share: float) -> None:
    office = Office(app_context)
    pretend_ready(app_context.app_context.runtimes)
    token = office.token(who, ROLES[who])
    rest, openai = attacked(office, token, "/api/v1/", share), attacked(office, token, "/v1/", share)
    assert rest.wrong + openai.wrong == []
    assert rest.count > 30_000
    assert openai.count > 3_000
