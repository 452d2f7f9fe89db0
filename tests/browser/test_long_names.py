"""Pages of single things with names as long as they may be: nothing is pushed out. Lists: `tests.first_hour`."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.looks import PUSHED_OUT, RULES, STICKS_OUT, Visit
from tests.first_hour.house import SPLIT, House, chats, opened
from tests.first_hour.test_widths import LONG, WIDTHS

PARTS = {**SPLIT, "test_ratio": 0.2}


@pytest.fixture
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = opened(tmp_path_factory.mktemp("house"))
    yield made
    made.client.close()
    made.installation.close()


def results(house: House) -> list[str]:
    """Have two jobs with long names end; return the addresses of what came of them."""
    project = house.project(f"{LONG} {LONG[:16]}")
    rows = house.bring(f"{LONG}.jsonl", chats(LONG), project)["id"]
    fields = {"project": project, "training_dataset": rows, "validation": PARTS}
    jobs = [house.ended(**fields, name=f"{LONG}{n}") for n in "12"]
    base, tuned = (each["id"] for each in house.evaluated(jobs[0]["id"]))
    model = jobs[0]["fine_tuned_model"]
    deployment = house.client.post("/deployments", {"target": {"model": model}, "name": f"{LONG} for all"})["id"]
    one, other = (each["id"] for each in jobs)
    return [
        f"/jobs/compare?ids={one}&ids={other}&all=true",
        f"/evaluations/{tuned}",
        f"/evaluations/{tuned}/compare?base={base}",
        f"/jobs/{one}?tab=evaluation",
        f"/models/{model}",
        f"/deployments/{deployment}",
        f"/datasets/{rows}",
        f"/projects/{project}",
    ]


@pytest.mark.slow
def test_long_names_push_nothing_out_of_what_came_of_jobs(browser: Browser, house: House, tmp_path: Path) -> None:
    page = browser.new_page()
    visit, wrong = Visit(page, tmp_path), {}
    for number, address in enumerate(results(house)):
        answer = page.goto(house.address + address)
        assert answer is not None
        assert answer.ok, f"{address}: {answer.status}"
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=tmp_path / f"{number}-{width}.png", full_page=True)
            found = page.evaluate(PUSHED_OUT)
            if page.evaluate(STICKS_OUT) > 0:
                found.append("the page is wider than the window")
            if found:
                wrong[f"{address} at {width}"] = found
        visit.looks_right(f"results-{number}", ((390, "light", RULES),))
    page.close()
    assert wrong == {}, f"columns are pushed out: {wrong}"
    assert visit.complaints == []
