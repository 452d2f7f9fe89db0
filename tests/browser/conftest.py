"""A real Chromium over a real server. Every page that a test opens must leave the console silent."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.looks import PATIENCE, Visit
from tests.support.app_context import TestHouse
from tests.support.azure.fixtures import azure_certificates, azurite
from tests.support.chromium import MISSING, browser
from tests.support.door import whole_app
from tests.support.journeys import Installation, installation
from tests.support.pages import Furnished, furnish
from tests.support.server import serving

__all__ = ["azure_certificates", "azurite", "browser"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here, and skip it visibly where there is no browser."""
    for item in items:
        if "tests/browser" in str(item.path):
            item.add_marker(pytest.mark.browser)
            item.add_marker(MISSING)


@pytest.fixture(scope="session")
def fast_check(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of a rehearsal script under which everything takes a moment instead of half a minute."""
    script = tmp_path_factory.mktemp("script") / "quick.json"
    moments = {"queue_s": 0.1, "train_s": 1.0, "deploy_s": 0.2, "undeploy_s": 0.1, "evaluate_s": 0.2, "look_s": 0.2}
    script.write_text(json.dumps(moments), encoding="utf-8")
    return str(script)


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory, fast_check: str) -> Iterator[Furnished]:
    """One installation for all page tests: a job of every kind, by the rehearsal."""
    with installation(tmp_path_factory.mktemp("furnished"), rehearsal="true", rehearsal_script=fast_check) as here:
        yield furnish(here)


@pytest.fixture(scope="session")
def style_guide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the style guide, every component on one page."""
    house = TestHouse(tmp_path_factory.mktemp("style"))
    with serving(whole_app(house.scopes)) as url:
        yield f"{url}/patterns"
    house.database.close()


@pytest.fixture
def rehearsal_installation(tmp_path_factory: pytest.TempPathFactory, fast_check: str) -> Iterator[Installation]:
    """An empty installation with the rehearsal backend, for tests that change things.

    Name it before the page that visits it: what comes last goes first, and a page left open would ask an ended server.
    """
    with installation(tmp_path_factory.mktemp("place"), rehearsal="true", rehearsal_script=fast_check) as here:
        yield here


@pytest.fixture
def visitor(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """A page at 1440 px; the console must have stayed silent in the end."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    watched = Visit(context.new_page(), tmp_path)
    yield watched.page
    context.close()
    assert watched.complaints == []


@pytest.fixture
def visit(browser: Browser, tmp_path: Path) -> Iterator[Visit]:
    """The same for whoever looks at pages on the way: nothing moves, and pictures lie in the test's folder."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE)
    made = Visit(context.new_page(), tmp_path)
    yield made
    context.close()
    assert made.complaints == []


@pytest.fixture
def scriptless(browser: Browser) -> Iterator[Page]:
    """A page in a browser with JavaScript off."""
    context: BrowserContext = browser.new_context(java_script_enabled=False)
    yield context.new_page()
    context.close()
