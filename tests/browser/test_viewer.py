"""What somebody sees who may only read: what they may not do is off, and says why."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from app.engine.engine import Engine
from tests.browser.looks import FEW_LOOKS, LOOKS, PATIENCE, Looks, Visit
from tests.support.app_context import TestHouse
from tests.support.connections import REHEARSAL_ID
from tests.support.door import turn
from tests.support.office import COOKIE, Office
from tests.support.server import serving

FEW = ("jobs",)
ALL = ("jobs", "datasets", "connections", "deployments", "models", "projects")
# Every form of the page that is off: whether its fields are, what hovering says, and what it says to who listens.
OFF = """() => [...document.querySelectorAll("#main fieldset.refused")].map((each) => ({
    action: each.form.getAttribute("action"),
    off: [...each.querySelectorAll("button, input, select, textarea")].every((one) => one.matches(":disabled")),
    hover: each.title,
    said: each.querySelector(".refusal")?.textContent.trim() ?? "",
    opener: [...document.querySelectorAll("#main form[data-opens]")]
        .filter((one) => one.dataset.opens === each.closest("dialog")?.id)
        .every((one) => one.querySelector("button").disabled && one.querySelector("button").title),
}))"""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Two projects after the engine has done what there was to do: a job that is over, a deployment that answers."""
    house = TestHouse(tmp_path)
    made = Office(house)
    turn(house, Engine(house.scopes))
    yield made
    house.database.close()


@pytest.mark.parametrize(
    ("nouns", "looks"), [(FEW, FEW_LOOKS), pytest.param(ALL, LOOKS, marks=pytest.mark.slow)], ids=["few", "all"]
)
def test_a_viewers_pages_are_off_where_they_may_only_read_and_say_why(
    browser: Browser, office: Office, tmp_path: Path, nouns: tuple[str, ...], looks: Looks
) -> None:
    ours = office.two.ours
    ids = {noun: getattr(ours, noun.removesuffix("s"), REHEARSAL_ID) for noun in nouns}
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE)
    visit = Visit(context.new_page(), tmp_path)
    page, off = visit.page, 0
    with serving(office.app) as url:
        context.add_cookies([{"name": COOKIE, "value": office.session("vera"), "url": url}])
        for noun, identifier in ids.items():
            page.goto(f"{url}/{noun}/{identifier}")
            forms = page.evaluate(OFF)
            for form in forms:
                assert form["off"], form
                assert form["opener"], form
                assert form["hover"] == form["said"], form
                assert "You may not" in form["said"], form
            off += len(forms)
            visit.looks_right(f"viewed-{noun}", looks)
        page.goto("about:blank")
    context.close()
    assert off >= len(nouns), "there was something to be off"
    assert visit.complaints == []
