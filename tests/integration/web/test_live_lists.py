"""Open lists hear of what was written elsewhere: asked cheaply, rendered once for all who ask alike."""

import asyncio
from threading import Event
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag
from starlette.testclient import TestClient

from app.http.fragments import ASKED_EVERY_S, RENDERED_EVERY_S, Fragments, Part
from app.services import jobs
from tests.integration.web.test_statements import counting
from tests.support.app_context import TestHouse

PART = {"hx-request": "true", "hx-request-type": "partial"}


@pytest.fixture(autouse=True)
def at_one_moment(pages: TestClient) -> None:
    """Let versions change with what is written alone, however long a test takes."""
    pages.app.state.fragments = Fragments(rendered_every=0, seconds=lambda: 0.0)  # type: ignore[attr-defined]


def meter_of(pages: TestClient, address: str) -> Tag:
    found = BeautifulSoup(pages.get(address).text, "html.parser").select_one("#meter")
    assert found is not None
    return found


def submit(app_context: TestHouse, fields: dict[str, Any]) -> str:
    with app_context.open() as scope:
        return jobs.create(scope, fields).id


@pytest.mark.parametrize(("address", "part"), [("/jobs", "jobs-list"), ("/", "overview"), ("/settings", None)])
def test_an_open_page_hears_of_work_submitted_elsewhere(
    pages: TestClient, app_context: TestHouse, address: str, part: str | None
) -> None:
    fields = app_context.fields()  # a project and a dataset; nothing moves
    version = str(meter_of(pages, address).get("data-version", ""))
    assert version, "the page does not know how old it is"
    live = BeautifulSoup(pages.get(address).text, "html.parser").select_one("[data-live]")
    assert (live["id"] if live else None) == part
    asks, headers = (str(live["data-live"]), PART) if live else ("/meter", {})
    assert pages.get(asks, headers={**headers, "if-none-match": version}).status_code == 304
    job = submit(app_context, fields)
    heard = pages.get(asks, headers={**headers, "if-none-match": version})
    assert heard.status_code == 200
    answer = BeautifulSoup(heard.text, "html.parser")
    assert answer.select("#meter a")[1].text == "1 waiting"
    known = answer.select("#meter")[0]["data-version"]
    assert known != version
    assert pages.get(asks, headers={**headers, "if-none-match": str(known)}).status_code == 304
    if part is not None:
        assert answer.select("hx-partial[hx-target='#meter'] #meter"), "the figures go elsewhere than the list"
        assert job in str(answer.select_one(f"#{part}"))


@pytest.mark.parametrize("address", ["/datasets", "/models", "/deployments"])
def test_other_lists_fetch_themselves_too(pages: TestClient, app_context: TestHouse, address: str) -> None:
    rows = app_context.dataset()
    noun = address.strip("/")
    whole = BeautifulSoup(pages.get(address).text, "html.parser").select_one(f"#{noun}-list")
    assert whole is not None
    assert whole["data-live"] == address
    part = pages.get(address, headers=PART).text
    assert part.lstrip().startswith(f'<div class="stack" id="{noun}-list"')
    assert "<h1" not in part
    with counting(app_context) as said:
        assert pages.get(address, headers=PART).text == part
    assert said == []
    if address == "/datasets":
        assert rows.id in part
        later = app_context.dataset(7)
        assert later.id in pages.get(address, headers=PART).text


def test_nothing_new_is_said_without_a_question_to_the_database(pages: TestClient, app_context: TestHouse) -> None:
    version = str(meter_of(pages, "/jobs")["data-version"])
    with counting(app_context) as said:
        assert pages.get("/meter", headers={"if-none-match": version}).status_code == 304
    assert said == []


def test_those_who_look_at_the_same_list_share_what_was_rendered(pages: TestClient, app_context: TestHouse) -> None:
    job = submit(app_context, app_context.fields())
    first = pages.get("/jobs", headers=PART).text
    with counting(app_context) as said:
        assert pages.get("/jobs", headers=PART).text == first
        assert said == []
        assert job not in pages.get("/jobs?q=nothing", headers=PART).text
    assert job in first


def test_each_answer_says_when_to_ask_again(pages: TestClient, app_context: TestHouse) -> None:
    pages.app.state.fragments = Fragments(rendered_every=2.4, seconds=lambda: 0.0)  # type: ignore[attr-defined]
    fields = app_context.fields()
    version = str(meter_of(pages, "/jobs")["data-version"])
    quiet = pages.get("/jobs", headers={**PART, "if-none-match": version})
    assert (quiet.status_code, quiet.headers["ask-again-ms"]) == (304, "1500")
    first = submit(app_context, fields)
    heard = pages.get("/jobs", headers={**PART, "if-none-match": version})
    assert (heard.status_code, heard.headers["ask-again-ms"]) == (200, "2450")
    second = submit(app_context, fields)
    assert first in heard.text
    again = pages.get("/jobs", headers={**PART, "if-none-match": heard.headers["etag"]})
    assert (again.status_code, again.headers["ask-again-ms"]) == (304, "2450")
    chosen = pages.get("/jobs", headers=PART)
    assert second in chosen.text, "who chooses a list by hand is shown what is there"


