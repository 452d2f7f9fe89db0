"""Every page as a picture: real servers, the sample's main job done for real, two widths, light and dark.

    python -m docs.screenshots [--to FOLDER] [--only main|data|providers|team]

Needs Chromium and the training runtime (TUNEDESK_RUNTIME_PYTHON, or the one that the server makes). All pictures go to
screenshots/, which git ignores, and the README's four to docs/images/; with `--to` all go there, and the README keeps
its own. Pages that lead to providers and those of a team are shown over emulated providers and by rehearsed jobs; a
page that no picture was taken of fails the whole.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path

from playwright.sync_api import Page

from app.demo import cleared, steps
from app.demo.client import Answer, DemoClient, DemoError
from app.demo.server import serving
from app.demo.steps import RunOptions
from docs.camera import CHOSEN, ROOT, WAIT_MS, Camera, camera
from docs.data_screenshots import photograph_data, photograph_settings
from docs.provider_screenshots import photograph_providers
from docs.team_screenshots import photograph_team

ALL = ROOT / "screenshots"
SETTINGS = {"disk_reserve_mb": "0", "log_level": "warning", "local_niceness": "0"}
SHOWN_AT = 0.6  # of the training: both curves are to be seen
# Pages that stand only where a provider did what it seldom does.
SELDOM = {"/jobs/{identifier}/model": "a training that succeeded, of which Azure does not say which model it made"}


def photograph(camera: Camera, client: DemoClient) -> None:
    """Do the main job, and photograph every page on the way."""
    _first_run(camera)
    steps.await_runtime(client)
    draft = _wizard(camera, client)
    job = _training(camera, client, draft)
    _job(camera, client, job)
    model = next(each for each in client.items("/models") if each["job"] == job["id"])
    _serving(camera, client, job, model)
    camera.take("datasets", "/datasets")
    camera.take_all("dataset", f"/datasets/{job['parts']['training']}", ("overview", "rows", "lineage"), "?tab=")
    camera.take("project", f"/projects/{job['spec']['project']}")
    camera.take("overview", "/")
    _teardown(camera, model)


def _first_run(camera: Camera) -> None:
    camera.take("overview-first-run", "/")
    for name in ("jobs", "datasets", "models", "deployments", "playground", "projects"):
        camera.take(f"{name}-empty", f"/{name}")
    camera.take("error", "/jobs/job_00000000000000000000000000", status=HTTPStatus.NOT_FOUND)


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


def _teardown(camera: Camera, model: Answer) -> None:
    path = f"/models/{model['id']}/teardown"
    camera.take("teardown", path)

    def mistype(page: Page) -> None:
        page.get_by_label("Type the model's name").fill("wrong")
        page.get_by_role("button", name="Tear down").click()
        page.locator("#errors").wait_for()

    camera.take("teardown-wrong", path, mistype)


def photograph_main(lens: Camera, folder: Path) -> None:
    """Photograph the main job at a server of its own."""
    with serving(folder, SETTINGS) as server, cleared(server) as client:
        lens.point_at(server.url)
        photograph(lens, client)


def photograph_rest(lens: Camera, folder: Path) -> None:
    """Photograph one's own data on its way in, and what is the same before anything is trained."""
    with serving(folder, SETTINGS) as server, cleared(server) as client:
        lens.point_at(server.url)
        photograph_data(lens, client)
        photograph_settings(lens, client)


SETS: Mapping[str, Callable[[Camera, Path], None]] = {
    "main": photograph_main,
    "data": photograph_rest,
    "providers": photograph_providers,
    "team": photograph_team,
}


def main() -> int:
    """Take the pictures; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, help="where the pictures go; the README keeps its own then")
    parser.add_argument("--only", choices=SETS, help="one part of them")
    given = parser.parse_args()
    folder = given.to or ALL
    with tempfile.TemporaryDirectory(prefix="tunedesk-pictures-") as scratch:
        try:
            with camera(folder, readme=given.to is None) as lens:
                for name, take in SETS.items():
                    if given.only in {None, name}:
                        take(lens, Path(scratch) / name)
                unseen = [] if given.only else [each for each in lens.unseen() if each not in SELDOM]
        except DemoError as error:
            print(error, file=sys.stderr)
            return 1
    where = folder if given.to else f"{folder}, those of the README in {CHOSEN}"
    print(f"{len(list(folder.glob('*.png')))} pictures are in {where}.")
    if unseen:
        print(f"No picture was taken of {', '.join(unseen)}.", file=sys.stderr)
    return bool(unseen)


if __name__ == "__main__":
    sys.exit(main())
