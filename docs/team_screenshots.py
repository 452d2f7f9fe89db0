"""Pictures of an installation with accounts: the way in, people, tokens, webhooks, the audit, what a viewer sees.

Jobs there are rehearsed, and their pages say so: what is shown is who may do what.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from app.domain.actors import OWNER, VISITOR
from app.domain.people import Person
from app.services import datasets, deployments, evaluations, jobs, members, models, people, projects
from app.services.entering import From, begin_session
from app.settings import ROOT
from docs.camera import WAIT_MS, Camera
from tests.browser.team import FIRST_PROJECT, PASSWORD, TeamInstallation, team_installation
from tests.support.connections import REHEARSAL_ID
from tests.support.pages import FINAL, fields
from tests.support.receiver import Receiver, receiving
from tests.support.waiting import until

COOKIE = "tunedesk"
ROWS = ROOT / "app" / "samples" / "support_triage" / "train.jsonl"
QUICK = {"queue_s": 0.1, "train_s": 2.0, "deploy_s": 0.2, "undeploy_s": 0.1, "evaluate_s": 0.2, "look_s": 0.2}
LONG_S = 3000.0
BROWSERS = ("Firefox 145 on Linux", "Safari on iPhone")


@dataclass(frozen=True)
class Work:
    """The ids of what the team has made."""

    project: str
    dataset: str
    job: str
    other: str
    model: str
    deployment: str


def photograph_team(lens: Camera, folder: Path) -> None:
    """Photograph everything that there is only where there are accounts."""
    expect.set_options(timeout=WAIT_MS)
    folder.mkdir(parents=True)
    script = folder / "script.json"
    script.write_text(json.dumps(QUICK), encoding="utf-8")
    with receiving(500, 204) as receiver, team_installation(folder, str(script)) as here:
        team = _door(lens, here)
        work = _work(here)
        _administration(lens, here, receiver, work)
        _account(lens, here, team["mia"])
        _looked_at(lens, here, work, team["lena"])
        _work_pages(lens, here, work, team["mia"])
        lens.page.goto("about:blank")  # the page goes on asking for its live parts, and its server ends now


def _door(lens: Camera, here: TeamInstallation) -> dict[str, Person]:
    """Photograph the way in, go it as the administrator, and let others in."""
    lens.point_at(here.url)
    lens.take("sign-in", "/sign-in", status=HTTPStatus.OK)
    lens.take("sign-in-wrong", "/sign-in", _mistaken)
    lens.take("session-ended", "/jobs", status=HTTPStatus.UNAUTHORIZED)
    lens.take("welcome", "/welcome")
    page = lens.page
    page.get_by_label(re.compile("^One-time code")).fill(here.code)
    page.get_by_label(re.compile("^New password")).fill(PASSWORD)
    page.get_by_label(re.compile("^Repeat")).fill(PASSWORD)
    page.get_by_role("button", name="Save and sign in").click()
    page.locator("#meter").wait_for()
    page.goto(here.url + "/settings/people")
    page.get_by_label("Name", exact=True).fill("mia")
    page.get_by_role("button", name="Make an account and a code").click()
    page.locator(".note code").wait_for()
    lens.shoot("people-invited")
    with here.app.state.scopes.open(OWNER) as scope:
        for name in ("lena", "a-rather-long-name-from-the-directory@subsidiary.example.com", "tom"):
            people.invite(scope, name)
        found = {each.name: each for each in people.list_people(scope)}
        people.set_administers(scope, found["tom"].id, administers=True)
        project = next(each for each in projects.list_projects(scope).items if each.name == FIRST_PROJECT)
        members.set_role(scope, project.id, "mia", "member")
        members.set_role(scope, project.id, "lena", "viewer")
    return found


def _mistaken(page: Page) -> None:
    page.get_by_label("Name", exact=True).fill("mia")
    page.get_by_label("Password", exact=True).fill("not the one")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("alert").wait_for()


def _work(here: TeamInstallation) -> Work:
    """Train two models by the rehearsal, judge them, and serve one."""
    scopes = here.app.state.scopes
    with scopes.open(OWNER) as scope:
        project = next(each for each in projects.list_projects(scope).items if each.name == FIRST_PROJECT).id
        rows = [ROWS.read_bytes()]
        data = datasets.upload(scope, name="tickets", filename="tickets.jsonl", chunks=rows, project=project).id
    wanted = fields(project, data)
    made = [_made(here, {**wanted, "name": "triage", "seed": number}) for number in (1, 2)]
    with scopes.open(OWNER) as scope:
        model = next(each.id for each in models.list_models(scope).items if each.job == made[0])
        served = deployments.create(scope, target={"model": model}, name="triage for the help desk").id

    def ready() -> bool:
        with scopes.open(OWNER) as scope:
            figures = evaluations.list_evaluations(scope).items
            done = len(figures) == 2 * len(made) and all(each.status.value in FINAL for each in figures)
            return done and deployments.get(scope, served).status.value == "ready"

    until(ready, doing="judged and served")
    return Work(project=project, dataset=data, job=made[0], other=made[1], model=model, deployment=served)


def _made(here: TeamInstallation, wanted: dict[str, Any]) -> str:
    scopes = here.app.state.scopes
    with scopes.open(OWNER) as scope:
        job = jobs.create(scope, wanted).id

    def over() -> bool:
        with scopes.open(OWNER) as scope:
            return jobs.get(scope, job).status.is_final

    until(over, doing="a job ends")
    return job


def _administration(lens: Camera, here: TeamInstallation, receiver: Receiver, work: Work) -> None:
    lens.take("people", "/settings/people")
    lens.take("members", f"/projects/{work.project}/people")
    lens.take("settings-accounts", "/settings")
    lens.take("webhooks-empty", "/settings/webhooks")
    page = lens.page
    page.get_by_label("Name", exact=True).fill("Chat")
    page.get_by_label(re.compile("^Address")).fill(receiver.url)
    page.get_by_role("button", name="Make webhook").click()
    page.locator("#secret code").wait_for()
    lens.shoot("webhook-made")
    _made(here, {**fields(work.project, work.dataset), "name": "triage-3"})
    until(lambda: len(receiver.received) > 1, doing="the webhook is tried again")
    page.goto(here.url + "/settings/webhooks")
    lens.shoot("webhooks")
    page.locator("#main").get_by_role("link", name="Chat").click()
    page.locator("#messages tbody tr").first.wait_for()
    path = page.url.removeprefix(here.url)
    lens.shoot("webhook")
    page.locator("#messages tbody a").first.click()
    expect(page).to_have_url(re.compile("/settings/webhooks/messages/"))
    lens.shoot("webhook-message")
    lens.take("webhook-secret", f"{path}/secret")
    lens.take("webhook-delete", f"{path}/delete")
    lens.take("deployment-key", f"/deployments/{work.deployment}", _show_key)
    lens.take("audit", "/settings/audit")
    lens.take("audit-verified", "/settings/audit", lambda at: at.get_by_role("link", name="Verify").click())


def _as(lens: Camera, here: TeamInstallation, person: Person, browsers: Sequence[str] = BROWSERS[:1]) -> None:
    """Look as somebody who has signed in with these browsers, the last one being ours."""
    for agent in browsers:
        with here.app.state.scopes.open(VISITOR) as scope:
            secret = begin_session(scope, person, From("10.1.20.7", agent))
    lens.point_at(here.url, (COOKIE, secret))


def _account(lens: Camera, here: TeamInstallation, mia: Person) -> None:
    _as(lens, here, mia, BROWSERS)
    lens.take("account-empty", "/account")

    def make_token(page: Page) -> None:
        page.get_by_label("Name", exact=True).fill("nightly evaluation")
        page.get_by_role("button", name="Make a token").click()
        page.locator(".note code").wait_for()

    lens.take("token-made", "/account", make_token)
    lens.take("account", "/account")


def _looked_at(lens: Camera, here: TeamInstallation, work: Work, lena: Person) -> None:
    """Photograph what somebody sees who may only read; forms that they may not send are off."""
    _as(lens, here, lena)
    lens.take("viewed-job", f"/jobs/{work.job}")
    lens.take("viewed-dataset", f"/datasets/{work.dataset}")
    lens.take("viewed-datasets", "/datasets")
    lens.take("viewed-connection", f"/connections/{REHEARSAL_ID}")
    lens.take("viewed-deployment", f"/deployments/{work.deployment}")
    lens.take("viewed-deployments", "/deployments")
    lens.take("viewed-model", f"/models/{work.model}")
    lens.take("viewed-project", f"/projects/{work.project}")
    lens.take("viewed-settings", "/settings")
    lens.take("forbidden", "/settings/people", status=HTTPStatus.FORBIDDEN)


def _work_pages(lens: Camera, here: TeamInstallation, work: Work, mia: Person) -> None:
    """Photograph pages that need several jobs, or one that is under way."""
    _as(lens, here, mia)
    lens.take("jobs-compare", f"/jobs/compare?ids={work.job},{work.other}&all=true", _drawn)
    lens.take("deployment-measured", f"/deployments/{work.deployment}/measured")
    lens.take("deployment-rotate", f"/deployments/{work.deployment}/client-key/rotate")
    lens.take("deployment-delete", f"/deployments/{work.deployment}/delete")
    lens.take("checkpoints-discard", f"/jobs/{work.job}/checkpoints/discard")
    here.train_for(LONG_S)
    with here.app.state.scopes.open(OWNER) as scope:
        under_way = jobs.create(scope, {**fields(work.project, work.dataset), "name": "long"}).id
    lens.take("job-stop", f"/jobs/{under_way}/stop")


def _drawn(page: Page) -> None:
    page.locator("[data-chart] canvas").first.wait_for()


def _show_key(page: Page) -> None:
    page.get_by_role("button", name="Show client key").click()
    page.get_by_role("link", name="Hide key").wait_for()
