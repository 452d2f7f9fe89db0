"""Every page, at 1440 and at 390 px, light and dark: nothing sticks out, axe finds nothing, the console is silent."""

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog

from tests.browser.looks import AXE, FEW_LOOKS, OTHER_LOOKS, STICKS_OUT, Looks, violations
from tests.support.pages import HOSTILE, NAMES, Furnished

# A twelfth of the pages in every run, all of them in the long one; so is the page of all patterns, by far the longest.
PAGES = [
    *(name if not at % 12 else pytest.param(name, marks=pytest.mark.slow) for at, name in enumerate(NAMES)),
    pytest.param("patterns", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("looks", [FEW_LOOKS, pytest.param(OTHER_LOOKS, marks=pytest.mark.slow)], ids=["few", "others"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_and_can_be_used_by_everybody(
    browser: Browser, furnished: Furnished, style_guide: str, name: str, looks: Looks
) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not (name == "missing" and "404" in message.text):
            complaints.append(message.text)

    page.on("console", listen)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    answer = page.goto(style_guide if name == "patterns" else furnished.address(name))
    assert answer is not None
    assert answer.status == (404 if name == "missing" else 200)
    assert page.title().endswith("TuneDesk")
    assert complaints == []
    page.evaluate(AXE.read_text(encoding="utf-8"))
    for width, scheme, rules in looks:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        sticks_out = page.evaluate(STICKS_OUT)
        assert sticks_out <= 0, f"{name} sticks out by {sticks_out} px at {width} px"
        assert violations(page, rules) == [], f"{name} at {width} px, {scheme}"
    context.close()


REST = ("dataset", "job", "job-evaluation")


@pytest.mark.parametrize(
    "name", ["dataset-rows", "evaluation", *(pytest.param(name, marks=pytest.mark.slow) for name in REST)]
)
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
