"""The authorisation matrix: every address and method, asked by everybody, against a table that people have read.

A refusal is 401 for nobody known and 403 for whoever may not. What is hidden is answered exactly as what there is not.
The addresses come from the routes, so that a new one is asked, too; a new pair of action and noun needs a row here.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from app.domain.actors import TokenScope
from app.domain.jobs import JobGoal
from app.domain.models import ModelStatus
from app.http.dependencies import Allowed, AllowedByKey, AllowedToOpen
from app.services import jobs, models, people
from tests.support import openai_contract
from tests.support.app_context import TestHouse
from tests.support.asgi import Reply, Wanted, ask_each
from tests.support.connections import REHEARSAL_ID
from tests.support.door import BASE_URL, address
from tests.support.office import COOKIE, Office

# yes: let in · no: 403 · hidden: as if there were no such thing, where the address names one; let in otherwise
Y, N, H = "yes", "no", "hidden"
Cell = Literal["yes", "no", "hidden"]
WHO = (
    "viewer", "member", "admin", "elsewhere", "nowhere", "root", "t-read", "t-ask", "t-write", "t-admin", "t-other",
    "v-admin", "r-read", "r-ask", "r-write", "r-admin",
)  # fmt: skip
# The tokens are the member's, but `t-admin`, the project admin's, and `t-other`, root's for the other project alone;
# `v-` is the viewer's, who may no more with it than without, and `r-` are root's.
_LOOK = (Y, Y, Y, H, H, Y, Y, Y, Y, Y, H, Y, Y, Y, Y, Y)
_WORK = (N, Y, Y, H, N, Y, N, N, Y, Y, H, N, N, N, Y, Y)
_ASK = (N, Y, Y, H, N, Y, N, Y, Y, Y, H, N, N, Y, Y, Y)
_RUN = (N, N, Y, N, N, Y, N, N, N, Y, H, N, N, N, N, Y)
_ALL = (Y, Y, Y, Y, Y, Y, Y, Y, Y, Y, Y, Y, Y, Y, Y, Y)
_OWN = (Y, Y, Y, Y, Y, Y, N, N, N, N, N, N, N, N, N, N)  # no token makes another one, or ends a session
_ROOTS_TO_SEE = (N, N, N, N, N, Y, N, N, N, N, N, N, Y, Y, Y, Y)
_ROOTS_TO_DO = (N, N, N, N, N, Y, N, N, N, N, N, N, N, N, Y, Y)
_ROOTS_TO_RUN = (N, N, N, N, N, Y, N, N, N, N, N, N, N, N, N, Y)
_OF_PROJECTS = {
    "read": ("datasets deployments drafts evaluations jobs members models overview projects", _LOOK),
    "write": ("datasets drafts evaluations jobs models projects", _WORK),
    "spend": ("deployments evaluations jobs", _WORK),
    "delete": ("datasets deployments drafts jobs models", _WORK),
    "administer": ("deployments members", _RUN),
}
_OF_THE_INSTALLATION = {
    "administer": ("aliases connections installation people prices runtimes webhooks", _ROOTS_TO_RUN),
    "delete": ("adoptions engine orphans", _ROOTS_TO_DO),
    "read": ("adoptions aliases audit discovery engine lifeboats orphans people webhooks", _ROOTS_TO_SEE),
    "spend": ("lifeboats", _ROOTS_TO_DO),
    "write": ("adoptions catalog engine lifeboats", _ROOTS_TO_DO),
}
_EVERYBODYS = "account catalog connections health openapi prices runtimes"
TABLE: dict[str, tuple[str, ...]] = {
    **{f"{act} {noun}": row for act, (nouns, row) in _OF_PROJECTS.items() for noun in nouns.split()},
    **{f"{act} {noun}": row for act, (nouns, row) in _OF_THE_INSTALLATION.items() for noun in nouns.split()},
    **{f"read {noun}": _ALL for noun in _EVERYBODYS.split()},
    "spend answers": _ASK,
    "delete projects": (N, N, Y, H, N, Y, N, N, N, Y, H, N, N, N, Y, Y),
    "write account": _OWN,
    "write theme": _ALL,
    "enter account": _ALL,
}
_ACTING = {"member", "admin", "root", "t-ask", "t-write", "t-admin", "r-ask", "r-write", "r-admin"}
_STREAMS = re.compile(r"/(live|stream)$")  # let in, they go on; `test_streams` has them
_OF_THE_MOMENT = re.compile(r'req_\w+|data-version="[^"]*"|data-now="[^"]*"')
_IDS = re.compile(r"\b[a-z]{2,3}_[0-9a-z_]{8,40}\b")
_LEFT_OUT = {
    "/patterns",
    "/patterns/metrics.json",
    "/sign-out",
}  # the tests' own, and its own end
_UNWELL = "/healthz/deep"  # 503 here: nothing turns the engine
_WITH_KEY = "with a deployment's key"
# What else is refused: an empty draft is in no project, which a token of one project is refused; the sample's project
# is made where there is none, which takes a token for administering.
_REFUSED_TOO = {("t-other", "POST", "/api/v1/drafts"), ("r-write", "POST", "/api/v1/drafts/sample")}


@dataclass(frozen=True, slots=True)
class Address:
    """One address and method, what it asks for, and where a thing is named in it."""

    method: str
    template: str
    asked: str

    @property
    def is_page(self) -> bool:
        return not self.template.startswith(("/api/", "/v1/", "/healthz", "/openapi", "/metrics"))

    def at(self, office: Office, *, missing: bool = False) -> str:
        """Return it with the id of one of our project's things, or with one that nothing has."""
        ours = office.two.ours
        own = {
            "jobs": ours.job, "datasets": ours.dataset, "models": ours.model, "deployments": ours.deployment,
            "evaluations": ours.evaluation, "drafts": ours.draft, "wizard": ours.draft, "projects": ours.project,
        }  # fmt: skip
        noun = self.template.removeprefix("/api/v1").split("/")[1]
        known = own.get(noun, REHEARSAL_ID if noun in {"connections", "catalog", "prices"} else "")
        identifier = f"{known[:4]}{'0' * 26}" if missing and noun in own else known
        first = re.sub(r"\{[^}]+\}", identifier or "job_1", self.template, count=1) if identifier else self.template
        return address(first).replace("/checkpoints/job_1", "/checkpoints/10")

    @property
    def names_ours(self) -> bool:
        noun = self.template.removeprefix("/api/v1").split("/")[1]
        of_a_project = {"jobs", "datasets", "models", "deployments", "evaluations", "drafts", "wizard", "projects"}
        return "{" in self.template and noun in of_a_project


