"""Three people's day in a browser: an administrator, one who comes by a code, one who comes from the directory."""

import re
from pathlib import Path

import pytest
from openai import OpenAI
from playwright.sync_api import Browser, Page, expect

from app.domain.actors import OWNER
from app.services import datasets, jobs, projects
from tests.browser.azure import patient
from tests.browser.team import FIRST_PROJECT, Colleague, TeamInstallation, colleague, team_installation
from tests.support.local import runtime_python
from tests.support.pages import fields, rows
from tests.support.receiver import Received, Receiver, receiving
from tests.support.waiting import until

OTHER_PROJECT, OTHERS_MODEL = "Payroll", "salaries"
LONG = 3000.0  # seconds: what is trained so is under way until the test ends
OPENAI = OpenAI(api_key="unused", base_url="http://127.0.0.1:9")
REHEARSED = ("^Rehearsal", "rehearsal:small")
LOCAL = ("^This machine", "builtin:starter")
ENDED = "Your session has ended"


def test_an_open_page_says_that_its_session_was_ended_elsewhere(
    browser: Browser, tmp_path: Path, fast_check: str
) -> None:
    with patient(), team_installation(tmp_path, fast_check) as here:
        here.train_for(LONG)
        with colleague(browser, tmp_path, here) as root, colleague(browser, tmp_path, here) as mia:
            root.comes_by_code(here.code)
            code = root.invites("mia")
            root.adds("mia", "member", FIRST_PROJECT)
            mia.comes_from_the_directory("mia", code)
            is_signed_out(root, mia)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("where", "runtime"), [(REHEARSED, False), pytest.param(LOCAL, True, marks=pytest.mark.training)]
)
def test_three_peoples_day(
    browser: Browser, tmp_path: Path, fast_check: str, where: tuple[str, str], runtime: bool
) -> None:
    python = runtime_python() if runtime else None
    with (
        patient(),
        receiving(500, 204) as receiver,
        team_installation(tmp_path, fast_check, runtime=python) as here,
        colleague(browser, tmp_path, here, looks=True) as root,
        colleague(browser, tmp_path, here, looks=True) as lena,
        colleague(browser, tmp_path, here, looks=True) as mia,
    ):
        root.comes_by_code(here.code)
        makes_projects(root)
        codes = {name: root.invites(name) for name in ("lena", "mia")}
        root.sees("people")
        secret = makes_webhook(root, receiver)
        lena.comes_by_code(codes["lena"])
        lena.opens("/")
        expect(lena.page.get_by_text("You are not in any project yet.")).to_be_visible()
        lena.sees("nowhere")
        root.adds("lena", "member", OTHER_PROJECT)
        root.adds("lena", "viewer", FIRST_PROJECT)
        root.adds("mia", "member", FIRST_PROJECT)
        root.sees("members")
        hidden = trains(lena, tmp_path, OTHER_PROJECT, OTHERS_MODEL, REHEARSED)
        mia.comes_from_the_directory("mia", codes["mia"])
        mia.sees("overview")
        sees_nothing_of_the_neighbours(mia, hidden)
        job = trains(mia, tmp_path, FIRST_PROJECT, "triage", where)
        mia.sees("trained")
        heard(receiver, secret, job)
        reads_what_was_sent(root)
        only_looks(lena, job)
        here.train_for(LONG)
        is_signed_out(root, mia)
        mia.sees("signed-out")
        signs_out(lena)
        reads_the_audit(root)


def makes_projects(root: Colleague) -> None:
    root.opens("/projects")
    root.page.get_by_label("Name", exact=True).fill(OTHER_PROJECT)
    root.press("Create project")
    root.at(OTHER_PROJECT)


def makes_webhook(root: Colleague, receiver: Receiver) -> str:
    """Let a program hear of the first project; return the secret with which it verifies that."""
    root.opens("/settings/webhooks")
    root.page.get_by_label("Name", exact=True).fill("Chat")
    root.page.get_by_label(re.compile("^Address")).fill(receiver.url)
    root.page.get_by_label("Project", exact=True).select_option(label=FIRST_PROJECT)
    root.press("Make webhook")
    secret = root.page.locator("#secret code").inner_text()
    root.sees("webhook-made")
    return secret


def trains(somebody: Colleague, folder: Path, project: str, name: str, where: tuple[str, str]) -> str:
    """Train in a project by the wizard; return the job's address."""
    page, (connection, model) = somebody.page, where
    file = folder / f"{name}.jsonl"
    file.write_bytes(rows())
    somebody.opens("/wizard")
    somebody.press("Start the wizard")
    page.get_by_label("Project", exact=True).select_option(label=project)
    page.get_by_label(re.compile(connection)).first.check()
    goes_on(somebody, "Model")
    page.locator(f"input[name=base_model][value='{model}']").check()
    page.get_by_label("Name of the fine-tuned model").fill(name)
    goes_on(somebody, "Data")
    page.locator("input[type=file]").set_input_files(file)
    somebody.press("Upload")
    expect(page.get_by_label(re.compile(f"^{name}"))).to_be_checked()
    goes_on(somebody, "Validation")
    goes_on(somebody, "Hyperparameters")
    page.get_by_label(re.compile("^Epochs")).fill("1")
    goes_on(somebody, "Review")
    somebody.press(re.compile("^Submit"))
    somebody.at(name)
    expect(page.locator("#job-status")).to_have_attribute("data-status", "succeeded", timeout=300_000)
    return page.url.removeprefix(somebody.here.url).partition("?")[0]


