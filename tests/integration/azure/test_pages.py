"""The pages and REST of an Azure connection, without scripts: made, checked, a project chosen and made, deleted."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from starlette.testclient import TestClient

from app.backends.azure_foundry.kind import AzureFoundryKind
from app.domain.connections import Connection
from app.services import connections
from tests.support.app_context import TestHouse
from tests.support.azure.bare import settings_for
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.roles import CONTRIBUTOR, READER
from tests.support.azure.seed import SECRET
from tests.support.azure.state import SUBSCRIPTION
from tests.support.door import key, visiting
from tests.support.waiting import until

API = "/api/v1"
Form = dict[str, str]


@dataclass(frozen=True)
class Site:
    """A house that knows Azure, its pages and its REST, and the cloud behind it."""

    app_context: TestHouse
    client: TestClient
    cloud: AzureCloud

    def soup(self, path: str, *, status: int = 200) -> BeautifulSoup:
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text[:600]
        return BeautifulSoup(answer.text, "html.parser")

    def post(self, path: str, form: Form, *, status: int = 303) -> str:
        answer = self.client.post(path, data=form)
        assert answer.status_code == status, answer.text[:3000]
        return answer.headers["location"] if status == 303 else answer.text

    def form(self, **changes: str) -> Form:
        settings = settings_for(self.cloud, **changes)
        fields = {f"settings.{name}": value for name, value in settings.items()}
        return {"backend": "azure_foundry", "name": "Azure", "slots": "4", **fields, "secrets.client_secret": SECRET}

    def connect(self, **changes: str) -> str:
        """Make a connection by the form; return its id."""
        return self.post("/connections/new", self.form(**changes)).rpartition("/")[2]

    def connection(self, identifier: str) -> Connection:
        with self.app_context.open() as scope:
            return connections.get(scope, identifier)


@pytest.fixture
def site(bare_cloud: AzureCloud, tmp_path: Path) -> Iterator[Site]:
    app_context = TestHouse(tmp_path, kinds=(AzureFoundryKind(clock=bare_cloud.clock, cache=tmp_path / "cache"),))
    with visiting(app_context.scopes) as client:
        yield Site(app_context, client, bare_cloud)
    app_context.database.close()


def words(soup: BeautifulSoup) -> str:
    return " ".join(soup.get_text(" ").split())


def test_the_empty_list_leads_on_and_the_form_asks_for_what_the_sign_in_needs(site: Site) -> None:
    assert site.soup("/connections").select_one('a[href="/connections/new?backend=azure_foundry"]')
    first = site.soup("/connections/new?backend=azure_foundry")
    assert not first.select('[name^="secrets."]')
    again = site.post(
        "/connections/new",
        {"backend": "azure_foundry", "settings.credential": "client_certificate", "name": "Mine", "goto": "fields"},
        status=200,
    )
    asked = BeautifulSoup(again, "html.parser")
    assert {each["name"] for each in asked.select('[name^="secrets."]')} == {
        "secrets.certificate",
        "secrets.certificate_password",
    }
    name = asked.select_one("#name")
    assert name is not None
    assert name["value"] == "Mine"
    with site.app_context.open() as scope:
        assert len(connections.list_connections(scope)) == 1


def test_mistakes_stand_at_their_fields_and_a_secret_is_never_sent_back(site: Site) -> None:
    text = site.post("/connections/new", site.form(tenant_id="no tenant", subscription_id="7"), status=422)
    page = BeautifulSoup(text, "html.parser")
    links = {link["href"] for link in page.select("#errors a")}
    assert links == {"#settings-tenant_id", "#settings-subscription_id"}
    for link in links:
        field = page.select_one(str(link))
        assert field is not None
        assert field["aria-invalid"] == "true"
    assert SECRET not in text


def test_from_connecting_to_a_green_doctor(site: Site) -> None:
    site.cloud.state.subscriptions[SUBSCRIPTION].providers["Microsoft.Network"] = "NotRegistered"
    identifier = site.connect()
    assert "Run the checks" in words(site.soup(f"/connections/{identifier}"))
    site.post(f"/connections/{identifier}/doctor", {})
    sick = site.soup(f"/connections/{identifier}")
    assert "az provider register --namespace Microsoft.Network" in words(sick)
    assert len(sick.select('#doctor [data-status="fail"]')) == 1
    assert "Needs attention" in words(site.soup("/connections"))
    site.cloud.state.subscriptions[SUBSCRIPTION].providers["Microsoft.Network"] = "Registered"
    site.post(f"/connections/{identifier}/doctor", {})
    assert not site.soup(f"/connections/{identifier}").select('#doctor [data-status="fail"]')
    report = site.client.get(f"{API}/connections/{identifier}/doctor").json()
    assert report["healthy"]
    assert len(report["checks"]) == 14


def test_a_project_is_chosen_from_lists(site: Site) -> None:
    identifier = site.connect(subscription_id="", resource_group="", workspace="")
    start = site.soup(f"/connections/{identifier}/choose")
    assert [each["value"] for each in start.select("#subscription option")] == [SUBSCRIPTION]
    groups = site.soup(f"/connections/{identifier}/choose?subscription={SUBSCRIPTION}")
    assert [each["value"] for each in groups.select("#resource_group option")] == ["rg1"]
    listed = site.soup(f"/connections/{identifier}/choose?subscription={SUBSCRIPTION}&resource_group=rg1")
    forms = listed.select("#workspaces form")
    assert len(forms) == 1
    request = {str(each["name"]): str(each["value"]) for each in forms[0].select("input")}
    for _ in range(2):  # pressed twice, it is the same project
        site.post(str(forms[0]["action"]), request)
    settings = site.connection(identifier).settings
    assert (settings["workspace"], settings["resource_group"], settings["subscription_id"]) == (
        "proj1",
        "rg1",
        SUBSCRIPTION,
    )
    assert site.connection(identifier).has_secrets


def test_a_hub_and_a_project_are_made_and_followed(site: Site) -> None:
    site.cloud.seed.grant(CONTRIBUTOR)
    identifier = site.connect(workspace="")
    page = site.soup(f"/connections/{identifier}/choose")
    for kind, name, more in (("hub", "hub-two", {"region": "eastus2"}), ("project", "proj-two", {"hub": "hub-two"})):
        form = page.select_one(f'form[action="/connections/{identifier}/create/{kind}"]')
        assert form is not None
        request = {str(each["name"]): str(each.get("value", "")) for each in form.select("input")}
        where = site.post(f"/connections/{identifier}/create/{kind}", {**request, "name": name, **more})
        again = site.post(f"/connections/{identifier}/create/{kind}", {**request, "name": name, **more})
        assert where == again
        badges = [site.soup(where).select_one("#making .badge") for _ in range(4)]
        assert badges[-1] is not None
        assert badges[-1]["data-status"] == "ready"
        page = site.soup(f"/connections/{identifier}/choose")
    use = site.soup(where).select_one('form[action$="/choose"]')
    assert use is not None
    site.post(str(use["action"]), {str(each["name"]): str(each["value"]) for each in use.select("input")})
    assert site.connection(identifier).settings["workspace"] == "proj-two"
    assert [each.name for each in site.cloud.ledger.entries if each.verb == "create"] == ["hub-two", "proj-two"]


def test_what_cannot_be_made_is_reported_at_its_field(site: Site) -> None:
    site.cloud.seed.grant(CONTRIBUTOR)
    identifier = site.connect(workspace="")
    position = {"subscription": SUBSCRIPTION, "resource_group": "rg1"}
    for number, (name, hub, field) in enumerate([("x", "hub1", "project-name"), ("proj1", "hub1", "project-name")]):
        request = {**position, "name": name, "hub": hub, "idempotency_key": f"key-{number}"}
        page = BeautifulSoup(site.post(f"/connections/{identifier}/create/project", request, status=422), "html.parser")
        assert [each["href"] for each in page.select("#errors a")] == [f"#{field}"]
        typed = page.select_one(f"#{field}")
        assert typed is not None
        assert typed["value"] == name


def test_a_list_that_cannot_be_read_is_reported_where_it_belongs(site: Site) -> None:
    identifier = site.connect()
    site.cloud.faults.add(("GET", "/resourcegroups$"), "500", times=20)
    page = site.soup(f"/connections/{identifier}/choose")
    groups = page.select_one("#resource-groups .note")
    assert groups is not None
    assert page.select("#subscription option")
    assert page.select("#workspaces li")


def test_editing_keeps_the_secret_and_another_sign_in_forgets_it(site: Site) -> None:
    identifier = site.connect()
    text = site.client.get(f"/connections/{identifier}/edit").text
    assert SECRET not in text
    field = BeautifulSoup(text, "html.parser").select_one("#secrets-client_secret")
    assert field is not None
    assert (field["type"], field["value"]) == ("password", "")
    kept = {**site.form(workspace=""), "secrets.client_secret": "", "name": "Renamed", "slots": "9"}
    site.post(f"/connections/{identifier}/edit", kept)
    changed = site.connection(identifier)
    assert (changed.name, changed.slots, changed.has_secrets) == ("Renamed", 9, True)
    site.post(f"/connections/{identifier}/edit", {**kept, "settings.credential": "azure_cli"})
    assert not site.connection(identifier).has_secrets


def test_deleting_asks_first(site: Site) -> None:
    identifier = site.connect()
    asked = site.soup(f"/connections/{identifier}/delete").select_one(
        f'form[action="/connections/{identifier}/delete"]'
    )
    assert asked is not None
    site.post(f"/connections/{identifier}/delete", {})
    assert site.client.get(f"/connections/{identifier}").status_code == 404


def test_a_lost_key_leaves_pages_that_help(site: Site) -> None:
    identifier = site.connect()
    site.app_context.app_context.backends.vault.key_file.unlink()
    for path in ("/", "/connections", f"/connections/{identifier}", f"/connections/{identifier}/edit", "/catalog"):
        site.soup(path)
    site.post(f"/connections/{identifier}/doctor", {})
    assert "Put the key file back, or enter the secrets" in words(site.soup(f"/connections/{identifier}"))
    site.post(f"/connections/{identifier}/edit", {**site.form(), "name": "Azure"})
    site.post(f"/connections/{identifier}/doctor", {})
    assert not site.soup(f"/connections/{identifier}").select('#doctor [data-status="fail"]')


def test_the_wizards_first_step_shows_the_checks_and_checks_again(site: Site) -> None:
    site.cloud.seed.take_away()
    site.cloud.seed.grant(READER)
    identifier = site.connect()
    draft = site.post("/wizard", {"connection": identifier}).split("/")[2]
    request = {"project": "new", "new_project": "Letters", "connection": identifier, "goto": "check"}
    where = site.post(f"/wizard/{draft}/project", request)
    page = site.soup(where.partition("#")[0])
    failed = page.select('#checks [data-status="fail"]')
    assert len(failed) == 4  # the verdict, and three checks: train, deploy, datastore
    assert "Azure AI Developer" in words(page)
    assert page.select_one("#checks time")
    site.cloud.seed.grant(CONTRIBUTOR)
    site.post(f"/wizard/{draft}/project", {"project": "", "connection": identifier, "goto": "check"})
    assert not site.soup(f"/wizard/{draft}/project").select('#checks [data-status="fail"]')


def test_signing_in_by_code_is_followed_on_the_page(site: Site) -> None:
    identifier = site.connect(credential="device_code", client_id="")
    site.post(f"/connections/{identifier}/sign-in", {})
    first = site.soup(f"/connections/{identifier}").select_one("#sign-in code")
    site.post(f"/connections/{identifier}/sign-in", {})
    page = site.soup(f"/connections/{identifier}")
    code = page.select_one("#sign-in code")
    assert code is not None
    assert code == first, "pressed twice, it is the same code"
    assert page.select_one('meta[http-equiv="refresh"]')
    assert site.client.get(f"{API}/connections/{identifier}/sign-in").json()["code"] == code.text
    site.cloud.entra.approve(code.text, site.cloud.seed.person.oid)
    until(lambda: "Signed in as ada@example.com" in words(site.soup(f"/connections/{identifier}")), doing="signing in")


def test_rest_does_the_same(site: Site) -> None:
    client = site.client
    (kind,) = client.get(f"{API}/connection-kinds").json()["items"]
    assert [each["name"] for each in kind["fields"] if each["secret"]] == [
        "client_secret",
        "certificate",
        "certificate_password",
    ]
    body = {
        "backend": "azure_foundry",
        "name": "By REST",
        "settings": settings_for(site.cloud),
        "secrets": {"client_secret": SECRET},
    }
    made = client.post(f"{API}/connections", json=body)
    assert made.status_code == 201
    position = f"{API}/connections/{made.json()['id']}"
    assert [each["id"] for each in client.get(f"{position}/subscriptions").json()["items"]] == [SUBSCRIPTION]
    assert [each["name"] for each in client.get(f"{position}/resource-groups").json()["items"]] == ["rg1"]
    assert {each["name"]: each["usable"] for each in client.get(f"{position}/workspaces").json()["items"]} == {
        "hub1": False,
        "proj1": True,
    }
    site.cloud.seed.grant(CONTRIBUTOR)
    request = {"subscription": SUBSCRIPTION, "resource_group": "rg1", "name": "proj-rest", "hub": "hub1"}
    assert client.post(f"{position}/projects", json=request).status_code == 400  # no key
    first = client.post(f"{position}/projects", json=request, headers=key("k1"))
    assert (first.status_code, first.json()["status"]) == (202, "creating")
    assert client.post(f"{position}/projects", json=request, headers=key("k1")).json() == first.json()
    until(lambda: client.get(f"{position}/projects/proj-rest").json()["status"] == "ready", doing="the project")
    changed = client.patch(position, json={"settings": {**settings_for(site.cloud), "workspace": "proj-rest"}})
    assert changed.json()["settings"]["workspace"] == "proj-rest"
    assert changed.json()["has_secrets"]
    wrong = client.patch(position, json={"settings": {"credential": "client_secret"}, "secrets": {}})
    assert wrong.status_code == 422
    assert {each["pointer"] for each in wrong.json()["errors"]} >= {"/settings/tenant_id", "/settings/client_id"}
    assert client.delete(position).status_code == 204
    assert client.get(position).status_code == 404


def test_the_secret_shows_nowhere(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """A canary through every page, every answer, the log at its most talkative, the database, and the refused form."""
    caplog.set_level(logging.DEBUG)
    identifier = site.connect()
    said: list[str] = []
    for path in (
        "/",
        "/connections",
        f"/connections/{identifier}",
        f"/connections/{identifier}/edit",
        f"/connections/{identifier}/choose",
        "/settings",
        "/catalog",
        f"{API}/connections",
        f"{API}/connections/{identifier}",
        f"{API}/connections/{identifier}/workspaces",
    ):
        answer = site.client.get(path)
        assert answer.status_code == 200, path
        said.append(answer.text)
    said.append(site.client.post(f"{API}/connections/{identifier}/doctor").text)
    said.append(site.client.post("/connections/new", data={**site.form(), "slots": "x"}).text)
    fields = {**site.form(), "connection": identifier}
    said.append(site.client.post("/connections/fields", data=fields).text)
    refused = {"backend": "azure_foundry", "name": "x", "settings": {}, "secrets": {"client_secret": SECRET, "no": "1"}}
    said.append(site.client.post(f"{API}/connections", json=refused).text)
    assert not [text[:200] for text in said if SECRET in text]
    assert SECRET not in caplog.text
    for file in site.app_context.folder.rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file
