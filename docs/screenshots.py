"""Every page as a picture: a real server, the sample's main job done for real, two widths, light and dark.

    python -m docs.screenshots

Needs Chromium and the training runtime (TUNEDESK_RUNTIME_PYTHON, or the one that the server makes). All pictures go to
screenshots/, which git ignores; the README's four go to docs/images/.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Literal

from playwright.sync_api import FloatRect, Page, sync_playwright

from app.demo import cleared, steps
from app.demo.client import Answer, DemoClient, DemoError
from app.demo.server import serving
from app.demo.steps import RunOptions
from tests.support.connections import LOCAL_ID

ROOT = Path(__file__).resolve().parents[1]
ALL = ROOT / "screenshots"
CHOSEN = ROOT / "docs" / "images"
SETTINGS = {"disk_reserve_mb": "0", "log_level": "warning"}
BROKEN = b'{"messages": [{"role": "user", "content": "hello"}]}\n{"messages": [}\n{"prompt": "where is it?"}\n\n'
README_HEIGHT = 720
LARGEST_BYTES = 150_000
SHOWN_AT = 0.6  # of the training: both curves are to be seen
WAIT_MS = 120_000
Act = Callable[[Page], None]


@dataclass(frozen=True, slots=True)
class Look:
    """How a page is looked at."""

    width: int
    height: int
    scheme: Literal["light", "dark"]

    def __str__(self) -> str:
        return f"{self.width}-{self.scheme}"


LOOKS = (Look(1440, 900, "light"), Look(1440, 900, "dark"), Look(390, 844, "light"), Look(390, 844, "dark"))
README: Mapping[str, tuple[str, str]] = {
    "job": ("job-training", "1440-light"),
    "review": ("wizard-review", "1440-light"),
    "evaluation": ("job-evaluation", "1440-dark"),
    "phone": ("job-training", "390-light"),
}


class Camera:
    """Four browsers side by side, one for each look, over one server."""

    def __init__(self, pages: Mapping[str, Page], url: str) -> None:
        self.pages = pages
        self.url = url

    def take(self, name: str, path: str, act: Act | None = None) -> None:
        """Photograph the whole page at `path`, after `act` where given, in every look."""
        for look, page in self.pages.items():
            answer = page.goto(self.url + path)
            if answer is None or (answer.status >= HTTPStatus.BAD_REQUEST and name != "error"):
                raise DemoError(f"{path} is no page: {answer.status if answer else 'no answer'}.")
            if act:
                act(page)
            page.evaluate("document.fonts.ready")
            page.screenshot(path=ALL / f"{name}-{look}.png", full_page=True, animations="disabled")
            for chosen, wanted in README.items():
                if wanted == (name, look):
                    self._choose(page, chosen)

    def take_all(self, prefix: str, base: str, names: tuple[str, ...], query: str = "") -> None:
        """Photograph `base` with each name behind it, as `prefix-name`."""
        for name in names:
            self.take(f"{prefix}-{name}", f"{base}{query or '/'}{name}")

    @staticmethod
    def _choose(page: Page, name: str) -> None:
        target = CHOSEN / f"{name}.png"
        size = page.viewport_size or {"width": 0, "height": 0}
        height = size["height"] if size["width"] < size["height"] else README_HEIGHT
        part = FloatRect(x=0, y=0, width=size["width"], height=height)
        page.screenshot(path=target, animations="disabled", clip=part)
        weight = target.stat().st_size
        if weight > LARGEST_BYTES:
            raise DemoError(f"{target} has {weight} bytes; at most {LARGEST_BYTES} may go into the README.")


@contextmanager
def camera(url: str) -> Iterator[Camera]:
    """Have the browsers for as long as the block takes.

    Raises:
        DemoError: without a Chromium on the PATH.
    """
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise DemoError("There is no Chromium on this machine: apt-get install chromium")
    ALL.mkdir(parents=True, exist_ok=True)
    CHOSEN.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        pages = {
            str(look): browser.new_page(
                viewport={"width": look.width, "height": look.height}, color_scheme=look.scheme, reduced_motion="reduce"
            )
            for look in LOOKS
        }
        yield Camera(pages, url)
        browser.close()


def photograph(camera: Camera, client: DemoClient) -> None:
    """Do the main job, and photograph every page on the way."""
    _first_run(camera)
    steps.await_runtime(client)
    draft = _wizard(camera, client)
    job = _training(camera, client, draft)
    _job(camera, client, job)
    model = next(each for each in client.items("/models") if each["job"] == job["id"])
    _serving(camera, client, job, model)
    _data_and_rest(camera, client, job)
    camera.take("overview", "/")
    _teardown(camera, model)


def _first_run(camera: Camera) -> None:
    camera.take("overview-first-run", "/")
    for name in ("jobs", "datasets", "models", "deployments", "playground", "projects"):
        camera.take(f"{name}-empty", f"/{name}")
    camera.take("error", "/jobs/job_00000000000000000000000000")


def _wizard(camera: Camera, client: DemoClient) -> Answer:
    """Photograph the wizard empty, wrong and filled in; return the draft that is."""
    empty = client.post("/drafts", {})
    names = ("project", "model", "data", "validation", "hyperparameters", "review")
    camera.take_all("wizard-empty", f"/wizard/{empty['id']}", names)
    wrong = steps.sample_draft(client, RunOptions())
    client.patch(f"/drafts/{wrong['id']}/hyperparameters", {"hyperparameters": {"learning_rate": -1}})
    camera.take("wizard-wrong", f"/wizard/{wrong['id']}/hyperparameters")
    client.delete(f"/drafts/{empty['id']}")
    client.delete(f"/drafts/{wrong['id']}")
    draft = steps.sample_draft(client, RunOptions())
    camera.take_all("wizard", f"/wizard/{draft['id']}", names)
    camera.take("wizard-list", "/wizard")
    return draft


def _training(camera: Camera, client: DemoClient, draft: Answer) -> Answer:
    """Submit, photograph the job while it trains, and return it once it has succeeded and is judged."""
    job = client.post(f"/drafts/{draft['id']}/submit")
    path = f"/jobs/{job['id']}"
    camera.take("job-waiting", path)
    client.until(path, _well_on)
    camera.take("job-training", path, _drawn)
    camera.take("overview-training", "/")
    camera.take("jobs-training", "/jobs")
    camera.take("job-cancel", f"{path}/cancel")
    done = client.until(path, lambda seen: seen["status"] in steps.FINAL)
    steps.evaluated(client, [each["id"] for each in client.items("/evaluations", job=job["id"])])
    return done


def _drawn(page: Page) -> None:
    page.locator("[data-chart] canvas").first.wait_for()


def _well_on(job: Answer) -> bool:
    done, of = job["progress"]["step"] or 0, job["progress"]["steps"] or 1
    return bool(done >= SHOWN_AT * of) or job["status"] in steps.FINAL


def _job(camera: Camera, client: DemoClient, job: Answer) -> None:
    path = f"/jobs/{job['id']}"
    camera.take("job", path, _drawn)
    camera.take_all("job", path, ("events", "log", "data", "parameters", "evaluation", "code"), "?tab=")
    camera.take("jobs", "/jobs")
    base, tuned = sorted(client.items("/evaluations", job=job["id"]), key=lambda each: bool(each["target"]["model"]))
    camera.take("evaluation", f"/evaluations/{tuned['id']}")
    camera.take("evaluation-compare", f"/evaluations/{tuned['id']}/compare?base={base['id']}")


def _serving(camera: Camera, client: DemoClient, job: Answer, model: Answer) -> None:
    camera.take("models", "/models")
    camera.take("model", f"/models/{model['id']}")
    base = {"base_model": job["spec"]["base_model"], "connection": job["spec"]["connection"]}
    left = steps.deploy(client, base)
    right = steps.deploy(client, {"model": model["id"]})
    steps.chat(client, right["id"], [{"role": "user", "content": "my parcel has not arrived"}])
    camera.take("deployments", "/deployments")
    camera.take("deployment", f"/deployments/{right['id']}")
    camera.take("playground", "/playground")

    def ask(page: Page) -> None:
        page.get_by_role("link", name="Next test row").click()
        page.get_by_text("Expected answer").wait_for()
        page.get_by_role("button", name="Send").click()
        for column in ("left", "right"):
            page.locator(f"[data-column={column}] [data-facts]:not(:empty)").wait_for(timeout=WAIT_MS)

    camera.take("playground-answers", f"/playground?left={left['id']}&right={right['id']}", ask)


def _data_and_rest(camera: Camera, client: DemoClient, job: Answer) -> None:
    broken = client.ask("PUT", "/datasets", params={"name": "broken", "filename": "broken.jsonl"}, content=BROKEN)
    camera.take("datasets", "/datasets")
    camera.take_all("dataset", f"/datasets/{job['parts']['training']}", ("overview", "rows", "lineage"), "?tab=")
    camera.take_all("dataset-broken", f"/datasets/{broken['id']}", ("overview", "findings"), "?tab=")
    client.post(f"/connections/{LOCAL_ID}/doctor")
    camera.take("connections", "/connections")
    camera.take("connection", f"/connections/{LOCAL_ID}")
    for name in ("projects", "catalog", "settings", "commands"):
        camera.take(name, f"/{name}")
    camera.take("prices", "/settings/prices")
    camera.take("project", f"/projects/{job['spec']['project']}")


def _teardown(camera: Camera, model: Answer) -> None:
    path = f"/models/{model['id']}/teardown"
    camera.take("teardown", path)

    def mistype(page: Page) -> None:
        page.get_by_label("Type the model's name").fill("wrong")
        page.get_by_role("button", name="Tear down").click()
        page.locator("#errors").wait_for()

    camera.take("teardown-wrong", path, mistype)


def main() -> int:
    """Take the pictures; returns the exit code."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with tempfile.TemporaryDirectory(prefix="tunedesk-pictures-") as folder:
        try:
            with serving(Path(folder), SETTINGS) as server, cleared(server) as client, camera(server.url) as lens:
                photograph(lens, client)
        except DemoError as error:
            print(error, file=sys.stderr)
            return 1
    print(f"{len(list(ALL.glob('*.png')))} pictures are in {ALL}, the README's in {CHOSEN}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
