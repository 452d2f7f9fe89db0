"""What the scripts do beyond plain HTML: times that go on, theme, palette, chart, one submit a press."""

import re
from datetime import UTC, datetime, timedelta
from gettext import NullTranslations

import pytest
from playwright.sync_api import Page, expect

from app.web.views import formats
from tests.support.pages import Furnished

SPANS = (0, 1, 4, 59, 60, 61, 3599, 3600, 7200, 86_399, 86_400, 400_000, -1, -30, -90, -7200)
START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def test_the_script_tells_times_in_the_servers_words(visitor: Page, style_guide: str) -> None:
    visitor.clock.install(time=START)
    visitor.clock.pause_at(START + timedelta(minutes=1))
    visitor.goto(style_guide)
    said = visitor.evaluate(
        """spans => {
            const now = Date.parse(document.body.dataset.now);
            document.querySelector("main").replaceChildren(...spans.map((seconds) => {
                const time = document.createElement("time");
                time.dateTime = new Date(now - seconds * 1000).toISOString();
                time.dataset.relative = "";
                return time;
            }));
            return document.body.dataset.now;
        }""",
        list(SPANS),
    )
    visitor.clock.run_for(1000)
    now = datetime.fromisoformat(said)
    later = now + timedelta(seconds=1)
    expected = [formats.ago(NullTranslations(), now - timedelta(seconds=span), later) for span in SPANS]
    assert visitor.locator("main time").all_text_contents() == expected


def test_a_word_after_an_act_stays_seven_seconds_whatever_page_came_before(visitor: Page, furnished: Furnished) -> None:
    visitor.clock.install(time=START)
    visitor.clock.pause_at(START + timedelta(minutes=1))
    visitor.goto(furnished.url + "/jobs")
    visitor.clock.run_for(6500)
    visitor.evaluate(
        """() => {
            document.getElementById("flash").textContent = "Saved.";
            const swapped = {bubbles: true, detail: {ctx: {target: document.body}}};
            document.dispatchEvent(new CustomEvent("htmx:after:swap", swapped));
        }"""
    )
    visitor.clock.run_for(6500)
    assert visitor.locator("#flash").text_content() == "Saved."
    visitor.clock.run_for(1000)
    assert visitor.locator("#flash").text_content() == ""


