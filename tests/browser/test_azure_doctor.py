"""Azure in a real browser: connected, a project chosen, three planted failures told and mended, all green."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.azure import PLANTED, choose_project, failures, fill_in, mend, patient, plant
from tests.browser.looks import PATIENCE, Visit
from tests.support.azure.certificates import Certificates
from tests.support.azure.clock import CloudClock
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.seed import SECRET
from tests.support.azure.state import SUBSCRIPTION, TENANT
from tests.support.journeys import Installation, installation


@dataclass(frozen=True)
class Connected:
    """A server whose calls to Azure come to a cloud in this process."""

    cloud: AzureCloud
    installation: Installation

    @property
    def url(self) -> str:
        return self.installation.server.url


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory, azure_certificates: Certificates) -> Iterator[Connected]:
    folder = tmp_path_factory.mktemp("azure")
    with patient(), AzureCloud(azure_certificates, folder / "cloud", clock=CloudClock(speed=1.0)) as cloud:
        with cloud.entered():
            made = installation(folder / "installation", rehearsal="true")
            here = made.__enter__()
        try:
            yield Connected(cloud, here)
        finally:
            made.__exit__(None, None, None)
        assert cloud.refused == []
        assert cloud.bugs == []


@pytest.mark.slow
def test_from_a_form_to_a_green_doctor(visit: Visit, connected: Connected) -> None:
    page = visit.page
    plant(connected.cloud)
    page.goto(f"{connected.url}/connections")
    visit.looks_right("connections")
    page.get_by_role("link", name="Connect Azure AI Foundry").first.click()
    expect(page.get_by_label(re.compile("^Client secret"))).to_have_count(0)
    page.get_by_label("Service principal with a secret").check()
    expect(page.get_by_label(re.compile("^Client secret"))).to_be_visible()
    visit.looks_right("form")
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.locator("#errors")).to_be_visible()
    visit.looks_right("form with mistakes")
    fill_in(page, connected.cloud)
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Team subscription")
    choose_project(page)
    page.get_by_role("button", name="Run the checks").click()
    expect(page.locator("#doctor time")).to_be_visible()
    assert failures(page) == list(PLANTED)
    expect(page.get_by_text("az provider register --namespace Microsoft.Network")).to_be_visible()
    visit.looks_right("doctor")
    mend(connected.cloud)
    page.get_by_role("button", name="Run the checks").click()
    expect(page.locator("#doctor [data-status=fail]")).to_have_count(0)
    expect(page.locator("#doctor [data-status=pass]")).to_have_count(14)


@pytest.mark.slow
def test_the_wizards_first_step_unfolds_the_checks(visit: Visit, connected: Connected) -> None:
    page = visit.page
    plant(connected.cloud)
    settings = {"credential": "client_secret", "tenant_id": TENANT, "client_id": connected.cloud.seed.app.app_id}
    where = {"subscription_id": SUBSCRIPTION, "resource_group": "rg1", "workspace": "proj1"}
    connected.installation.client.post(
        "/connections",
        {
            "backend": "azure_foundry",
            "name": "Subscription of the wizard",
            "settings": {**settings, **where},
            "secrets": {"client_secret": SECRET},
        },
    )
    page.goto(f"{connected.url}/wizard")
    page.get_by_role("button", name="Start the wizard").click()
    page.get_by_label("Project", exact=True).select_option("new")
    page.get_by_label("Name of the new project").fill("Letters")
    page.get_by_label(re.compile("^Subscription of the wizard")).check()
    expect(page.locator("#checks")).to_contain_text("The checks have not been run yet")
    page.get_by_role("button", name="Check now").click()
    expect(page.locator("#checks time").first).to_be_visible()
    assert failures(page, "#checks") == list(PLANTED)
    visit.looks_right("wizard")
    mend(connected.cloud)
    page.get_by_role("button", name="Check again").click()
    expect(page.locator("#checks [data-status=fail]")).to_have_count(0)
    expect(page.locator("#checks")).to_contain_text("Nothing is missing")


@pytest.mark.slow
def test_without_scripts(scriptless: Page, connected: Connected) -> None:
    page = scriptless
    mend(connected.cloud)
    page.set_default_timeout(PATIENCE)
    page.goto(f"{connected.url}/connections/new?backend=azure_foundry")
    page.get_by_label("Service principal with a secret").check()
    page.get_by_role("button", name="Show the fields for this choice").click()
    fill_in(page, connected.cloud, "Short-lived")
    page.get_by_role("button", name="Connect", exact=True).click()
    choose_project(page, "Short-lived")
    page.get_by_role("button", name="Run the checks").click()
    assert failures(page) == []
    page.get_by_role("button", name="Delete connection").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Delete this connection?")
    page.get_by_role("button", name="Delete connection").click()
    expect(page.get_by_text("Short-lived")).to_have_count(0)


@pytest.mark.slow
def test_by_keyboard_alone(browser: Browser, connected: Connected) -> None:
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(f"{connected.url}/connections/new?backend=azure_foundry")
    page.get_by_label("Name", exact=True).focus()
    page.keyboard.press("Tab")
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    secret = page.get_by_label(re.compile("^Client secret"))
    expect(secret).to_be_visible()
    expect(page.get_by_label("Service principal with a secret")).to_be_checked()
    expect(page.get_by_label("Service principal with a secret")).to_be_focused()
    for value in (TENANT, connected.cloud.seed.app.app_id, SECRET):
        page.keyboard.press("Tab")
        page.keyboard.type(value)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Azure AI Foundry")
    context.close()


@pytest.mark.slow
def test_a_code_is_shown_and_the_page_notices(visit: Visit, connected: Connected) -> None:
    page = visit.page
    made = connected.installation.client.post(
        "/connections",
        {"backend": "azure_foundry", "name": "By code", "settings": {"credential": "device_code", "tenant_id": TENANT}},
    )
    page.goto(f"{connected.url}/connections/{made['id']}")
    page.get_by_role("button", name="Sign in", exact=True).click()
    code = page.locator("#sign-in code")
    expect(code).to_be_visible()
    visit.looks_right("code")
    connected.cloud.entra.approve(code.inner_text(), connected.cloud.seed.person.oid)
    expect(page.locator("#sign-in")).to_contain_text("Signed in as ada@example.com", timeout=30_000)
