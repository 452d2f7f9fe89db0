"""Open lists hear of what was written elsewhere: asked cheaply, rendered once for all who ask alike."""

import asyncio
from threading import Event
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag
from starlette.testclient import TestClient

from app.http.fragments import Fragments, Version
from app.services import jobs
from tests.integration.web.test_statements import counting
from tests.support.app_context import TestHouse

PART = {"hx-request": "true", "hx-request-type": "partial"}


@pytest.fixture(autouse=True)
def at_one_moment(pages: TestClient) -> None:
    """Let versions change with what is written alone, however long a test takes."""
    pages.app.state.fragments = Fragments(at_most_every=0, seconds=lambda: 0.0)  # type: ignore[attr-defined]


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


def test_a_version_changes_once_a_second_and_is_never_newer_than_what_was_read() -> None:
    now = [100.0]
    fragments = Fragments(at_most_every=1, seconds=lambda: now[0])
    first = fragments.version(1)
    assert fragments.version(2) == first
    now[0] += 1
    second = fragments.version(3)
    assert second != first
    assert fragments.version(3) == second
    assert fragments.version(2) != second, "a page that read before the third change must ask again"
    now[0] += 30
    assert fragments.version(3) != second, "what stands outside the database may have changed"


def test_what_was_rendered_for_one_version_is_not_shown_for_the_next() -> None:
    fragments = Fragments(at_most_every=0, seconds=lambda: 0.0)
    first, second = fragments.version(1), fragments.version(2)

    def got(version: Version, text: str) -> tuple[Version, bytes]:
        return asyncio.run(fragments.get(("a",), version, lambda: text))

    assert got(first, "old") == (first, b"old")
    assert got(first, "unused") == (first, b"old")
    assert got(second, "new") == (second, b"new")
    assert got(first, "unused") == (second, b"new"), "who read before is shown no older one"


def test_who_asks_while_the_same_is_rendered_waits_for_it_instead_of_rendering_it_again() -> None:
    fragments = Fragments(at_most_every=0, seconds=lambda: 0.0)
    version, rendered = fragments.version(1), []
    begun, go_on = Event(), Event()

    def render() -> str:
        rendered.append(1)
        begun.set()
        assert go_on.wait(30)
        return "once"

    async def ask() -> list[bytes]:
        # More than the threads that routes share: those who wait take none, and so keep nobody else from one.
        asking = [asyncio.create_task(fragments.get(("a",), version, render)) for _ in range(60)]
        assert await asyncio.to_thread(begun.wait, 30)
        other = await fragments.get(("b",), version, lambda: "another")
        go_on.set()
        return [other[1], *(content for _, content in await asyncio.gather(*asking))]

    assert asyncio.run(ask()) == [b"another", *[b"once"] * 60]
    assert rendered == [1]


def test_a_part_that_could_not_be_rendered_is_rendered_for_the_next_who_asks() -> None:
    fragments = Fragments(at_most_every=0, seconds=lambda: 0.0)
    version = fragments.version(1)

    async def ask() -> list[object]:
        asked = [fragments.get(("a",), version, lambda: str(1 // 0)), fragments.get(("a",), version, lambda: "now")]
        return list(await asyncio.gather(*asked, return_exceptions=True))

    error, known = asyncio.run(ask())
    assert isinstance(error, ZeroDivisionError)
    assert known == (version, b"now")


def test_a_page_with_a_stream_of_its_own_does_not_ask_beside_it(pages: TestClient, app_context: TestHouse) -> None:
    job = submit(app_context, app_context.fields())
    assert not meter_of(pages, f"/jobs/{job}").has_attr("data-version")