class Asked:
    """A part of pages, with a clock of its own; what is rendered is a number that counts."""

    def __init__(self) -> None:
        self.now = 100.0
        self.fragments = Fragments(seconds=lambda: self.now)
        self.rendered = 0

    def render(self) -> str:
        """Return the next number."""
        self.rendered += 1
        return str(self.rendered)

    def get(self, changes: int, shown: str | None = None) -> Part:
        """Ask for it."""
        return asyncio.run(self.fragments.get(("a",), changes, self.render, shown))


def test_a_part_that_is_shown_is_rendered_once_in_a_while_however_much_is_written() -> None:
    asked = Asked()
    first = asked.get(1)
    assert (first.content, asked.get(1).content, asked.rendered) == (b"1", b"1", 1)
    asked.now += 1
    held = asked.get(2, str(first.version))
    assert (held.version, held.content) == (first.version, None)
    assert held.ask_again_s == pytest.approx(RENDERED_EVERY_S - 1, abs=0.1)
    asked.now += held.ask_again_s
    second = asked.get(2, str(first.version))
    assert second.content == b"2"
    assert asked.get(3, str(first.version)).content == b"2", "who shows an older one is given what there is"
    quiet = asked.get(2, str(second.version))
    assert (quiet.content, quiet.ask_again_s) == (None, ASKED_EVERY_S)
    assert asked.get(3).content == b"3", "who shows none is given the newest"


@pytest.mark.parametrize("late", [0.0, 0.4])
def test_what_is_written_is_shown_within_three_seconds_whoever_else_asks(late: float) -> None:
    asked = Asked()
    written = int(asked.now * 10)  # ten changes a second
    shown = [asked.get(written).version] * 7
    looks = [100.0 + number * 0.2 for number in range(7)]
    for _ in range(300):
        asked.now = min(looks)
        page = looks.index(asked.now)
        part = asked.get(int(asked.now * 10), str(shown[page]))
        if part.content is not None:
            assert asked.now - (shown[page].changes + 1) / 10 < 3, "the first change that it did not show"
            shown[page] = part.version
        looks[page] += part.ask_again_s + late * (page == 3)
    assert asked.rendered < (asked.now - 100) / RENDERED_EVERY_S + 2


def test_a_page_that_is_newer_than_what_is_kept_is_not_taken_back() -> None:
    asked = Asked()
    asked.get(1)
    loaded = str(asked.fragments.version(2))
    assert asked.get(3, loaded).content is None
    elsewhere = str(Fragments().version(9))
    assert asked.get(3, elsewhere).content == b"1", "another process counts otherwise"
    for odd in ("", "*", '"x"', '"a.b.c"', '"1.2.3.4"', f'{loaded}, "x"'):
        assert asked.get(3, odd).content == b"1"


def test_what_stands_outside_the_database_is_looked_at_every_half_minute() -> None:
    asked = Asked()
    first = asked.get(1)
    asked.now += 31
    assert asked.get(1, str(first.version)).content == b"2"


def test_what_was_rendered_for_one_version_is_not_shown_for_the_next() -> None:
    asked = Asked()
    first = asked.get(1)
    second = asked.get(2)
    assert (first.content, second.content) == (b"1", b"2")
    assert asked.get(1) == second, "who read before is shown no older one"


def test_who_asks_while_the_same_is_rendered_waits_for_it_instead_of_rendering_it_again() -> None:
    fragments = Fragments()
    rendered = []
    begun, go_on = Event(), Event()

    def render() -> str:
        rendered.append(1)
        begun.set()
        assert go_on.wait(30)
        return "once"

    async def ask() -> list[bytes | None]:
        # More than the threads that routes share: those who wait take none, and so keep nobody else from one.
        asking = [asyncio.create_task(fragments.get(("a",), 1, render)) for _ in range(60)]
        assert await asyncio.to_thread(begun.wait, 30)
        other = await fragments.get(("b",), 1, lambda: "another")
        go_on.set()
        return [other.content, *(each.content for each in await asyncio.gather(*asking))]

    assert asyncio.run(ask()) == [b"another", *[b"once"] * 60]
    assert rendered == [1]


def test_a_part_that_could_not_be_rendered_is_rendered_for_the_next_who_asks() -> None:
    fragments = Fragments()

    async def ask() -> list[object]:
        asked = [fragments.get(("a",), 1, lambda: str(1 // 0)), fragments.get(("a",), 1, lambda: "now")]
        return list(await asyncio.gather(*asked, return_exceptions=True))

    error, known = asyncio.run(ask())
    assert isinstance(error, ZeroDivisionError)
    assert isinstance(known, Part)
    assert known.content == b"now"


def test_a_page_with_a_stream_of_its_own_does_not_ask_beside_it(pages: TestClient, app_context: TestHouse) -> None:
    job = submit(app_context, app_context.fields())
    assert not meter_of(pages, f"/jobs/{job}").has_attr("data-version")
