"""Every door that leads on to an address which a browser names leads to this site's own, whatever it is given."""

from collections.abc import Callable

import pytest
from bs4 import BeautifulSoup
from httpx2 import Response
from starlette.testclient import TestClient

from tests.support.app_context import TestHouse
from tests.support.office import Office
from tests.support.redirects import ELSEWHERE

Door = Callable[[TestClient, str], Response]


def _theme(browser: TestClient, to: str) -> Response:
    return browser.post("/settings/theme", data={"theme": "dark", "next": to})


def _project(browser: TestClient, to: str) -> Response:
    return browser.post("/settings/project", data={"project": "", "next": to})


def _sign_in(browser: TestClient, to: str) -> Response:
    return browser.get("/sign-in", params={"next": to})


def _unknown(browser: TestClient, to: str) -> Response:
    """Somebody unknown asks for a page, and is led back to the one from which they say that they came."""
    return browser.post("/settings/theme", data={}, headers={b"referer": to.encode("latin-1", "replace")})


def leads_to(answer: Response) -> str:
    """Return where an answer sends the browser on to, now or with its form."""
    if "location" in answer.headers:
        return answer.headers["location"]
    field = BeautifulSoup(answer.text, "html.parser").select_one("form input[name=next]")
    return "/" if field is None else str(field["value"])


@pytest.mark.parametrize("door", [_theme, _project, _sign_in, _unknown])
def test_no_door_leads_elsewhere(app_context: TestHouse, door: Door) -> None:
    office, found = Office(app_context), {}
    with office.browser("ada" if door in {_theme, _project} else None) as browser:
        for each in ELSEWHERE:
            if door is _unknown and any(character in each for character in "\r\n\x00"):
                continue  # no header can hold it
            answer = door(browser, each)
            assert answer.status_code < 500
            found[each] = leads_to(answer)
    assert set(found.values()) == {"/"}, found
    assert len(found) >= 24