@pytest.mark.slow
def test_the_theme_changes_at_once_and_stays(visitor: Page, style_guide: str) -> None:
    visitor.goto(style_guide)
    expect(visitor.locator(".chart canvas")).to_have_count(1)
    before = visitor.evaluate("getComputedStyle(document.body).backgroundColor")
    visitor.get_by_label("Theme").click()
    with visitor.expect_response("**/settings/theme"):
        visitor.get_by_role("button", name="Dark").click()
    assert visitor.evaluate("getComputedStyle(document.body).backgroundColor") != before
    expect(visitor.locator(".chart canvas")).to_have_count(1)
    visitor.reload()
    expect(visitor.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_palette_is_worked_by_the_keyboard_alone(visitor: Page, furnished: Furnished) -> None:
    visitor.goto(furnished.url + "/jobs")
    visitor.keyboard.press("/")
    expect(visitor.locator("#palette")).to_be_visible()
    visitor.keyboard.type("catal")
    visitor.keyboard.press("ArrowDown")
    visitor.keyboard.press("Enter")
    expect(visitor).to_have_url(re.compile("/catalog$"))
    expect(visitor.locator("h1")).to_be_focused()
    visitor.keyboard.press("Control+k")
    expect(visitor.locator("#palette")).to_be_visible()
    visitor.keyboard.type("new job")
    expect(visitor.locator("#palette a:visible")).to_have_text(re.compile("New fine-tuning job"))
    visitor.keyboard.type(" nowhere")
    expect(visitor.locator("#palette").get_by_role("status")).to_contain_text("No page, project or action matches")
    visitor.keyboard.press("Escape")  # empties the field
    visitor.keyboard.press("Escape")
    expect(visitor.locator("#palette")).to_be_hidden()


def test_the_keyboard_reaches_the_content_in_one_step(visitor: Page, furnished: Furnished) -> None:
    visitor.goto(furnished.url + "/jobs")
    visitor.keyboard.press("Tab")
    expect(visitor.locator(".skip")).to_be_focused()
    visitor.keyboard.press("Enter")
    expect(visitor.locator("main")).to_be_focused()


def test_points_that_come_twice_are_drawn_once(visitor: Page, style_guide: str) -> None:
    visitor.goto(style_guide)
    legend = visitor.locator(".u-legend .u-series")
    expect(legend.first).to_contain_text("240")
    send = """() => document.body.dispatchEvent(new CustomEvent("metric", {bubbles: true, detail: {data: JSON.stringify(
        [{step: 241, values: {train_loss: 9}}, {step: 241, values: {train_loss: 0.125}}])}}))"""
    visitor.evaluate(send)
    visitor.evaluate(send)
    expect(legend.first).to_contain_text("241")
    expect(legend.nth(1)).to_contain_text("0.1250")


@pytest.mark.parametrize("name", ["Log", pytest.param("Linear", marks=pytest.mark.slow)])
def test_the_value_axis_can_be_switched(visitor: Page, style_guide: str, name: str) -> None:
    visitor.goto(style_guide)
    expect(visitor.locator(".chart canvas")).to_have_count(1)
    visitor.get_by_role("button", name=name, exact=True).click()
    expect(visitor.get_by_role("button", name=name, exact=True)).to_have_attribute("aria-pressed", "true")
    expect(visitor.locator(".chart canvas")).to_have_count(1)


def test_a_button_with_an_address_of_its_own_is_no_question(visitor: Page, furnished: Furnished) -> None:
    visitor.goto(furnished.address("playground"))
    visitor.route(
        "**/elsewhere", lambda route: route.fulfill(status=200, content_type="text/html", body="<p>there</p>")
    )
    visitor.evaluate(
        """() => {
            const button = document.querySelector("form[data-playground] button[type=submit]").cloneNode(true);
            button.setAttribute("formaction", "/elsewhere"); button.setAttribute("formnovalidate", "");
            button.textContent = "Also deploy the base"; button.removeAttribute("name");
            document.querySelector("form[data-playground]").append(button);
        }"""
    )
    with visitor.expect_request("**/elsewhere"):
        visitor.get_by_role("button", name="Also deploy the base").last.click()


def test_two_presses_submit_once(visitor: Page, furnished: Furnished) -> None:
    visitor.goto(furnished.url + "/wizard")
    posts: list[str] = []
    visitor.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    visitor.get_by_role("button", name="Start the wizard").dblclick()
    expect(visitor).to_have_url(re.compile("/wizard/dft_[0-9a-z]+/project$"))
    assert len(posts) == 1


@pytest.mark.slow
def test_the_legend_of_a_comparison_picks_the_curves_and_the_address_says_so(
    visitor: Page, furnished: Furnished
) -> None:
    visitor.goto(furnished.address("jobs-compare"))
    expect(visitor.locator(".chart canvas")).to_have_count(1)
    picks = visitor.locator("[data-series-pick]")
    expect(picks).to_have_count(2)
    value = visitor.locator("[data-series-value]").first
    expect(value).not_to_have_text("–")
    picks.nth(1).uncheck()
    first = picks.nth(0).get_attribute("value")
    expect(visitor).to_have_url(re.compile(f"show={first}$"))
    visitor.reload()
    expect(picks.nth(0)).to_be_checked()
    expect(picks.nth(1)).not_to_be_checked()
    picks.nth(1).check()
    expect(visitor).not_to_have_url(re.compile("show="))


def test_ticks_in_the_list_outlive_its_refreshing(visitor: Page, furnished: Furnished) -> None:
    visitor.goto(furnished.url + "/jobs")
    ticks = visitor.locator("input[name=ids]")
    ticks.nth(0).check()
    ticks.nth(1).check()
    fresh = """() => htmx.ajax("GET", "/jobs", {target: "#jobs-list", swap: "outerMorph"})"""
    with visitor.expect_response("**/jobs"):
        visitor.evaluate(fresh)
    expect(ticks.nth(0)).to_be_checked()
    visitor.get_by_role("button", name="Compare").click()
    expect(visitor).to_have_url(re.compile(r"/jobs/compare\?ids=job_\w+&ids=job_"))
    expect(visitor.locator("[data-series-pick]")).to_have_count(2)