def addresses(office: Office) -> Iterator[Address]:
    for context in iter_route_contexts(office.app.routes):
        route = context.original_route
        if isinstance(route, APIRoute) and route.path not in _LEFT_OUT:
            pairs = {
                _WITH_KEY if isinstance(each.call, AllowedByKey) else f"{each.call.action} {each.call.thing}"
                for each in route.dependant.dependencies
                if isinstance(each.call, Allowed | AllowedToOpen)
            }
            for method in sorted(route.methods or ()):
                for asked in pairs:  # what asks nobody has none, and stands in `test_routes_authorised`
                    yield Address(method, route.path, asked)


@pytest.fixture
def office(app_context: TestHouse) -> Office:
    return Office(app_context)


def ways_in(office: Office) -> dict[str, list[tuple[str, str]]]:
    """Return the headers with which each asks."""
    sessions = {
        "viewer": "vera",
        "member": "ada",
        "admin": "alma",
        "elsewhere": "bob",
        "nowhere": "nina",
        "root": "root",
    }
    tokens = {
        "t-read": office.token("ada", TokenScope.READ),
        "t-ask": office.token("ada", TokenScope.ASK),
        "t-write": office.token("ada", TokenScope.WRITE),
        "t-admin": office.token("alma", TokenScope.ADMIN),
        "t-other": office.token("root", TokenScope.ADMIN, project=office.two.theirs.project),
        "v-admin": office.token("vera", TokenScope.ADMIN),
        **{f"r-{scope}": office.token("root", scope) for scope in TokenScope},
    }
    cookies = {
        who: [("cookie", f"{COOKIE}={office.session(name)}"), ("origin", BASE_URL)] for who, name in sessions.items()
    }
    return cookies | {who: [("authorization", f"Bearer {secret}")] for who, secret in tokens.items()}


