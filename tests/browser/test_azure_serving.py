"""Serving at Azure in a real browser: deploy with content safety, ask, see the key, tear down; what was left behind."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from app.domain.actors import OWNER
from app.kit.installation import installation_name
from app.main import create_app
from app.services import connections, datasets, projects
from app.settings import Settings
from tests.browser.test_pages import AXE, LOOKS, STICKS_OUT, violations
from tests.support.azure.certificates import make_certificates
from tests.support.azure.clock import CloudClock
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.house import record_tuned
from tests.support.azure.seed import SECRET
from tests.support.azure.served import ServedCloud, connection_settings
from tests.support.house import chats
from tests.support.server import serving

PATIENCE = 60_000
MAIN, FEW = {"form", "deployment", "orphans"}, (LOOKS[0], LOOKS[2])
SPEED = 12.0  # of both clocks: Azure's minutes are seconds here


@dataclass(frozen=True)
class Desk:
    """A running installation with a connection to a cloud, and a tuned model there."""

    url: str
    served: ServedCloud
    connection: str
    model: str


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with ExitStack() as stack:
        cloud = stack.enter_context(
            AzureCloud(make_certificates(tmp_path / "pki"), tmp_path, clock=CloudClock(speed=SPEED))
        )
        stack.enter_context(cloud.entered())
        given = {"data_dir": tmp_path / "data", "runtimes_dir": tmp_path / "runtimes", "runtime_autoinstall": False}
        settings = Settings(**given, disk_reserve_mb=0, port=0, engine_interval_s=0.2)  # type: ignore[arg-type]
        app = create_app(settings, clock=CloudClock(speed=SPEED))
        served = ServedCloud(cloud, CloudClock(speed=SPEED))
        stack.callback(served.backend.azure.close)
        content = chats(20, ("yes", "no"), "question {n}, is it {answer}?")
        with app.state.scopes.open(OWNER) as scope:
            rows = datasets.upload(scope, name="rows", filename="rows.jsonl", chunks=[content])
        with app.state.scopes.open(OWNER) as scope:
            wanted = connection_settings(cloud.seed.app.app_id)
            made = connections.create(
                scope, backend="azure_foundry", name="Foundry", settings=wanted, secrets={"client_secret": SECRET}
            )
            project = projects.create(scope, "Support").id
        with app.state.scopes.open(OWNER) as scope:
            model = record_tuned(scope, served, made, project, rows, name="triage")
            backend = scope.backends.of(made)
        stack.callback(backend.azure.close)
        served.model("forgotten", tag="job-forgotten", owner=installation_name(settings.data_dir))
        url = stack.enter_context(serving(app))
        yield Desk(url=url, served=served, connection=made.id, model=model.id)
    assert cloud.refused == []
    assert cloud.bugs == []


@pytest.fixture
def look(desk: Desk, browser: Browser, tmp_path: Path) -> Iterator[Callable[[str, str], None]]:
    """Look at a page in every look: nothing sticks out, axe finds nothing; pictures lie in the test's folder."""
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()

    def at(name: str, path: str) -> None:
        page.goto(desk.url + path)
        page.wait_for_load_state("networkidle")
        page.evaluate(AXE.read_text(encoding="utf-8"))
        for width, scheme, rules in LOOKS if name in MAIN else FEW:
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=tmp_path / f"{name}-{width}-{scheme}.png", full_page=True)
            assert page.evaluate(STICKS_OUT) <= 0, f"{name} sticks out at {width} px"
            assert violations(page, rules) == [], f"{name} at {width} px, {scheme}"

    yield at
    context.close()


@pytest.mark.slow
def test_from_deploying_to_the_teardown(visitor: Page, desk: Desk, look: Callable[[str, str], None]) -> None:
    look("form", "/deployments")
    address = deploy(visitor, desk)
    look("deployment", address)
    see_the_key(visitor, desk)
    ask(visitor, desk)
    look("plan", f"/models/{desk.model}/teardown")
    tear_down(visitor, desk)
    remove_what_was_left(visitor, desk, look)
    kinds = [entry.kind.rsplit("/", 1)[-1].lower() for entry in desk.served.cloud.ledger.of("delete")]
    assert kinds == ["serverlessendpoints", "versions", "versions", "versions"]
    assert desk.served.cloud.ledger.foreign == []
    assert [each.key for each in desk.served.made().remote_things()] == []


def deploy(page: Page, desk: Desk) -> str:
    page.goto(f"{desk.url}/deployments")
    page.get_by_label("Model", exact=True).select_option(label="triage")
    expect(page.locator("#content_safety")).to_be_checked()
    expect(page.get_by_text("whatever the model writes reaches whoever asks")).to_be_visible()
    page.get_by_label("Stop when idle for").fill("0")
    page.get_by_role("button", name="Deploy").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("triage")
    expect(page.locator("#state [data-status=ready]")).to_be_visible(timeout=PATIENCE)
    page.reload()
    expect(page.get_by_text("on: the provider reads questions and answers")).to_be_visible()
    return page.url.removeprefix(desk.url)


def see_the_key(page: Page, desk: Desk) -> None:
    endpoint = next(iter(desk.served.project.serverless.values()))
    assert endpoint.keys["primaryKey"] not in page.content()
    page.get_by_role("button", name="Show key").click()
    expect(page.get_by_text("The endpoint's key.")).to_be_visible()
    assert endpoint.keys["primaryKey"] in page.content()
    expect(page.locator("#events")).to_contain_text("was shown the key")
    page.goto(page.url.removesuffix("/key"))
    assert endpoint.keys["primaryKey"] not in page.content()


def ask(page: Page, desk: Desk) -> None:
    page.get_by_role("link", name="Open playground").click()
    page.get_by_label("Message", exact=True).fill("Where is my parcel?")
    page.get_by_role("button", name="Send").click()
    answer = page.locator("[data-column=right] [data-answer]")
    expect(answer).to_have_text("The tuned model heard: Where is my parcel?", timeout=PATIENCE)
    page.get_by_label("Message", exact=True).fill("a violence-probe")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Azure's content filter refused this (violence: medium).")).to_be_visible(timeout=PATIENCE)
    page.goto(f"{desk.url}/deployments")
    page.get_by_role("table").get_by_role("link", name="triage").click()
    expect(page.locator("#state")).to_contain_text(re.compile(r"Filter refusals\s*1"))


def tear_down(page: Page, desk: Desk) -> None:
    page.goto(f"{desk.url}/models/{desk.model}")
    page.get_by_role("link", name="Tear down").click()
    page.get_by_label("Type the model's name").fill("triage")
    page.get_by_role("button", name="Tear down").click()
    expect(page.get_by_text("All gone")).to_be_visible(timeout=PATIENCE)
    expect(page.locator("#plan")).to_contain_text("Deleted at Azure.")


def remove_what_was_left(page: Page, desk: Desk, look: Callable[[str, str], None]) -> None:
    page.goto(f"{desk.url}/connections/{desk.connection}")
    page.get_by_role("link", name="Left behind?").click()
    look("orphans", f"/connections/{desk.connection}/orphans")
    page.get_by_role("link", name="Remove forgotten:1").click()
    look("orphan", page.url.removeprefix(desk.url))
    page.get_by_label("Type its name").fill("forgotten")
    page.get_by_role("button", name="Remove").click()
    expect(page.locator("#errors")).to_be_visible()
    page.get_by_label("Type its name").fill("forgotten:1")
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("Nothing was left behind")).to_be_visible()
