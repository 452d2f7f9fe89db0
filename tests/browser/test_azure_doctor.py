"""Azure in a real browser: connected, a project chosen, three planted failures told and mended, all green."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from app.settings import ROOT
from tests.browser.test_pages import LOOKS, STICKS_OUT, violations
from tests.support.azure.certificates import make_certificates
from tests.support.azure.clock import CloudClock
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.roles import READER, TRAIN_ONLY
from tests.support.azure.seed import SECRET
from tests.support.azure.state import SUBSCRIPTION, TENANT
from tests.support.journeys import Place, place

AXE = ROOT / "tests" / "vendor" / "axe.min.js"
_PATIENCE_MS = 90_000  # the first call imports azure-identity, on a machine that may have other things to do
PLANTED = ("Provider Microsoft.Network", "Role: deploy", "Datastore")


@dataclass(frozen=True)
class Connected:
    """A server whose calls to Azure come to a cloud in this process."""

    cloud: AzureCloud
    place: Place

    @property
    def url(self) -> str:
        return self.place.server.url

    def plant(self) -> None:
        """Break three things."""
        self.cloud.state.subscriptions[SUBSCRIPTION].providers["Microsoft.Network"] = "NotRegistered"
        self.cloud.seed.take_away()
        self.cloud.seed.grant(TRAIN_ONLY)
        self.cloud.seed.grant(READER, scope=f"/subscriptions/{SUBSCRIPTION}")
        self.cloud.seed.project.storage.allow_keys = False

    def mend(self) -> None:
        """Mend them, as the doctor says."""
        self.cloud.state.subscriptions[SUBSCRIPTION].providers["Microsoft.Network"] = "Registered"
        self.cloud.seed.grant("Azure AI Developer")
        self.cloud.seed.project.storage.allow_keys = True


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connected]:
    folder = tmp_path_factory.mktemp("azure")
    certificates = make_certificates(folder / "pki")
    expect.set_options(timeout=_PATIENCE_MS)
    with AzureCloud(certificates, folder / "cloud", clock=CloudClock(speed=1.0)) as cloud:
        with cloud.entered():
            made = place(folder / "desk", rehearsal="true")
            here = made.__enter__()
        try:
            yield Connected(cloud, here)
        finally:
            made.__exit__(None, None, None)
            expect.set_options(timeout=5_000)
        assert cloud.refused == []
        assert cloud.bugs == []


@dataclass
class Visit:
    """A page whose console must stay silent, except while axe looks at it: axe tries inline styles itself."""

    page: Page
    axe_looks: bool = False

    def __post_init__(self) -> None:
        self.complaints: list[str] = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _console(self, message: ConsoleMessage) -> None:
        refused_form = "422 (Unprocessable Entity)" in message.text
        if message.type in {"error", "warning"} and not self.axe_looks and not refused_form:
            self.complaints.append(message.text)

    def looks_right(self, name: str) -> None:
        """Hold the page against axe and its width, in both sizes and colours."""
        page, self.axe_looks = self.page, True
        page.evaluate(AXE.read_text(encoding="utf-8"))
        for width, scheme, rules in LOOKS:
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            assert page.evaluate(STICKS_OUT) <= 0, f"{name} at {width} px"
            assert violations(page, rules) == [], f"{name} at {width} px, {scheme}"
        page.set_viewport_size({"width": 1440, "height": 900})
        self.axe_looks = False


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(_PATIENCE_MS)
    made = Visit(context.new_page())
    yield made
    context.close()
    assert made.complaints == []


def fill_in(page: Page, connected: Connected, name: str = "Team subscription") -> None:
    """Fill in the form's fields of a service principal; the sign-in is chosen already."""
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label(re.compile("^Tenant")).fill(TENANT)
    page.get_by_label(re.compile("^Client id")).fill(connected.cloud.seed.app.app_id)
    page.get_by_label(re.compile("^Client secret")).fill(SECRET)


def choose_project(page: Page, name: str = "Team subscription") -> None:
    page.get_by_role("link", name="Choose a project").click()
    expect(page.locator("#subscription")).to_have_value(SUBSCRIPTION)
    page.get_by_role("button", name="Show its resource groups").click()
    expect(page.locator("#resource_group")).to_have_value("rg1")
    page.get_by_role("button", name="Show its projects").click()
    page.get_by_role("button", name="Use proj1").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)


def failures(page: Page, card: str = "#doctor") -> list[str]:
    return [text.strip() for text in page.locator(f"{card} li:has([data-status=fail]) strong").all_inner_texts()]


def test_from_a_form_to_a_green_doctor(visit: Visit, connected: Connected) -> None:
    page = visit.page
    connected.plant()
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
    fill_in(page, connected)
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Team subscription")
    choose_project(page)
    page.get_by_role("button", name="Run the checks").click()
    expect(page.locator("#doctor time")).to_be_visible()
    assert failures(page) == list(PLANTED)
    expect(page.get_by_text("az provider register --namespace Microsoft.Network")).to_be_visible()
    visit.looks_right("doctor")
    connected.mend()
    page.get_by_role("button", name="Run the checks").click()
    expect(page.locator("#doctor [data-status=fail]")).to_have_count(0)
    expect(page.locator("#doctor [data-status=pass]")).to_have_count(13)


@pytest.mark.slow
def test_the_wizards_first_step_unfolds_the_checks(visit: Visit, connected: Connected) -> None:
    page = visit.page
    connected.plant()
    settings = {"credential": "client_secret", "tenant_id": TENANT, "client_id": connected.cloud.seed.app.app_id}
    where = {"subscription_id": SUBSCRIPTION, "resource_group": "rg1", "workspace": "proj1"}
    connected.place.desk.post(
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
    page.get_by_label("Name of the new project").fill("Letters")
    page.get_by_label("Project", exact=True).select_option("new")
    page.get_by_label(re.compile("^Subscription of the wizard")).check()
    expect(page.locator("#checks")).to_contain_text("Subscription of the wizard")
    page.get_by_role("button", name="Check now").click()
    expect(page.locator("#checks time").first).to_be_visible()
    assert failures(page, "#checks") == list(PLANTED)
    visit.looks_right("wizard")
    connected.mend()
    page.get_by_role("button", name="Check again").click()
    expect(page.locator("#checks [data-status=fail]")).to_have_count(0)
    expect(page.locator("#checks")).to_contain_text("Nothing is missing")


@pytest.mark.slow
def test_without_scripts(scriptless: Page, connected: Connected) -> None:
    page = scriptless
    connected.mend()
    page.set_default_timeout(_PATIENCE_MS)
    page.goto(f"{connected.url}/connections/new?backend=azure_foundry")
    page.get_by_label("Service principal with a secret").check()
    page.get_by_role("button", name="Ask for what this needs").click()
    fill_in(page, connected, "Short-lived")
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
    context.set_default_timeout(_PATIENCE_MS)
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
    made = connected.place.desk.post(
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