def goes_on(somebody: Colleague, step: str) -> None:
    somebody.press("Next")
    somebody.at(step)


def sees_nothing_of_the_neighbours(mia: Colleague, hidden: str) -> None:
    for path in ("/", "/jobs", f"/jobs?q={OTHERS_MODEL}", "/datasets", "/models", "/projects", "/commands", "/wizard"):
        assert mia.opens(path) == 200
        shown = mia.page.content()
        assert OTHER_PROJECT not in shown, path
        assert OTHERS_MODEL not in shown.replace(f'value="{OTHERS_MODEL}"', "").replace(path, ""), path
    assert mia.opens("/jobs") == 200
    expect(mia.page.locator("#jobs-list")).to_contain_text("No jobs here")
    for path in (hidden, f"{hidden}?tab=data", f"{hidden}/metrics.json", "/jobs/job_00000000000000000000000000"):
        assert mia.opens(path) == 404, path
    mia.opens(hidden)
    mia.sees("hidden")


def heard(receiver: Receiver, secret: str, job: str) -> None:
    """One message came, twice, because the first time the receiver failed; OpenAI's client opens both."""
    until(lambda: len(receiver.received) == 2, doing="the webhook is tried again")
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    for each in (first, second):
        opened(each, secret, job)


def opened(each: Received, secret: str, job: str) -> None:
    event = OPENAI.webhooks.unwrap(each.body, each.headers, secret=secret)
    assert (event.type, event.data.id) == ("fine_tuning.job.succeeded", job.rpartition("/")[2])


def reads_what_was_sent(root: Colleague) -> None:
    root.opens("/settings/webhooks")
    root.page.get_by_role("link", name="Chat").click()
    root.at("Chat")
    until(
        lambda: root.page.reload() and root.page.locator("#messages", has_text="Delivered").count(), doing="it arrives"
    )
    expect(root.page.locator("#messages tbody tr")).to_have_count(1)
    root.sees("webhook")


def only_looks(lena: Colleague, job: str) -> None:
    """A viewer sees the job; what submits it again is off, and refused when somebody presses it all the same."""
    assert lena.opens(job) == 200
    button = lena.page.get_by_role("button", name="Run again").first
    expect(button).to_be_disabled()
    lena.sees("viewed")
    # At once: a page that still follows its job's evaluation turns the form off again.
    button.evaluate("button => { button.closest('fieldset').disabled = false; button.click(); }")
    lena.at("Not allowed")
    expect(lena.page.locator("#main")).to_contain_text("You may not start jobs.")
    expect(lena.page.locator("#main")).to_contain_text("Ask an administrator of the project for another role.")
    lena.sees("refused")


def is_signed_out(root: Colleague, mia: Colleague) -> None:
    """End somebody's sessions while a job's page of theirs is open: its stream ends, and the page says why."""
    ended: list[str] = []
    job = under_way(mia.here)
    listen(mia.page, f"{job}/live", ended)  # that of the page before may end as it is left
    with mia.page.expect_response(re.compile(f"{job}/live")):
        mia.opens(job)
    expect(mia.page.locator("#job-status")).to_have_attribute("data-status", "running")
    assert ended == []
    root.signs_out_everywhere("mia")
    mia.at("Sign in")
    expect(mia.page.get_by_text(ENDED)).to_be_visible()
    assert ended, "the stream ended, and the refusal of the next one was heard"
    assert mia.opens("/jobs") == 401


def listen(page: Page, stream: str, ended: list[str]) -> None:
    for event in ("requestfinished", "requestfailed"):
        page.on(event, lambda request: ended.append(request.url) if stream in request.url else None)


def under_way(here: TeamInstallation) -> str:
    """Return the address of a job of the first project that trains on."""
    with here.app.state.scopes.open(OWNER) as scope:
        project = next(each for each in projects.list_projects(scope).items if each.name == FIRST_PROJECT)
        dataset = datasets.upload(scope, name="more", filename="more.jsonl", chunks=[rows(80)], project=project.id)
    with here.app.state.scopes.open(OWNER) as scope:
        return f"/jobs/{jobs.create(scope, {**fields(project.id, dataset.id), 'name': 'long'}).id}"


def signs_out(lena: Colleague) -> None:
    lena.opens("/")
    lena.page.get_by_label("Account", exact=True).click()
    lena.press("Sign out")
    lena.at("Sign in")
    assert lena.opens("/jobs") == 401


def reads_the_audit(root: Colleague) -> None:
    root.opens("/settings/audit")
    table = root.page.locator("#entries tbody")
    for who, what in (
        ("root", "invited somebody"),
        ("lena", "signed in with a one-time code, and chose a password"),
        ("mia", "connected single sign-on with their account, and signed in"),
        ("mia", "submitted a job from a draft"),
        ("lena", "was refused: POST /jobs/{identifier}/run-again"),
        ("root", "signed somebody out everywhere"),
        ("lena", "signed out"),
    ):
        line = table.locator("tr", has=root.page.get_by_text(what, exact=True)).filter(has_text=who)
        expect(line.first.locator("time")).to_be_visible()
    root.sees("audit")
    root.page.get_by_role("link", name="Verify").click()
    expect(root.page.get_by_text("entries are intact")).to_be_visible()
    root.sees("audit-verified")
