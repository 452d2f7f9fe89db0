"""OpenAI's wire in a real browser: a model at Azure OpenAI from the form to the teardown, and a lifeboat."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.azure import failures, patient
from tests.browser.looks import FEW_LOOKS, PATIENCE, Visit
from tests.browser.openai import WireInstallation, wire_installation
from tests.support.openai_plane.azure import AzurePlane, AzureScript
from tests.support.openai_plane.past import MODEL, trained_by_others
from tests.support.openai_plane.plane import KEY, Plane
from tests.support.openai_plane.script import Script, Wrong
from tests.support.pages import rows

LONG, OVER = 3000.0, 1.0
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
RESCUED = 8


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[WireInstallation]:
    script = AzureScript(train_s=LONG, deploy_s=30.0, file_s=5.0)
    with patient(), wire_installation(tmp_path, AzurePlane, script) as made:
        yield made


@pytest.fixture
def openai(tmp_path: Path) -> Iterator[WireInstallation]:
    with patient(), wire_installation(tmp_path, Plane, Script()) as made:
        trained_by_others(made.plane, RESCUED)
        yield made


@pytest.mark.slow
def test_a_model_at_azure_openai(visit: Visit, azure: WireInstallation, tmp_path: Path) -> None:
    page = visit.page
    connect_azure(visit, azure)
    check(visit, azure)
    begin(page, azure)
    answer_the_rest(visit, tmp_path)
    watch(visit, azure)
    model = page.locator(".pagehead").get_by_role("link", name="Model").get_attribute("href")
    deploy(visit, azure)
    ask(visit)
    page.goto(f"{azure.url}{model}")
    page.get_by_role("link", name="Tear down").click()
    page.get_by_label("Type the model's name").fill("triage")
    page.get_by_role("button", name="Tear down").click()
    expect(page.get_by_text("All removed")).to_be_visible(timeout=PATIENCE)
    visit.looks_right("wire-torn-down", FEW_LOOKS)
    expect(page.locator("#meter")).to_contain_text("0 hosted")
    plane = azure.plane
    assert isinstance(plane, AzurePlane)
    assert (plane.deployments, plane.jobs, plane.files) == ({}, {}, {})
    assert len(plane.requests) == 1
    page.goto("about:blank")  # the page goes on asking for its live parts, and its server ends now


@pytest.mark.slow
def test_a_lifeboat_from_a_provider_that_dies_in_the_middle(visit: Visit, openai: WireInstallation) -> None:
    page = visit.page
    connect_openai(visit, openai)
    expect(page.locator("#begin")).to_contain_text(f"{RESCUED} jobs were found")
    page.get_by_label("Project", exact=True).select_option(label="Rescued")
    page.get_by_label("Answers of each model").fill("3")
    visit.looks_right("wire-bring-home", FEW_LOOKS)
    page.get_by_role("button", name="Bring home").click()
    expect(page.locator("#progress")).to_contain_text(re.compile(rf"[1-6] of {RESCUED} jobs are home"))
    openai.die()
    expect(page.get_by_text(re.compile("cannot be reached|no whole answer")).first).to_be_visible(timeout=PATIENCE)
    visit.looks_right("wire-lifeboat-alone", FEW_LOOKS)
    openai.live()
    expect(page.locator("#progress")).to_contain_text(f"{RESCUED} of {RESCUED} jobs are home", timeout=PATIENCE)
    expect(page.locator(".pagehead [data-status=done]")).to_be_visible()
    visit.looks_right("wire-lifeboat-home", FEW_LOOKS)
    page.get_by_role("link", name="theirs-0").click()
    expect(page.locator("#answers tbody tr")).to_have_count(3)
    visit.looks_right("wire-rescued", FEW_LOOKS)
    page.get_by_role("button", name="Train again").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Project")
    assert not [name for name in openai.plane.calls if name.startswith("delete")]
    page.goto("about:blank")


@pytest.mark.slow
def test_what_others_made_is_adopted(visit: Visit, openai: WireInstallation) -> None:
    page = visit.page
    connect_openai(visit, openai)
    page.goto(f"{openai.url}/connections")
    page.get_by_role("link", name="Old home").click()
    with openai.plane.lock:  # the provider takes its time
        page.get_by_role("link", name="On the account").click()
        expect(page.get_by_role("progressbar", name="Reading the account")).to_be_visible()
        visit.looks_right("wire-account-reading")
    expect(page.locator("#jobs tbody tr")).to_have_count(RESCUED, timeout=PATIENCE)
    visit.looks_right("wire-account")
    page.get_by_role("link", name="Adopt theirs-0").click()
    page.get_by_label("Project", exact=True).select_option(label="Rescued")
    visit.looks_right("wire-adopt")
    with openai.plane.lock:
        page.get_by_role("button", name="Adopt").click(no_wait_after=True)
        expect(page.get_by_role("progressbar", name="Fetching the rows from the provider")).to_be_visible()
        visit.looks_right("wire-adopting", FEW_LOOKS)
    expect(page.get_by_role("heading", level=1)).to_have_text("theirs-0", timeout=PATIENCE)
    expect(page.locator(".pagehead")).to_contain_text("adopted")
    visit.looks_right("wire-adopted", FEW_LOOKS)
    page.goto(f"{openai.url}/connections")
    page.get_by_role("link", name="Old home").click()
    page.get_by_role("link", name="On the account").click()
    expect(page.locator("#jobs tbody tr")).to_have_count(RESCUED - 1, timeout=PATIENCE)
    page.locator("#adopted").get_by_role("link", name=re.compile("^Remove")).first.click()
    visit.looks_right("wire-remove-there")
    page.get_by_label("Type its name").fill("another name")
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("not the file's name").first).to_be_visible()
    assert not [name for name in openai.plane.calls if name.startswith(("delete", "steer", "create"))]
    page.goto("about:blank")


def connect_openai(visit: Visit, openai: WireInstallation) -> None:
    """Connect to OpenAI's plane, make the project "Rescued", and look at what could be brought home."""
    page = visit.page
    page.goto(f"{openai.url}/connections/new?backend=openai")
    page.get_by_label("Name", exact=True).fill("Old home")
    page.get_by_label(re.compile("^Base address")).fill(openai.base)
    page.get_by_label(re.compile("^API key")).fill(KEY)
    visit.looks_right("wire-connect-openai", FEW_LOOKS)
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Old home")
    visit.looks_right("wire-openai", FEW_LOOKS)
    page.get_by_role("link", name="Bring home").click()
    page.get_by_role("link", name="Make one first").click()
    page.get_by_label("Name", exact=True).fill("Rescued")
    page.get_by_role("button", name="Create project").click()
    page.goto(f"{openai.url}/connections")
    page.get_by_role("link", name="Old home").click()
    page.get_by_role("link", name="Bring home").click()


