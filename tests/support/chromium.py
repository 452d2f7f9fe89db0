"""Debian's Chromium; no browser is downloaded.

Its build without windows (`chromium-headless-shell`, of the same source) comes first: a page costs a third of the CPU.
"""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

_BUILDS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, _BUILDS)), None)
_HOW = "apt-get install chromium-headless-shell"
MISSING = pytest.mark.skipif(CHROMIUM is None, reason=f"no Chromium on this machine: {_HOW}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give one browser to a file.

    It ends with the file: Playwright keeps an event loop running in the main thread meanwhile, and no other test could
    start one of its own there.
    """
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=quiet)
        yield started
        started.close()
