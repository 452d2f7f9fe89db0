"""What people may not do is off on every page, with the reason, and nothing that they may do is.

Held against the routes themselves: what can be pressed is pressed, and what is off is sent nevertheless.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag
from starlette.testclient import TestClient

from tests.integration.web.test_pressed_twice import fields_of
from tests.support.app_context import TestHouse
from tests.support.payload_pages import Planted

FORBIDDEN = 403


@pytest.fixture
def planted(tmp_path: Path) -> Iterator[Planted]:
    house = TestHouse(tmp_path)
    yield Planted(house)
    house.database.close()


def _is_off(form: Tag, page: BeautifulSoup) -> bool:
    """Tell whether none of a form's buttons can be pressed, nor one that opens the dialog around it."""
    dialog = form.find_parent("dialog")
    opener = page.select_one(f'form[data-opens="{dialog["id"]}"] button:not([disabled])') if dialog else None
    beside = page.select(f'button[form="{form["id"]}"]:not([disabled])') if form.get("id") else []
    inside = form.select("button:not([disabled]):not([type=button])")
    return opener is None and not beside and (not inside or form.select_one("fieldset[disabled]") is not None)


def _forms(pages: TestClient, addresses: list[str]) -> Iterator[tuple[str, BeautifulSoup, Tag]]:
    seen = set()
    for address in addresses:
        answer = pages.get(address)
        if answer.status_code != 200 or "text/html" not in answer.headers["content-type"]:
            continue
        page = BeautifulSoup(answer.text, "html.parser")
        for form in page.select("form[method=post]"):
            action = str(form["action"]).partition("?")[0]
            if (action, refused := form.select_one("fieldset.refused") is not None) not in seen:
                seen.add((action, refused))
                yield address, page, form


def _held(planted: Planted, name: str, addresses: list[str]) -> int:
    """Press what somebody can press and send what is off; return how many forms were off."""
    wrong, off = [], 0
    with planted.office.browser(name) as pages:
        for address, page, form in list(_forms(pages, addresses)):
            refused = form.select_one("fieldset.refused")
            off += refused is not None
            if refused is not None:
                assert _is_off(form, page), f"{form['action']} on {address} can be pressed though it is refused"
                assert "You may not" in str(refused["title"])
                assert "Ask an administrator" in refused.text
            elif name != "vera" or form["action"] == "/sign-out" or _is_off(form, page):
                continue  # what others may do would change the pages
            answer = pages.post(str(form["action"]), data=fields_of(form))
            if (answer.status_code == FORBIDDEN) is (refused is None):
                wrong.append((name, address, form["action"], answer.status_code))
    assert wrong == []
    return off


def test_a_viewer_can_press_nothing_that_is_refused(planted: Planted) -> None:
    ids = planted.ids
    addresses = [f"/{noun}/{ids[noun]}" for noun in ("jobs", "datasets", "models", "deployments", "projects")]
    addresses += [f"/wizard/{ids['wizard']}/{step}" for step in ("validation", "review")]
    assert _held(planted, "vera", ["/", "/connections/con_rehearsal", *addresses]) > 10


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vera", "ada", "alma", "bob", "nina"])
def test_on_no_page_is_more_or_less_off_than_is_refused(planted: Planted, name: str) -> None:
    assert _held(planted, name, list(planted.pages())) > 0
    assert _held(planted, "root", list(planted.pages())) == 0
