"""Lists with names as long as they may be, at the widths of common screens: nothing is pushed out, no row is tall."""

from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser

from app.demo.client import Answer
from tests.browser.looks import RULES, STICKS_OUT, Visit
from tests.support.journeys import Installation
from tests.support.pages import FINAL, fields, rows

WIDTHS = (1280, 1440, 1920)
LONG = "customer-messages-of-the-northern-region-triaged-by-queue-v2026"
LISTS = ("/jobs", "/datasets", "/models", "/deployments", "/wizard/data")
# What a list must not do: more than two lines in a cell, or more in a table than its frame shows.
TOO_MUCH = """() => {
    const found = [];
    for (const frame of document.querySelectorAll("main .scroll")) {
        const over = frame.scrollWidth - frame.clientWidth;
        if (over > 0) found.push(`${frame.getAttribute("aria-label")} is ${over} px wider than its frame`);
    }
    for (const cell of document.querySelectorAll("main table tbody :is(td, th)")) {
        const range = document.createRange();
        range.selectNodeContents(cell);
        const tops = [...range.getClientRects()].filter((each) => each.width && each.height).map((each) => each.top);
        let lines = 0, last = -Infinity;
        for (const top of tops.sort((one, other) => one - other)) if (top - last > 9) { lines++; last = top; }
        if (lines > 2) found.push(`${lines} lines: ${cell.textContent.trim().slice(0, 60)}`);
    }
    return found;
}"""


@dataclass(frozen=True)
class Crowd:
    """An installation whose names are all as long as they may be."""

    url: str
    draft: str

    def address(self, path: str) -> str:
        return self.url + path.replace("/wizard", f"/wizard/{self.draft}")


@pytest.fixture
def crowd(rehearsal_installation: Installation) -> Crowd:
    client = rehearsal_installation.client
    assert len(LONG) == 63
    project = client.post("/projects", {"name": f"{LONG} {LONG[:16]}"})["id"]
    query = {"name": f"{LONG}x", "filename": f"{LONG}.jsonl", "project": project}
    data = client.ask("PUT", "/datasets", params=query, content=rows())
    client.ask("PUT", "/datasets", params={**query, "filename": "bad.jsonl"}, content=rows(6) + b"{}\n")
    wanted = {**fields(project, data["id"]), "name": f"{LONG}1"}
    done: Answer = client.post("/jobs", wanted)
    client.until(f"/jobs/{done['id']}", lambda seen: seen["status"] in FINAL)
    model = client.items("/models")[0]["id"]
    client.post("/deployments", {"target": {"model": model}, "name": f"{LONG} for everybody"})
    client.post("/jobs", {**wanted, "name": f"{LONG}2"})
    return Crowd(rehearsal_installation.server.url, str(client.post("/drafts", wanted)["id"]))


@pytest.mark.slow
def test_long_names_push_nothing_out_and_no_row_is_taller_than_two_lines(
    browser: Browser, crowd: Crowd, visit: Visit
) -> None:
    page, wrong = visit.page, {}
    for path in LISTS:
        page.goto(crowd.address(path))
        assert page.locator("main table tbody tr").count() >= 1, f"{path} has no rows to look at"
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=visit.pictures / f"{path.strip('/').replace('/', '-')}-{width}.png", full_page=True)
            found = page.evaluate(TOO_MUCH)
            if page.evaluate(STICKS_OUT) > 0:
                found.append("the page is wider than the window")
            if found:
                wrong[f"{path} at {width}"] = found
    assert wrong == {}
    page.goto(crowd.address("/jobs"))
    visit.looks_right("jobs", ((390, "light", RULES),))