def connect_azure(visit: Visit, azure: WireInstallation) -> None:
    page = visit.page
    page.goto(f"{azure.url}/connections/new?backend=azure_openai")
    page.get_by_label("Name", exact=True).fill("Our resource")
    page.get_by_label(re.compile("^Endpoint")).fill(azure.base.removesuffix("/openai/v1"))
    page.get_by_label(re.compile("^Automatic")).check()
    page.get_by_label(re.compile("^Subscription")).fill(SUBSCRIPTION)
    page.get_by_label(re.compile("^Resource group")).fill("rg")
    page.get_by_label(re.compile("^Region")).fill("swedencentral")
    visit.looks_right("wire-connect", FEW_LOOKS)
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Our resource")


def check(visit: Visit, azure: WireInstallation) -> None:
    """Let the doctor tell two planted failures, and mend them."""
    page = visit.page
    azure.script(may_deploy=False, wrongs=[Wrong(call="GET /files", kind="403")])
    page.get_by_role("button", name="Run the checks").click()
    expect(page.locator("#doctor [data-status=fail]")).to_have_count(2)
    assert failures(page) == [
        "Training files can be listed",
        "Tuned models can be deployed: a right at Resource Manager",
    ]
    visit.looks_right("wire-doctor", FEW_LOOKS)
    azure.script(may_deploy=True, wrongs=[])
    page.get_by_role("button", name="Run the checks").click()
    expect(page.locator("#doctor [data-status=fail]")).to_have_count(0)
    expect(page.locator("#doctor [data-status=pass]")).to_have_count(6)


