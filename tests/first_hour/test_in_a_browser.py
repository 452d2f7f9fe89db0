"""What only a browser shows: words that are typed, networks that fail, figures that are pointed at."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.looks import contrast
from tests.first_hour.conftest import PATIENCE_S, Trained
from tests.first_hour.house import STEPS, House, requested
from tests.support.chromium import MISSING
from tests.support.waiting import until

pytestmark = [pytest.mark.browser, MISSING]
EPOCHS = 3
# Whoever goes on at once is quicker than anything that the page means to do a moment later, on any machine.
QUICK_READER = """
    const later = window.setTimeout;
    window.setTimeout = (what, wait, ...rest) => later(what, wait >= 100 ? 20 * wait : wait, ...rest);
"""


@pytest.mark.parametrize(
    "way",
    [
        "closing the tab",
        pytest.param("the rail", marks=pytest.mark.slow),
        pytest.param("a step of the stepper", marks=pytest.mark.slow),
        pytest.param("waiting", marks=pytest.mark.slow),
    ],
)
def test_03_what_was_typed_last_is_stored_whichever_way_the_step_is_left(house: House, page: Page, way: str) -> None:
    draft = house.client.post("/drafts", requested(name="earlier"))["id"]
    if way != "waiting":
        page.add_init_script(QUICK_READER)
    page.goto(f"{house.address}/wizard/{draft}/model")
    page.locator("#name").select_text()
    page.locator("#name").press_sequentially("typed-last")
    match way:
        case "a step of the stepper":
            page.locator("#stepper a").first.click()
        case "the rail":
            page.get_by_role("link", name="Jobs", exact=True).first.click()
        case "closing the tab":
            page.close(run_before_unload=True)
        case _:
            expect(page.locator("#saved")).to_have_text("saved")

    def stored() -> bool:
        return bool(house.client.get(f"/drafts/{draft}")["values"].get("name") == "typed-last")

    until(stored, within=PATIENCE_S, doing=f"the storing of what was typed before {way}")


def test_06_a_form_that_gets_no_answer_says_so_and_a_second_press_starts_nothing_twice(
    house: House, page: Page, trained: Trained
) -> None:
    body = requested(project=trained.project, training_dataset=trained.dataset, name="cut-off")
    draft = house.client.post("/drafts", body)["id"]
    page.goto(f"{house.address}/wizard/{draft}/review")
    before, lost = house.jobs(), list[str]()

    def answer_lost(route: Route) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route.fetch(max_redirects=0).headers.get("location", ""))
        route.abort("connectionreset")

    page.route("**/submit", answer_lost)
    submit = page.get_by_role("button", name=re.compile("^Submit"))
    submit.click()
    expect(page.locator("#unanswered")).to_contain_text("a second press does not start it twice")
    expect(submit).to_be_enabled()
    submit.click()
    expect(page).to_have_url(re.compile("/jobs/job_"))
    assert house.jobs() - before == {lost[0].rpartition("/")[2].partition("?")[0]}


def test_07c_the_legend_tells_only_what_was_measured_at_the_step_that_is_pointed_at(
    house: House, page: Page, trained: Trained
) -> None:
    page.goto(f"{house.address}/jobs/{trained.job}")
    step, loss, validation = (page.locator(".u-legend .u-series").nth(number) for number in range(3))
    expect(step).to_contain_text(str(STEPS))
    expect(validation).not_to_contain_text("–")  # nobody points at it: the newest value
    plot = page.locator(".u-over").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    epoch = STEPS // EPOCHS  # validation loss is measured at the end of each
    for pointed in (epoch + epoch // 2, epoch):
        page.mouse.move(box["x"] + box["width"] * (pointed - 1) / (STEPS - 1), box["y"] + box["height"] / 2)
        expect(step).to_contain_text(str(pointed))
        expect(loss).not_to_contain_text("–")
        if pointed % epoch:
            expect(validation).to_contain_text("–")
        else:
            expect(validation).not_to_contain_text("–")


@pytest.mark.slow
def test_11_an_open_list_hears_of_work_submitted_elsewhere(house: House, page: Page, trained: Trained) -> None:
    page.goto(f"{house.address}/jobs?q=from-elsewhere")
    body = requested(project=trained.project, training_dataset=trained.dataset, name="from-elsewhere")
    job = house.client.post("/jobs", body)["id"]
    expect(page.locator(f"main a[href='/jobs/{job}']").first).to_be_visible()


def test_16_a_button_that_is_busy_can_be_read_while_it_is_pointed_at(house: House, page: Page) -> None:
    page.goto(f"{house.address}/wizard")
    busy = page.locator("main button.btn.primary").first
    busy.evaluate("""button => {
        button.disabled = true; button.setAttribute("aria-busy", "true"); button.style.transition = "none";
    }""")
    busy.hover(force=True)
    assert contrast(busy) >= 4.5, "grey words on the colour of a button that is pointed at"


@pytest.mark.slow
def test_17_control_and_enter_send_in_the_playground(house: House, page: Page, trained: Trained) -> None:
    page.goto(f"{house.address}/playground?right={trained.deployment}")
    message = page.get_by_label("Message", exact=True)
    message.fill("Where is my parcel?")
    message.press("Control+Enter")
    expect(page.locator("[data-column=right] [data-answer]")).to_have_text(re.compile(r"\w"))


def test_29_compare_waits_for_two_ticks(house: House, page: Page, trained: Trained) -> None:
    house.ended(project=trained.project, training_dataset=trained.dataset, name="another")
    page.goto(f"{house.address}/jobs")
    button, ticks = page.get_by_role("button", name="Compare"), page.locator("input[name=ids]")
    expect(button).to_be_disabled()
    ticks.nth(0).check()
    expect(button).to_be_disabled()
    ticks.nth(1).check()
    expect(button).to_be_enabled()
    button.click()
    expect(page).to_have_url(re.compile("/jobs/compare"))
