"""Lists with names as long as they may be, at the widths of common screens: nothing is pushed out, no row is tall."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.looks import PUSHED_OUT, RULES, STICKS_OUT, TALL, Visit
from tests.first_hour.house import SPLIT, House, chats, requested
from tests.support.chromium import MISSING

pytestmark = [pytest.mark.browser, MISSING]
WIDTHS = (1280, 1440, 1920)
LONG = "customer-messages-of-the-northern-region-triaged-by-queue-v2026"
LISTS = ("/jobs", "/datasets", "/models", "/deployments", "/wizard/data")


@pytest.fixture
def draft(house: House) -> str:
    """Fill every list with names that are as long as they may be; return the id of a draft."""
    assert len(LONG) == 63
    client, project = house.client, house.project(f"{LONG} {LONG[:16]}")
    rows = house.bring(f"{LONG}x.jsonl", chats(LONG), project)["id"]
    house.bring(f"{LONG}y.jsonl", chats(LONG, count=6) + b"{}\n", project)
    fields = {"project": project, "training_dataset": rows, "validation": SPLIT}
    model = house.ended(**fields, name=f"{LONG}1")["fine_tuned_model"]
    client.post("/deployments", {"target": {"model": model}, "name": f"{LONG} for everybody"})
    client.post("/jobs", requested(**fields, name=f"{LONG}2"))
    return str(client.post("/drafts", requested(**fields, name=f"{LONG}1"))["id"])


@pytest.mark.slow
def test_12_long_names_push_nothing_out_and_no_row_is_taller_than_two_lines(
    house: House, page: Page, draft: str, tmp_path: Path
) -> None:
    visit, wrong = Visit(page, tmp_path), {}
    for path in LISTS:
        page.goto(house.address + path.replace("/wizard", f"/wizard/{draft}"))
        assert page.locator("main table tbody tr").count() >= 1, f"{path} has no rows to look at"
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=tmp_path / f"{path.strip('/').replace('/', '-')}-{width}.png", full_page=True)
            found = [*page.evaluate(PUSHED_OUT), *page.evaluate(TALL)]
            if page.evaluate(STICKS_OUT) > 0:
                found.append("the page is wider than the window")
            if found:
                wrong[f"{path} at {width}"] = found
    assert wrong == {}, "columns are pushed out, or rows are tall"
    page.goto(f"{house.address}/jobs")
    visit.looks_right("jobs", ((390, "light", RULES),))
    assert visit.complaints == []
