"""What a reader sees and keeps when the network fails, is slow, or is left behind."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.journeys import Installation
from tests.support.pages import Furnished


@pytest.fixture
def cut_off(browser: Browser) -> Iterator[Page]:
    """A page whose console may complain, as it does of a request that fails."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    yield context.new_page()
    context.close()


def _model_step(page: Page, here: Installation) -> str:
    """Begin a draft by REST, open its model step, and return the draft's id."""
    draft = str(here.client.post("/drafts", {"connection": here.client.items("/connections")[0]["id"]})["id"])
    page.goto(f"{here.server.url}/wizard/{draft}/model")
    return draft


@pytest.mark.parametrize(
    "way",
    [
        "closing the tab",
        pytest.param("the rail", marks=pytest.mark.slow),
        pytest.param("a step of the stepper", marks=pytest.mark.slow),
        pytest.param("waiting", marks=pytest.mark.slow),
    ],
)
def test_what_was_typed_last_is_stored_whichever_way_the_step_is_left(
    rehearsal_installation: Installation, visitor: Page, way: str
) -> None:
    draft = _model_step(visitor, rehearsal_installation)
    visitor.locator("#name").press_sequentially("typed-last")
    match way:
        case "a step of the stepper":
            visitor.locator("#stepper a").first.click()
        case "the rail":
            visitor.get_by_role("link", name="Jobs", exact=True).first.click()
        case "closing the tab":
            visitor.close(run_before_unload=True)
        case _:
            expect(visitor.locator("#saved")).to_have_text("saved")
    rehearsal_installation.client.until(
        f"/drafts/{draft}", lambda seen: seen["values"].get("name") == "typed-last", limit_s=20
    )


def test_a_form_that_gets_no_answer_says_so_and_a_second_press_starts_nothing_twice(
    rehearsal_installation: Installation, cut_off: Page
) -> None:
    cut_off.goto(f"{rehearsal_installation.server.url}/")
    cut_off.get_by_role("button", name="Try the sample").first.click()
    expect(cut_off.get_by_role("heading", level=1)).to_have_text("Review")
    # While the review looks ahead it asks every two seconds, and would find the job before the second press.
    expect(cut_off.locator("#main [hx-trigger^=every]")).to_have_count(0, timeout=60_000)
    lost: list[str] = []

    def answer_lost(route: Route) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route.fetch(max_redirects=0).headers.get("location", ""))
        route.abort("connectionreset")

    cut_off.route("**/submit", answer_lost)
    submit = cut_off.get_by_role("button", name=re.compile("^Submit"))
    submit.click()
    expect(cut_off.locator("#unanswered")).to_contain_text("a second press does not start it twice")
    expect(submit).to_be_enabled()
    submit.click()
    expect(cut_off).to_have_url(re.compile("/jobs/job_"))
    assert [each["id"] for each in rehearsal_installation.client.items("/jobs")] == [lost[0].rpartition("/")[2]]


def test_compare_waits_for_two_ticks(visitor: Page, furnished: Furnished) -> None:
    visitor.goto(furnished.url + "/jobs")
    button, ticks = visitor.get_by_role("button", name="Compare"), visitor.locator("input[name=ids]")
    expect(button).to_be_disabled()
    ticks.nth(0).check()
    expect(button).to_be_disabled()
    ticks.nth(1).check()
    expect(button).to_be_enabled()
    button.click()
    expect(visitor).to_have_url(re.compile("/jobs/compare"))


@pytest.mark.parametrize("theme", ["dark", pytest.param("light", marks=pytest.mark.slow)])
def test_a_button_that_is_busy_or_off_can_be_read(visitor: Page, style_guide: str, theme: str) -> None:
    visitor.goto(style_guide)
    seen: dict[str, list[list[int]]] = visitor.evaluate(
        """theme => {
            document.documentElement.dataset.theme = theme;
            const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true }), seen = {};
            for (const kind of ["primary", "danger", "quiet", "small", ""]) for (const busy of [true, false]) {
                const button = document.createElement("button"), fieldset = document.createElement("fieldset");
                button.className = `btn ${kind}`; button.textContent = "Submit"; button.disabled = busy;
                fieldset.className = "refused"; fieldset.disabled = !busy; fieldset.append(button);
                if (busy) button.setAttribute("aria-busy", "true");
                document.querySelector("main").prepend(fieldset);
                button.style.transition = "none";
                const style = getComputedStyle(button);
                [style.color, style.backgroundColor].forEach((colour, at) => {
                    canvas.clearRect(at, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(at, 0, 1, 1);
                });
                const pixels = [...canvas.getImageData(0, 0, 2, 1).data];
                if (pixels[7] !== 255) throw new Error(`${kind} shows what is behind it`);
                seen[`${kind} ${busy ? "busy" : "off"}`] = [pixels.slice(0, 3), pixels.slice(4, 7)];
            }
            return seen;
        }""",
        theme,
    )
    assert len(seen) == 10
    assert {kind: colours for kind, colours in seen.items() if _contrast(colours) < 4.5} == {}
    visitor.evaluate("""() => {
        const button = document.querySelector("button.btn.primary:not(:disabled)");
        button.disabled = true; button.setAttribute("aria-busy", "true");
    }""")
    busy = visitor.locator("button.btn.primary[aria-busy=true]").last
    busy.hover(force=True)
    assert _contrast(busy.evaluate("""button => {
        const style = getComputedStyle(button), canvas = document.createElement("canvas").getContext("2d");
        [style.color, style.backgroundColor].forEach((colour, at) => {
            canvas.fillStyle = colour; canvas.fillRect(at, 0, 1, 1);
        });
        const pixels = [...canvas.getImageData(0, 0, 2, 1).data];
        return [pixels.slice(0, 3), pixels.slice(4, 7)];
    }""")) >= 4.5  # fmt: skip


def _contrast(colours: list[list[int]]) -> float:
    """Return the ratio by WCAG 2.2, section 1.4.3."""
    high, low = sorted((_luminance(each) for each in colours), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: list[int]) -> float:
    parts = [value / 255 for value in colour]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