def begin(page: Page, azure: WireInstallation) -> None:
    page.goto(f"{azure.url}/wizard")
    page.get_by_role("button", name="Start the wizard").click()
    page.get_by_label("Name of the new project").fill("Support")
    page.get_by_label("Project", exact=True).select_option("new")
    page.get_by_label(re.compile("^Our resource")).check()
    go_on(page, "Model")


def go_on(page: Page, step: str) -> None:
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(step)


def answer_the_rest(visit: Visit, folder: Path) -> None:
    page, file = visit.page, folder / "messages.jsonl"
    page.get_by_label(re.compile(f"^{re.escape(MODEL)}")).check()
    page.get_by_label("Name of the fine-tuned model").fill("triage")
    visit.looks_right("wire-model", FEW_LOOKS)
    go_on(page, "Data")
    file.write_bytes(rows())
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_label(re.compile("^messages"))).to_be_checked()
    go_on(page, "Validation")
    expect(page.get_by_label(re.compile("^Automatic split"))).to_be_checked()
    go_on(page, "Hyperparameters")
    page.get_by_label(re.compile("^Epochs")).fill("3")
    visit.looks_right("wire-hyperparameters", FEW_LOOKS)
    go_on(page, "Review")
    visit.looks_right("wire-review", FEW_LOOKS)


def watch(visit: Visit, azure: WireInstallation) -> None:
    """Submit, and follow the page without loading it again."""
    page = visit.page
    tick = page.get_by_role("checkbox", name="Continue with an unknown price")
    if tick.count():
        tick.check()
    page.get_by_role("button", name=re.compile("^Submit")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("triage")
    page.evaluate("window.sameDocument = true")
    expect(page.locator("#job-status")).to_have_attribute("data-status", "running")
    expect(page.locator("#stat-train-loss")).to_contain_text(re.compile(r"\d\.\d"))
    visit.looks_right("wire-running", FEW_LOOKS)
    azure.script(train_s=OVER)
    expect(page.locator("#job-status")).to_have_attribute("data-status", "succeeded")
    assert page.evaluate("window.sameDocument") is True, "the page was loaded again"
    visit.looks_right("wire-succeeded", FEW_LOOKS)
    (sent,) = azure.plane.requests
    assert (sent["trainingType"], sent["model"]) == ("GlobalStandard", MODEL)


def deploy(visit: Visit, azure: WireInstallation) -> None:
    page = visit.page
    page.goto(f"{azure.url}/deployments")
    page.get_by_label("Model", exact=True).select_option(label="triage")
    expect(page.get_by_label("SKU")).to_be_visible()
    tick = page.get_by_role("checkbox", name="Continue with an unknown price")
    if tick.count():
        tick.check()
    visit.looks_right("wire-deploy", FEW_LOOKS)
    page.get_by_role("button", name="Deploy").click()
    expect(page.locator("#state [data-status=ready]")).to_be_visible()
    expect(page.locator("#meter")).to_contain_text("1 hosted")
    visit.looks_right("wire-deployment", FEW_LOOKS)


def ask(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("link", name="Open playground").click()
    page.get_by_label("Message", exact=True).fill("Where is my parcel?")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("[data-column=right] [data-answer]")).to_have_text(re.compile("You said: Where is my parcel"))
    visit.looks_right("wire-playground", FEW_LOOKS)
