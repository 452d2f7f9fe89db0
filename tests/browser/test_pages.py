"""Every page, at 1440 and at 390 px, light and dark: nothing sticks out, axe finds nothing, the console is silent."""

from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page

from app.settings import ROOT
from tests.support.pages import HOSTILE, NAMES, Furnished

AXE = ROOT / "tests" / "vendor" / "axe.min.js"  # brought by the set-up, never served
Scheme = Literal["light", "dark"]
Rules = dict[str, Any]
RULES: Rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
# All that a change from light to dark can break.
COLOURS: Rules = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
LOOKS: tuple[tuple[int, Scheme, Rules], ...] = (
    (1440, "light", RULES),
    (1440, "dark", COLOURS),
    (390, "dark", RULES),
    (390, "light", COLOURS),
)
STICKS_OUT = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def violations(page: Page, rules: Rules) -> list[tuple[str, list[str]]]:
    found: dict[str, Any] = page.evaluate("rules => axe.run(document, rules)", rules)
    return [(each["id"], [node["html"][:160] for node in each["nodes"][:3]]) for each in found["violations"]]


# A third of the pages in every run, all of them in the long one.
PAGES = [name if not at % 3 else pytest.param(name, marks=pytest.mark.slow) for at, name in enumerate(NAMES)]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_and_can_be_used_by_everybody(browser: Browser, furnished: Furnished, name: str) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not (name == "missing" and "404" in message.text):
            complaints.append(message.text)

    page.on("console", listen)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    answer = page.goto(furnished.address(name))
    assert answer is not None
    assert answer.status == (404 if name == "missing" else 200)
    assert page.title().endswith("TuneDesk")
    assert complaints == []
    page.evaluate(AXE.read_text(encoding="utf-8"))
    for width, scheme, rules in LOOKS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        sticks_out = page.evaluate(STICKS_OUT)
        assert sticks_out <= 0, f"{name} sticks out by {sticks_out} px at {width} px"
        assert violations(page, rules) == [], f"{name} at {width} px, {scheme}"
    context.close()


@pytest.mark.parametrize("name", ["dataset", "dataset-rows", "job", "job-evaluation", "evaluation"])
def test_hostile_text_stays_text(browser: Browser, furnished: Furnished, name: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    spoke: list[str] = []

    def hear(dialog: Dialog) -> None:
        spoke.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", hear)
    page.goto(furnished.address(name))
    assert spoke == []
    assert page.locator("img[src=x]").count() == 0
    assert "\u202e" not in page.content(), f"a direction override reached the page, of {HOSTILE!r}"
    context.close()
