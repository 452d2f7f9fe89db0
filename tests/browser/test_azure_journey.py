"""The main job at Azure in a real browser, from the connection's form to the teardown: serverless, and on machines."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.azure import (
    MENDED,
    PLANTED,
    AzureInstallation,
    azure_installation,
    choose_project,
    failures,
    fill_in,
    mend,
    patient,
    plant,
    tear_down,
)
from tests.browser.looks import FEW_LOOKS, Visit
from tests.support.azure.azurite import Azurite
from tests.support.azure.certificates import Certificates
from tests.support.azure.wire import Json
from tests.support.pages import rows

# Seconds of the cloud's clock. Running lasts until the test has seen what it came for.
STAGES = {"NotStarted": 2.0, "Preparing": 6.0, "Queued": 6.0, "Provisioning": 6.0, "Starting": 6.0, "Finalizing": 6.0}
LONG, OVER = 1800.0, 1.0
HYPERPARAMETERS = {"Batch size multiplier": "2", "Learning rate": "0.00002", "Epochs": "3"}
ON_THE_WIRE = {"per_device_train_batch_size": "2", "learning_rate": "0.00002", "num_train_epochs": "3"}
PHI_3, PHI_4 = "Phi-3-mini-4k-instruct", "Phi-4-mini-instruct (serverless)"
MACHINE = "Standard_NC48ads_A100_v4"


@pytest.fixture
def client(azure_certificates: Certificates, azurite: Azurite, tmp_path: Path) -> Iterator[AzureInstallation]:
    with patient(), azure_installation(azure_certificates, tmp_path, azurite=azurite) as made:
        made.cloud.state.pace.stages |= STAGES | {"Running": LONG}
        made.serve()
        yield made


@pytest.mark.slow
def test_the_whole_journey(visit: Visit, client: AzureInstallation, tmp_path: Path) -> None:
    page = visit.page
    plant(client.cloud)
    connect(page, client)
    check(visit, client)
    begin(page, client)
    take_the_replacement(visit)
    answer_the_rest(visit, tmp_path)
    job = submit_and_watch(visit, client)
    assert job["fineTuningDetails"]["hyperParameters"] == ON_THE_WIRE
    assert "/models/Phi-4-mini-instruct/versions/" in job["fineTuningDetails"]["model"]["uri"]
    model = page.locator(".pagehead").get_by_role("link", name="Model").get_attribute("href")
    deploy(visit, client)
    (endpoint,) = client.project.serverless.values()
    assert endpoint.properties["contentSafety"] == {"contentSafetyStatus": "Enabled"}
    ask(visit)
    tear_down(page, f"{client.url}{model}", "triage")
    visit.looks_right("torn-down", FEW_LOOKS)
    nothing_is_left(visit, client)


@pytest.mark.slow
def test_the_lesson_as_written(visit: Visit, client: AzureInstallation, tmp_path: Path) -> None:
    page = visit.page
    connect(page, client)
    begin(page, client)
    search(page, "phi-3-mini")
    page.get_by_label(re.compile(rf"^{PHI_3} \(managed compute\)")).check()
    expect(page.locator("#step-ending")).to_contain_text("The chosen model ends")
    visit.looks_right("managed-model", FEW_LOOKS)
    answer_the_rest(visit, tmp_path, machine=MACHINE)
    job = submit_and_watch(visit, client)
    assert job["fineTuningDetails"]["hyperParameters"] == ON_THE_WIRE
    assert f"/models/{PHI_3}/versions/" in job["fineTuningDetails"]["model"]["uri"]
    assert job["resources"]["instanceTypes"] == [MACHINE]
    model = page.locator(".pagehead").get_by_role("link", name="Model").get_attribute("href")
    deploy(visit, client, safety=False)
    (endpoint,) = client.project.online.values()
    assert endpoint.properties["traffic"] == {"main": 100}
    ask(visit)
    tear_down(page, f"{client.url}{model}", "triage")
    nothing_is_left(visit, client)


def connect(page: Page, client: AzureInstallation) -> None:
    page.goto(f"{client.url}/connections/new?backend=azure_foundry")
    page.get_by_label("Service principal with a secret").check()
    fill_in(page, client.cloud)
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Team subscription")
    choose_project(page)


def check(visit: Visit, client: AzureInstallation) -> None:
    """Let the doctor tell the three planted failures, and mend them."""
    page = visit.page
    page.get_by_role("button", name="Run the checks").click()
    expect(page.locator("#doctor [data-status=fail]")).to_have_count(len(PLANTED))
    assert failures(page) == list(PLANTED)
    visit.looks_right("doctor", FEW_LOOKS)
    mend(client.cloud)
    page.get_by_role("button", name="Run the checks").click()
    expect(page.locator("#doctor [data-status=fail]")).to_have_count(0)
    expect(page.locator("#doctor [data-status=pass]")).to_have_count(MENDED)


def begin(page: Page, client: AzureInstallation) -> None:
    page.goto(f"{client.url}/wizard")
    page.get_by_role("button", name="Start the wizard").click()
    page.get_by_label("Project", exact=True).select_option("new")
    page.get_by_label("Name of the new project").fill("Support")
    page.get_by_label(re.compile("^Team subscription")).check()
    go_on(page, "Model")


def go_on(page: Page, step: str) -> None:
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(step)


def search(page: Page, words: str) -> None:
    page.get_by_role("searchbox", name="Search base models").fill(words)
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("link", name="Show all")).to_be_visible()


def take_the_replacement(visit: Visit) -> None:
    """Search for Phi-3, read that its serverless form has ended, and take what replaces it by one press."""
    page = visit.page
    search(page, "phi-3")
    expect(page.get_by_label(re.compile(rf"^{PHI_3} \(serverless\)"))).to_be_disabled()
    ended = page.locator("#endings li").filter(has_text=f"{PHI_3} (serverless)")
    expect(ended).to_contain_text("Retired on 2025-08-30")
    visit.looks_right("model", FEW_LOOKS)
    ended.get_by_role("button", name=f"Use {PHI_4} instead").click()
    expect(page.get_by_label(re.compile(f"^{re.escape(PHI_4)}"))).to_be_checked()
    expect(page.locator("#step-fields")).not_to_contain_text("Hugging Face")


def answer_the_rest(visit: Visit, folder: Path, machine: str = "") -> None:
    """Name the result, bring rows, have them split, and set the three hyperparameters, up to the review."""
    page, file = visit.page, folder / "messages.jsonl"
    page.get_by_label("Name of the fine-tuned model").fill("triage")
    go_on(page, "Data")
    file.write_bytes(rows())
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_label(re.compile("^messages"))).to_be_checked()
    visit.looks_right("data", FEW_LOOKS)
    go_on(page, "Validation")
    expect(page.get_by_label(re.compile("^Automatic split"))).to_be_checked()
    expect(page.locator("#readiness")).not_to_contain_text("Without validation rows")
    visit.looks_right("validation", FEW_LOOKS)
    go_on(page, "Hyperparameters")
    for label, value in HYPERPARAMETERS.items():
        page.get_by_label(re.compile(f"^{label}")).fill(value)
    if machine:
        page.get_by_label("Instance type").select_option(machine)
    visit.looks_right("hyperparameters", FEW_LOOKS)
    go_on(page, "Review")
    visit.looks_right("review")


def submit_and_watch(visit: Visit, client: AzureInstallation) -> Json:
    """Submit, and follow the page without loading it again; returns what was sent."""
    page = visit.page
    tick = page.get_by_role("checkbox", name="Continue with an unknown price")
    if tick.count():  # nobody publishes what tokens of serverless training cost
        tick.check()
    page.get_by_role("button", name=re.compile("^Submit")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("triage")
    page.evaluate("window.sameDocument = true")
    expect(page.locator("#job-status")).to_have_attribute("data-status", "running")
    expect(page.locator("#stat-train-loss")).to_contain_text(re.compile(r"\d\.\d"))
    visit.looks_right("running")
    assert page.locator("#job-status").get_attribute("data-status") == "running"
    client.cloud.state.pace.stages["Running"] = OVER
    expect(page.locator("#job-status")).to_have_attribute("data-status", "succeeded")
    expect(page.locator("#progress")).to_have_attribute("value", "100.0")
    expect(page.locator("#timeline")).not_to_contain_text("Deploy it first")  # answers are billed: none unbidden
    assert page.evaluate("window.sameDocument") is True, "the page was loaded again"
    visit.looks_right("succeeded")
    (job,) = client.project.jobs.values()
    properties: Json = job.body["properties"]
    return properties


def deploy(visit: Visit, client: AzureInstallation, *, safety: bool = True) -> None:
    page = visit.page
    page.goto(f"{client.url}/deployments")
    page.get_by_label("Model", exact=True).select_option(label="triage")
    if safety:
        expect(page.locator("#content_safety")).to_be_checked()
        page.get_by_role("checkbox", name="Continue with an unknown price").check()
    else:
        expect(page.get_by_label("Machine size")).to_be_visible()
    visit.looks_right("deploy", FEW_LOOKS)
    page.get_by_role("button", name="Deploy").click()
    expect(page.locator("#state [data-status=ready]")).to_be_visible()
    expect(page.get_by_role("button", name="Show key")).to_be_visible()
    expect(page.locator("#meter")).to_contain_text("1 hosted")
    visit.looks_right("deployment", FEW_LOOKS)


def ask(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("link", name="Open playground").click()
    page.get_by_label("Message", exact=True).fill("Where is my parcel?")
    page.get_by_role("button", name="Send").click()
    answer = page.locator("[data-column=right] [data-answer]")
    expect(answer).to_have_text("The tuned model heard: Where is my parcel?")
    visit.looks_right("playground", FEW_LOOKS)


def nothing_is_left(visit: Visit, client: AzureInstallation) -> None:
    """At Azure only the record of the one job is left, which costs nothing; nobody else's things were touched."""
    expect(visit.page.locator("#meter")).to_contain_text("0 hosted")
    assert len(client.cloud.ledger.submitted()) == 1
    assert client.cloud.ledger.foreign == []
    there = client.backend().remote_things()
    assert [(each.kind, each.state, each.billed) for each in there] == [("job", "Completed", False)]
    project = client.project
    assert (project.models, project.data, project.serverless, project.online) == ({}, {}, {}, {})
    files = client.cloud.blobs.names(project.storage)
    assert not [each for each in files if "tunedesk" in each], "the file under the rows is gone, too"
    visit.page.goto("about:blank")  # the page goes on asking for its live parts, and its server ends now
