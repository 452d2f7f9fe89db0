"""A camera for pages: one Chromium, which looks at each page in two widths, light and dark."""

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Literal

from fastapi.routing import APIRoute
from playwright.sync_api import FloatRect, Page, sync_playwright

from app.demo.client import DemoError
from app.web.site import ROUTERS

ROOT = Path(__file__).resolve().parents[1]
CHOSEN = ROOT / "docs" / "images"
README_HEIGHT = 720
LARGEST_BYTES = 150_000
WAIT_MS = 120_000
Act = Callable[[Page], None]
# What is asked for by address and is no page: downloads, streams, parts of pages, and ways that lead on to one.
_NO_PAGES = re.compile(
    r"\.(json|csv|txt)$|/(live|export|download|capsule|meter)$|^/(evaluations|sign-in/single-sign-on.*)$"
)
# htmx swaps, charts and fonts settle within two frames.
_SETTLED = """() => document.fonts.ready.then(
    () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true)))))"""


@dataclass(frozen=True, slots=True)
class Look:
    """How a page is looked at."""

    width: int
    height: int
    scheme: Literal["light", "dark"]

    def __str__(self) -> str:
        return f"{self.width}-{self.scheme}"


LOOKS = (Look(1440, 900, "light"), Look(1440, 900, "dark"), Look(390, 844, "dark"), Look(390, 844, "light"))
README: Mapping[str, tuple[str, str]] = {
    "job": ("job-training", "1440-light"),
    "review": ("wizard-review", "1440-light"),
    "evaluation": ("job-evaluation", "1440-dark"),
    "phone": ("job-training", "390-light"),
}


class Camera:
    """A browser over one server after another; pictures go to `folder`, the README's to its own if `readme` is set."""

    def __init__(self, page: Page, folder: Path, *, readme: bool) -> None:
        self.page, self.folder, self.url = page, folder, ""
        self._readme = readme
        self._seen: set[str] = set()

    def point_at(self, url: str, cookie: tuple[str, str] | None = None) -> None:
        """Look at another server, or as somebody else: whoever has `cookie`."""
        self.url = url
        self.page.context.clear_cookies()
        if cookie is not None:
            name, value = cookie
            self.page.context.add_cookies([{"name": name, "value": value, "url": url}])

    def take(self, name: str, path: str, act: Act | None = None, *, status: int = HTTPStatus.OK) -> None:
        """Photograph the whole page at `path`, after `act` where given, in every look.

        Raises:
            DemoError: the page is not answered as `status` says.
        """
        answer = self.page.goto(self.url + path)
        if answer is None or answer.status != status:
            raise DemoError(f"{path} is answered {answer.status if answer else 'not at all'}, not {status}.")
        if act:
            act(self.page)
        self.shoot(name)

    def take_all(self, prefix: str, base: str, names: tuple[str, ...], query: str = "") -> None:
        """Photograph `base` with each name behind it, as `prefix-name`."""
        for name in names:
            self.take(f"{prefix}-{name}", f"{base}{query or '/'}{name}")

    def shoot(self, name: str) -> None:
        """Photograph the page as it stands."""
        page = self.page
        self._seen.add(page.url.removeprefix(self.url).partition("?")[0].partition("#")[0])
        for look in LOOKS:
            page.set_viewport_size({"width": look.width, "height": look.height})
            page.emulate_media(color_scheme=look.scheme, reduced_motion="reduce")
            page.evaluate(_SETTLED)
            page.screenshot(path=self.folder / f"{name}-{look}.png", full_page=True, animations="disabled")
            for chosen, wanted in README.items():
                if self._readme and wanted == (name, str(look)):
                    self._choose(chosen, look)
        page.set_viewport_size({"width": LOOKS[0].width, "height": LOOKS[0].height})
        page.emulate_media(color_scheme=LOOKS[0].scheme, reduced_motion="reduce")

    def unseen(self) -> list[str]:
        """Return the addresses of pages of which no picture was taken."""
        routes = [each for router in ROUTERS for each in router.routes if isinstance(each, APIRoute)]
        pages = [each for each in routes if "GET" in (each.methods or ()) and not _NO_PAGES.search(each.path)]
        # An address with a word in it stands before the one with an id there, and takes its own.
        taken = {next((each.path for each in pages if each.path_regex.match(path)), path) for path in self._seen}
        return [each.path for each in pages if each.path not in taken]

    def _choose(self, name: str, look: Look) -> None:
        target = CHOSEN / f"{name}.png"
        height = look.height if look.width < look.height else README_HEIGHT
        part = FloatRect(x=0, y=0, width=look.width, height=height)
        self.page.screenshot(path=target, animations="disabled", clip=part)
        weight = target.stat().st_size
        if weight > LARGEST_BYTES:
            raise DemoError(f"{target} has {weight} bytes; at most {LARGEST_BYTES} may go into the README.")


@contextmanager
def camera(folder: Path, *, readme: bool) -> Iterator[Camera]:
    """Have the browser for as long as the block takes.

    Raises:
        DemoError: without a Chromium on the PATH.
    """
    builds = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    chromium = next(filter(None, map(shutil.which, builds)), None)
    if chromium is None:
        raise DemoError("There is no Chromium on this machine: apt-get install chromium")
    folder.mkdir(parents=True, exist_ok=True)
    CHOSEN.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
        context.set_default_timeout(WAIT_MS)
        yield Camera(context.new_page(), folder, readme=readme)
        browser.close()