def asked_by(office: Office, all_of_them: list[tuple[Address, str]], headers: list[tuple[str, str]]) -> list[Reply]:
    host = ("host", "127.0.0.1:8000")
    sent = [Wanted(each.method, target, [host, *headers]) for each, target in all_of_them]
    return ask_each(office.app, sent, peer=("10.0.0.9", 1))


def fields(office: Office) -> Iterator[tuple[Address, str]]:
    """Yield each field that a body of either API may bring, with the address that takes it."""
    paths = {**office.app.openapi()["paths"], **openai_contract.described(office.app)["paths"]}
    schemas = {
        **office.app.openapi()["components"]["schemas"],
        **openai_contract.described(office.app)["components"]["schemas"],
    }
    for each in addresses(office):
        content = paths.get(each.template, {}).get(each.method.lower(), {}).get("requestBody", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        named = schemas.get(str(schema.get("$ref", "")).rpartition("/")[2], schema)
        yield from ((each, field) for field in named.get("properties", ()))


def alike(reply: Reply) -> tuple[int, str]:
    """Return what is answered, whatever the thing that was named is called."""
    return reply.status, _IDS.sub("<id>", _OF_THE_MOMENT.sub("", reply.body.decode(errors="replace")))


def test_every_pair_of_action_and_noun_has_been_reviewed(office: Office) -> None:
    asked = {each.asked for each in addresses(office)} - {_WITH_KEY}
    assert asked == set(TABLE)
    assert {len(row) for row in TABLE.values()} == {len(WHO)}


@pytest.mark.parametrize(
    "nobody",
    ["anonymous", "disabled", "expired", "token expired", "token of the disabled", "no such session", "no such token"],
)
def test_nobody_known_is_let_in_anywhere(office: Office, nobody: str) -> None:
    headers = [("origin", BASE_URL)]
    if nobody == "disabled":
        headers.append(("cookie", f"{COOKIE}={office.session('ada')}"))
        with office.house.open() as scope:
            people.disable(scope, office.people["ada"].id)
    elif nobody == "expired":
        headers.append(("cookie", f"{COOKIE}={office.session('ada')}"))
        office.house.clock.turn(people.CODE_LIVES * 2)
    elif nobody == "token expired":
        headers.append(("authorization", f"Bearer {office.token('root', TokenScope.ADMIN, days=-1)}"))
    elif nobody == "token of the disabled":
        headers.append(("authorization", f"Bearer {office.token('ada', TokenScope.ADMIN)}"))
        with office.house.open() as scope:
            people.disable(scope, office.people["ada"].id)
    elif nobody == "no such token":
        headers.append(("authorization", "Bearer tdp_x"))
    elif nobody == "no such session":
        headers.append(("cookie", f"{COOKIE}=x"))
    wanted = [(each, each.at(office)) for each in addresses(office) if each.asked != "enter account"]
    replies = asked_by(office, wanted, headers)
    found = zip(wanted, replies, strict=True)
    unexpected = [(each.method, path, reply.status) for (each, path), reply in found if reply.status != 401]
    assert not unexpected, "\n".join(map(repr, unexpected))
    assert len(wanted) > 240


# Root's tokens for more than reading add little to what `root` and `t-` show: they are asked in the long run.
@pytest.mark.parametrize("who", [*WHO[:13], *(pytest.param(each, marks=pytest.mark.slow) for each in WHO[13:])])
def test_everybody_is_let_in_where_the_table_says_so_and_nowhere_else(office: Office, who: str) -> None:
    headers = ways_in(office)[who]
    column = WHO.index(who)
    unexpected, let_in = [], 0
    every = [each for each in addresses(office) if each.asked not in {_WITH_KEY, "enter account"}]
    is_token = who[1] == "-"
    if is_token:
        every = [each for each in every if not each.is_page]
    else:  # below `/v1` a key is asked for, whoever is signed in
        every = [each for each in every if not each.template.startswith("/v1/")]
    cells = [(each, TABLE[each.asked][column]) for each in every]
    cells = [(each, N if (who, each.method, each.template) in _REFUSED_TOO else cell) for each, cell in cells]
    cells = [(each, cell) for each, cell in cells if not (_STREAMS.search(each.template) and cell == Y)]
    targets = [(each, each.at(office)) for each, _ in cells]
    hidden = [(each, each.at(office, missing=True)) for each, cell in cells if cell == H and each.names_ours]
    replies = asked_by(office, targets, headers)
    missing = dict(zip([each for each, _ in hidden], asked_by(office, hidden, headers), strict=True))
    for (each, cell), reply in zip(cells, replies, strict=True):
        if cell == N:
            good = reply.status == 403 and (not is_token or b"token" in reply.body)
        elif cell == H and each.names_ours:
            good = alike(reply) == alike(missing[each]) and reply.status in {303, 400, 404, 409, 415, 422}
        else:
            good = reply.status not in {401, 403} and (reply.status < 500 or each.template == _UNWELL)
            let_in += reply.status == 200
        if not good:
            unexpected.append((each.method, each.at(office), each.asked, cell, reply.status, alike(reply)[1][-300:]))
    assert not unexpected, "\n".join(map(repr, unexpected))
    assert len(cells) > (100 if is_token else 220)
    assert let_in > (8 if who in {"nowhere", "elsewhere", "t-other"} else 20)
    assert who in _ACTING or not acted(office), f"{who} has changed something"


# Every field by itself, asked for by everybody who may not write there: it decides nothing of who may.
@pytest.mark.parametrize("who", ["viewer", *(pytest.param(each, marks=pytest.mark.slow) for each in WHO[1:])])
def test_no_field_of_a_body_lets_anybody_in(office: Office, who: str) -> None:
    headers = [*ways_in(office)[who], ("host", "127.0.0.1:8000"), ("content-type", "application/json")]
    column, is_token = WHO.index(who), who[1] == "-"
    refused = [
        (each, field)
        for each, field in fields(office)
        if each.asked not in {_WITH_KEY, "enter account"}
        and TABLE[each.asked][column] == N
        and (is_token or not each.template.startswith("/v1/"))
    ]
    sent = [
        Wanted(each.method, each.at(office), headers, json.dumps({field: value}).encode())
        for each, field in refused
        for value in (None, True, office.people["ada"].id)
    ]
    replies = ask_each(office.app, sent, peer=("10.0.0.9", 1))
    through = [
        (one.method, one.target, one.body, reply.status)
        for one, reply in zip(sent, replies, strict=True)
        if reply.status != 403
    ]
    assert through == []
    assert len(refused) > 30 or who in {"root", "t-other", "r-admin", "r-write"}
    assert len(list(fields(office))) > 120
    assert not acted(office)


def acted(office: Office) -> bool:
    """Tell whether anything of our project is no more as it was made."""
    with office.house.open() as scope:
        job, model = jobs.get(scope, office.two.ours.job), models.get(scope, office.two.ours.model)
    return job.goal is not JobGoal.FINISHED or model.status is not ModelStatus.PRESENT


def test_keys_of_deployments_open_their_own_address_alone(office: Office) -> None:
    keyed = [(each, each.at(office)) for each in addresses(office) if each.asked == _WITH_KEY]
    assert keyed
    for who, headers in ways_in(office).items():
        assert {reply.status for reply in asked_by(office, keyed, headers)} == {401}, who
