"""The main job in a real browser with a real training: from "Try the sample" to the teardown."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests.support.journeys import Installation, installation
from tests.support.local import runtime_python

MINUTES = 60_000
pytestmark = pytest.mark.training


@pytest.fixture
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    python = str(runtime_python())
    with installation(
        tmp_path_factory.mktemp("workshop"), runtime_python=python, local_threads="1", local_niceness="0"
    ) as here:
        yield here


@pytest.fixture
def reader(browser: Browser) -> Iterator[Page]:
    """A page whose console stays silent but for what a browser says by itself when a server dies or refuses a form."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        expected = ("net::ERR_", "htmx:sse:error", "422 (Unprocessable Entity)")
        if message.type in {"error", "warning"} and not any(words in message.text for words in expected):
            complaints.append(message.text)

    page.on("console", listen)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    page.close()
    assert complaints == []


def test_from_the_sample_to_the_teardown(reader: Page, context: Installation) -> None:
    page = reader
    page.goto(context.server.url)
    page.get_by_role("button", name="Try the sample").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Review")
    page.get_by_role("link", name="Edit Hyperparameters").click()
    page.get_by_label(re.compile("^Epochs")).fill("1")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Review")
    # What is looked at beforehand comes without a reload, however long it takes.
    expect(page.locator("#preflight")).to_contain_text("No problems found.", timeout=5 * MINUTES)
    page.get_by_role("button", name=re.compile("^Submit")).click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("support-triage")
    page.evaluate("window.sameDocument = true")
    expect(page.locator("[data-status=running]").first).to_be_visible(timeout=MINUTES)
    _training_advances(page)
    _restart_under_the_open_page(page, context)
    expect(page.locator("#main [data-status=succeeded]").first).to_be_visible(timeout=5 * MINUTES)
    expect(page.get_by_text(re.compile("Did it get better"))).to_be_visible(timeout=3 * MINUTES)
    assert page.evaluate("window.sameDocument") is True, "the page was loaded again"
    jobs = context.client.items("/jobs")
    assert [job["status"] for job in jobs] == ["succeeded"]

    page.goto(f"{context.server.url}/jobs/{jobs[0]['id']}?tab=evaluation")
    expect(page.get_by_text(re.compile("confusion|Expected", re.IGNORECASE)).first).to_be_visible()
    _deploy_and_talk(page, context)
    _tear_down(page, context)


def _training_advances(page: Page) -> None:
    progress = page.locator("progress").first
    expect(progress).to_have_attribute("value", re.compile(r"^[1-9]"), timeout=2 * MINUTES)


def _restart_under_the_open_page(page: Page, context: Installation) -> None:
    """Kill the server as a power cut would, and start it again on the same port: the open page goes on by itself."""
    port = context.server.url.rsplit(":", 1)[1]
    context.kill()
    context.settings["port"] = port
    context.start()
    page.evaluate("document.title")


def _deploy_and_talk(page: Page, context: Installation) -> None:
    model = context.client.items("/models")[0]
    page.goto(f"{context.server.url}/models/{model['id']}")
    page.get_by_role("button", name="Deploy").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("support-triage")
    expect(page.locator("#state [data-status=ready]")).to_be_visible(timeout=2 * MINUTES)
    page.get_by_role("link", name="Open playground").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Playground")
    page.get_by_role("link", name="Next test row").click()
    expect(page.get_by_text("Expected answer")).to_be_visible()
    page.get_by_role("button", name="Send").click()
    answer = page.locator("[data-column=right] [data-answer]")
    expect(answer).to_have_text(re.compile("^(billing|delivery|returns|account|technical|sales)$"), timeout=MINUTES)


def _tear_down(page: Page, context: Installation) -> None:
    model = context.client.items("/models")[0]
    page.goto(f"{context.server.url}/models/{model['id']}")
    page.get_by_role("link", name="Tear down").click()
    page.get_by_label("Type the model's name").fill("wrong")
    page.get_by_role("button", name="Tear down").click()
    expect(page.locator("#errors")).to_be_visible()
    page.get_by_label("Type the model's name").fill(model["name"])
    page.get_by_role("button", name="Tear down").click()
    expect(page.get_by_text("All removed")).to_be_visible(timeout=MINUTES)
    assert context.client.items("/models") == []
    assert context.client.items("/deployments") == []
