"""What the browser's tests of Azure share: a desk with a cloud behind it, and the steps that all of them take."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import FastAPI
from playwright.sync_api import Page, expect

from app.backends.azure_foundry.backend import AzureFoundryBackend
from app.main import create_app
from app.services.scope import Scopes
from app.settings import Settings
from tests.browser.looks import PATIENCE
from tests.support.azure.azurite import Azurite
from tests.support.azure.certificates import Certificates
from tests.support.azure.clock import CloudClock
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.fixtures import went_well
from tests.support.azure.roles import READER, TRAIN_ONLY
from tests.support.azure.seed import SECRET
from tests.support.azure.state import SUBSCRIPTION, TENANT, Workspace
from tests.support.server import serving

SPEED = 12.0  # of the cloud's clock and the desk's: Azure's minutes are seconds here
PLANTED = ("Provider Microsoft.Network", "Role: deploy", "Datastore")
MENDED = 14  # checks, all green


@contextmanager
def patient() -> Iterator[None]:
    """Let every expectation wait as long as an act may take here."""
    expect.set_options(timeout=PATIENCE)
    try:
        yield
    finally:
        expect.set_options(timeout=5_000)


def plant(cloud: AzureCloud) -> None:
    """Break three things."""
    cloud.state.subscriptions[SUBSCRIPTION].providers["Microsoft.Network"] = "NotRegistered"
    cloud.seed.take_away()
    cloud.seed.grant(TRAIN_ONLY)
    cloud.seed.grant(READER, scope=f"/subscriptions/{SUBSCRIPTION}")
    cloud.seed.project.storage.allow_keys = False


def mend(cloud: AzureCloud) -> None:
    """Mend them, as the doctor says."""
    cloud.state.subscriptions[SUBSCRIPTION].providers["Microsoft.Network"] = "Registered"
    cloud.seed.grant("Azure AI Developer")
    cloud.seed.project.storage.allow_keys = True


@dataclass
class AzureInstallation:
    """An installation in this process with a cloud behind it; `url` once it serves."""

    cloud: AzureCloud
    settings: Settings
    app: FastAPI
    url: str = ""
    _stack: ExitStack = field(default_factory=ExitStack, repr=False)

    @property
    def scopes(self) -> Scopes:
        """The installation's services."""
        scopes: Scopes = self.app.state.scopes
        return scopes

    @property
    def project(self) -> Workspace:
        """The project in which everything is."""
        return self.cloud.seed.project

    def backend(self) -> AzureFoundryBackend:
        """Return the backend of the one connection to Azure."""
        (found,) = self._opened()
        return found

    def serve(self) -> None:
        """Begin to serve."""
        self.url = self._stack.enter_context(serving(self.app))

    def close(self) -> None:
        """Stop serving, and close what leads to the cloud."""
        self._stack.close()
        for backend in self._opened():
            backend.azure.close()

    def _opened(self) -> list[AzureFoundryBackend]:
        opened = [backend for _, backend in self.scopes.app_context.backends._opened.values()]
        return [backend for backend in opened if isinstance(backend, AzureFoundryBackend)]


@contextmanager
def azure_installation(
    certificates: Certificates, folder: Path, *, azurite: Azurite | None = None, speed: float = SPEED
) -> Iterator[AzureInstallation]:
    """Give a desk that does not serve yet; at the end what went over the wire is held against Azure's types."""
    with AzureCloud(certificates, folder, azurite=azurite, clock=CloudClock(speed=speed)) as cloud, cloud.entered():
        settings = Settings(
            data_dir=folder / "data",
            runtimes_dir=folder / "runtimes",
            secret_key_file=folder / "key",
            runtime_autoinstall=False,
            disk_reserve_mb=0,
            port=0,
            engine_interval_s=0.2,
        )
        client = AzureInstallation(cloud, settings, create_app(settings, clock=CloudClock(speed=speed)))
        try:
            yield client
        finally:
            client.close()
    went_well(cloud)


def fill_in(page: Page, cloud: AzureCloud, name: str = "Team subscription") -> None:
    """Fill in the form's fields of a service principal; the sign-in is chosen already."""
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label(re.compile("^Tenant")).fill(TENANT)
    page.get_by_label(re.compile("^Client id")).fill(cloud.seed.app.app_id)
    page.get_by_label(re.compile("^Client secret")).fill(SECRET)


def choose_project(page: Page, name: str = "Team subscription") -> None:
    """Choose the cloud's project from what the account sees."""
    page.get_by_role("link", name="Choose a project").click()
    expect(page.locator("#subscription")).to_have_value(SUBSCRIPTION)
    page.get_by_role("button", name="Show its resource groups").click()
    expect(page.locator("#resource_group")).to_have_value("rg1")
    page.get_by_role("button", name="Show its projects").click()
    page.get_by_role("button", name="Use proj1").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)


def failures(page: Page, card: str = "#doctor") -> list[str]:
    """Return the names of the checks that failed."""
    return [text.strip() for text in page.locator(f"{card} li:has([data-status=fail]) strong").all_inner_texts()]


def tear_down(page: Page, address: str, name: str) -> None:
    """Tear down a model by its page, with its name typed, and wait until the plan is done."""
    page.goto(address)
    page.get_by_role("link", name="Tear down").click()
    page.get_by_label("Type the model's name").fill(name)
    page.get_by_role("button", name="Tear down").click()
    expect(page.get_by_text("All removed")).to_be_visible(timeout=PATIENCE)
    expect(page.locator("#plan")).to_contain_text("Deleted at Azure.")
