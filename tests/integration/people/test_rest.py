"""People, members, sessions and tokens by REST: the same verbs as pages, and nobody raises themselves."""

from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from app.domain.actors import TokenScope
from tests.support.app_context import TestHouse
from tests.support.office import Office

API = "/api/v1"


@pytest.fixture
def office(app_context: TestHouse) -> Office:
    return Office(app_context)


def ask(browser: TestClient, method: str, path: str, body: Any = None) -> Response:  # noqa: ANN401 -- JSON
    return browser.request(method, f"{API}{path}", **({} if body is None else {"json": body}))


def test_somebody_is_invited_changed_disabled_and_removed(office: Office) -> None:
    with office.browser("root") as root:
        made = ask(root, "POST", "/people", {"name": "mia"})
        assert made.status_code == 201
        code, mia = made.json()["secret"], made.json()["person"]["id"]
        assert "secret" not in ask(root, "GET", f"/people/{mia}").json()
        taken = ask(root, "POST", "/people", {"name": "MIA"})
        assert (taken.status_code, taken.json()["errors"][0]["code"]) == (422, "taken")
        assert ask(root, "POST", f"/people/{mia}/code").json()["secret"] != code
        assert ask(root, "PATCH", f"/people/{mia}", {"administers": True}).json()["administers"] is True
        assert ask(root, "DELETE", f"/people/{mia}").status_code == 409, "only a disabled account goes"
        changed = ask(root, "PATCH", f"/people/{mia}", {"administers": False, "disabled": True}).json()
        assert (changed["administers"], changed["disabled_at"] is None) == (False, False)
        assert ask(root, "PATCH", f"/people/{mia}", {"disabled": False}).json()["disabled_at"] is None
        ask(root, "PATCH", f"/people/{mia}", {"disabled": True})
        assert ask(root, "DELETE", f"/people/{mia}").status_code == 204
        assert ask(root, "GET", f"/people/{mia}").status_code == 404
        assert "mia" not in [each["name"] for each in ask(root, "GET", "/people").json()["items"]]


def test_a_projects_people_are_its_administrators_to_choose(office: Office) -> None:
    members = f"/projects/{office.two.ours.project}/members"
    nina = office.people["nina"].id
    with office.browser("alma") as alma:
        assert ask(alma, "PUT", members, {"name": "nina", "role": "viewer"}).json()["role"] == "viewer"
        assert "nina" in [each["name"] for each in ask(alma, "GET", members).json()["items"]]
        nobody = ask(alma, "PUT", members, {"name": "nobody", "role": "viewer"})
        assert (nobody.status_code, nobody.json()["errors"][0]["code"]) == (422, "not_found")
        assert ask(alma, "DELETE", f"{members}/{nina}").status_code == 204
        assert ask(alma, "DELETE", f"{members}/{nina}").status_code == 404
        elsewhere = f"/projects/{office.two.theirs.project}/members"
        assert ask(alma, "GET", elsewhere).status_code == 404
    with office.browser("root") as root:
        items = ask(root, "GET", f"/people/{office.people['ada'].id}/projects").json()["items"]
        assert [(each["project"], each["role"]) for each in items] == [(office.two.ours.project, "member")]


def test_nobody_raises_themselves_by_any_field(office: Office) -> None:
    for name in ("ada", "alma", "root"):
        own = office.people[name].id
        members = f"/projects/{office.two.ours.project}/members"
        with office.browser(name) as browser:
            before = ask(browser, "GET", "/account").json()
            for method, path, body in (
                ("PATCH", f"/people/{own}", {"administers": name != "root"}),
                ("PATCH", f"/people/{own}", {"disabled": True}),
                ("DELETE", f"/people/{own}", None),
                ("PUT", members, {"name": name, "role": "admin"}),
                ("DELETE", f"{members}/{own}", None),
            ):
                if name == "root" and path.startswith(members):
                    continue  # they may do everything as it is
                assert ask(browser, method, path, body).status_code == 403, (name, method, path)
            assert ask(browser, "GET", "/account").json() == before
    with office.browser("ada") as ada:
        for field in ("role", "administers", "projects"):
            assert (
                ask(ada, "POST", "/account/tokens", {"name": "x", "scope": "read", field: "admin"}).status_code == 422
            )


def test_a_token_is_shown_once_opens_and_is_revoked(office: Office) -> None:
    with office.browser("ada") as ada, office.browser() as program:
        made = ask(ada, "POST", "/account/tokens", {"name": "ci", "scope": "read", "days": 3.0})
        assert made.status_code == 201
        secret, token = made.json()["secret"], made.json()["token"]["id"]
        program.headers["authorization"] = f"Bearer {secret}"
        about = ask(program, "GET", "/account").json()
        assert (about["name"], about["role"], about["token"]) == ("ada", "person", "read")
        assert [each["role"] for each in about["projects"]] == ["member"]
        assert secret not in ask(program, "GET", "/account/tokens").text
        another = ask(program, "POST", "/account/tokens", {"name": "more", "scope": "admin"})
        assert another.status_code == 403, "no token makes another one"
        with office.browser("root") as root:
            path = f"/people/{office.people['ada'].id}/tokens"
            assert [each["id"] for each in ask(root, "GET", path).json()["items"]] == [token]
            assert ask(root, "DELETE", f"/people/{office.people['bob'].id}/tokens/{token}").status_code == 404
            assert ask(root, "DELETE", f"{path}/{token}").status_code == 204
        assert ask(program, "GET", "/account").status_code == 401
        mine = ask(ada, "POST", "/account/tokens", {"name": "ci", "scope": "write"}).json()["token"]["id"]
        assert ask(ada, "DELETE", f"/account/tokens/{mine}").status_code == 204
        elsewhere = {"name": "x", "scope": "read", "project": office.two.theirs.project}
        assert ask(ada, "POST", "/account/tokens", elsewhere).status_code == 404


def test_sessions_are_listed_and_ended_by_their_owner_and_by_administrators(office: Office) -> None:
    with office.browser("ada") as here, office.browser("ada") as there, office.browser("root") as root:
        items = ask(here, "GET", "/account/sessions").json()["items"]
        assert len(items) == 2
        assert "sha256" not in items[0]
        for each in items:
            assert ask(root, "DELETE", f"/account/sessions/{each['id']}").status_code == 404, "not theirs"
        path = f"/people/{office.people['ada'].id}/sessions"
        assert len(ask(root, "GET", path).json()["items"]) == 2
        assert ask(root, "DELETE", path).status_code == 204
        assert ask(here, "GET", "/account").status_code == ask(there, "GET", "/account").status_code == 401


def test_an_administrators_token_manages_people(office: Office) -> None:
    with office.browser() as program:
        program.headers["authorization"] = f"Bearer {office.token('root', TokenScope.ADMIN)}"
        assert ask(program, "POST", "/people", {"name": "mia"}).status_code == 201
        program.headers["authorization"] = f"Bearer {office.token('root', TokenScope.WRITE)}"
        assert ask(program, "POST", "/people", {"name": "max"}).status_code == 403
