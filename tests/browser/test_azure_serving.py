"""Serving at Azure in a real browser: deploy with content safety, ask, see the key, tear down; what was left behind."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.domain.actors import OWNER
from app.kit.installation import installation_name
from app.services import connections, datasets, projects
from tests.browser.azure import SPEED, azure_installation, tear_down
from tests.browser.looks import FEW_LOOKS, LOOKS, PATIENCE, Visit
from tests.support.app_context import chats
from tests.support.azure.certificates import Certificates
from tests.support.azure.clock import CloudClock
from tests.support.azure.house import record_tuned
from tests.support.azure.seed import SECRET
from tests.support.azure.served import ServedCloud, connection_settings

MAIN = {"form", "deployment", "orphans"}


@dataclass(frozen=True)
class Served:
    """A running installation with a connection to a cloud, and a tuned model there."""

    url: str
    served: ServedCloud
    connection: str
    model: str


@pytest.fixture
def client(azure_certificates: Certificates, tmp_path: Path) -> Iterator[Served]:
    with azure_installation(azure_certificates, tmp_path) as made:
        served = ServedCloud(made.cloud, CloudClock(speed=SPEED))
        content = chats(20, ("yes", "no"), "question {n}, is it {answer}?")
        with made.scopes.open(OWNER) as scope:
            rows = datasets.upload(scope, name="rows", filename="rows.jsonl", chunks=[content])
        with made.scopes.open(OWNER) as scope:
            wanted = connection_settings(made.cloud.seed.app.app_id)
            there = connections.create(
                scope, backend="azure_foundry", name="Foundry", settings=wanted, secrets={"client_secret": SECRET}
            )
            project = projects.create(scope, "Support").id
        with made.scopes.open(OWNER) as scope:
            model = record_tuned(scope, served, there, project, rows, name="triage")
        served.model("forgotten", tag="job-forgotten", owner=installation_name(made.settings.data_dir))
        made.serve()
        yield Served(url=made.url, served=served, connection=there.id, model=model.id)
        served.backend.azure.close()


@pytest.fixture
def look(client: Served, visit: Visit) -> Callable[[str, str], None]:
    """Look at a page: nothing sticks out, axe finds nothing; pictures lie in the test's folder."""

    def at(name: str, path: str) -> None:
        visit.page.goto(client.url + path)
        visit.page.wait_for_load_state("networkidle")
        visit.looks_right(name, LOOKS if name in MAIN else FEW_LOOKS)

    return at


@pytest.mark.slow
def test_from_deploying_to_the_teardown(visitor: Page, client: Served, look: Callable[[str, str], None]) -> None:
    look("form", "/deployments")
    address = deploy(visitor, client)
    look("deployment", address)
    see_the_key(visitor, client)
    ask(visitor, client)
    look("plan", f"/models/{client.model}/teardown")
    tear_down(visitor, f"{client.url}/models/{client.model}", "triage")
    remove_what_was_left(visitor, client, look)
    kinds = [entry.kind.rsplit("/", 1)[-1].lower() for entry in client.served.cloud.ledger.of("delete")]
    assert kinds == ["serverlessendpoints", "versions", "versions", "versions"]
    assert client.served.cloud.ledger.foreign == []
    assert [each.key for each in client.served.made().remote_things()] == []


def deploy(page: Page, client: Served) -> str:
    page.goto(f"{client.url}/deployments")
    page.get_by_label("Model", exact=True).select_option(label="triage")
    expect(page.locator("#content_safety")).to_be_checked()
    expect(page.get_by_text("whatever the model writes reaches whoever asks")).to_be_visible()
    page.get_by_label("Stop when idle for").fill("0")
    page.get_by_label("Continue with an unknown price").check()
    page.get_by_role("button", name="Deploy").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("triage")
    expect(page.locator("#state [data-status=ready]")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("on: the provider filters questions and answers")).to_be_visible()
    return page.url.removeprefix(client.url)


def see_the_key(page: Page, client: Served) -> None:
    endpoint = next(iter(client.served.project.serverless.values()))
    assert endpoint.keys["primaryKey"] not in page.content()
    page.get_by_role("button", name="Show key").click()
    expect(page.get_by_text("The endpoint's key.")).to_be_visible()
    assert endpoint.keys["primaryKey"] in page.content()
    expect(page.locator("#events")).to_contain_text("was shown the key")
    page.goto(page.url.removesuffix("/key"))
    assert endpoint.keys["primaryKey"] not in page.content()


def ask(page: Page, client: Served) -> None:
    page.get_by_role("link", name="Open playground").click()
    page.get_by_label("Message", exact=True).fill("Where is my parcel?")
    page.get_by_role("button", name="Send").click()
    answer = page.locator("[data-column=right] [data-answer]")
    expect(answer).to_have_text("The tuned model heard: Where is my parcel?", timeout=PATIENCE)
    page.get_by_label("Message", exact=True).fill("a violence-probe")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Azure's content filter refused this (violence: medium).")).to_be_visible(timeout=PATIENCE)
    page.goto(f"{client.url}/deployments")
    page.get_by_role("table").get_by_role("link", name="triage").first.click()
    expect(page.locator("#state")).to_contain_text(re.compile(r"Filter refusals\s*1"))


def remove_what_was_left(page: Page, client: Served, look: Callable[[str, str], None]) -> None:
    page.goto(f"{client.url}/connections/{client.connection}")
    page.get_by_role("link", name="Leftovers").click()
    look("orphans", f"/connections/{client.connection}/orphans")
    page.get_by_role("link", name="Remove forgotten:1").click()
    look("orphan", page.url.removeprefix(client.url))
    page.get_by_label("Type its name").fill("forgotten")
    page.get_by_role("button", name="Remove").click()
    expect(page.locator("#errors")).to_be_visible()
    page.get_by_label("Type its name").fill("forgotten:1")
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("No leftovers")).to_be_visible()
