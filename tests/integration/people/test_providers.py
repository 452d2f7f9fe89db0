"""Signing in with two providers that others wrote (tests/support/providers.py)."""

from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import parse_qs, parse_qsl, urlencode, urljoin, urlsplit

import httpx
import pytest
from bs4 import BeautifulSoup
from starlette.testclient import TestClient

from app.domain.single_sign_on import Directory
from app.kit.open_id import Client
from app.services import people
from app.store import people as store
from app.store import ways_in
from tests.support.app_context import TestHouse
from tests.support.door import BASE_URL
from tests.support.issuer import CLIENT, SECRET
from tests.support.office import Office
from tests.support.providers import KINDS, providing

START = "/sign-in/single-sign-on"
BACK = f"{BASE_URL}{START}/callback"


@pytest.fixture
def office(app_context: TestHouse) -> Office:
    app_context.clock.turn(datetime.now(UTC) - app_context.clock.now())  # as the providers have it
    return Office(app_context)


@pytest.fixture(scope="module")
def python_issuer() -> Iterator[str]:
    with providing("python", BACK) as issuer:
        yield issuer


@pytest.fixture(scope="module")
def node_issuer() -> Iterator[str]:
    with providing("node", BACK) as issuer:
        yield issuer


def use(office: Office, issuer: str, client: str = CLIENT) -> None:
    directory = Directory(
        name="the provider", issuer=issuer, roles={"Root": ["administrator"]}, groups={}, new_people="all"
    )
    office.house.sign_on_with(directory, Client(issuer=issuer, client_id=client, secret=SECRET))


def sign_in_there(address: str) -> str:
    """Sign in at the provider as its pages want it; return where it sends the browser."""
    with httpx.Client(timeout=30) as browser:
        answer = browser.get(address)
        for _ in range(20):
            if answer.is_redirect:
                address = urljoin(str(answer.url), answer.headers["location"])
                if address.startswith(BACK):
                    return address
                answer = browser.get(address)
                continue
            form = BeautifulSoup(answer.text, "html.parser").select_one("form")
            assert form is not None, answer.text
            fields = {str(each["name"]): str(each.get("value", "")) for each in form.select("input[name]")}
            fields |= {name: "mia" for name in ("sub", "login", "password") if name in fields}
            answer = browser.post(urljoin(str(answer.url), str(form.get("action", ""))), data=fields)
    raise AssertionError("it does not come back")


def come_back(browser: TestClient, address: str, **changes: str) -> int:
    """Return with what status the browser is received."""
    given = {**dict(parse_qsl(urlsplit(address).query)), **changes}
    return browser.get(f"{START}/callback?{urlencode(given)}").status_code


def begin(browser: TestClient) -> str:
    answer = browser.get(START)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def sessions(office: Office) -> int:
    with office.house.open() as scope:
        return sum(len(ways_in.sessions_of(scope.read, each.id)) for each in people.list_people(scope))


@pytest.mark.parametrize("kind", KINDS)
def test_somebody_signs_in_once_by_each_answer(office: Office, kind: str, request: pytest.FixtureRequest) -> None:
    issuer: str = request.getfixturevalue(f"{kind}_issuer")
    with office.browser() as browser, office.browser() as another:
        use(office, issuer)
        address = sign_in_there(begin(browser))
        assert come_back(another, address) == 401, "it is not that browser's"
        cookies = dict(browser.cookies)
        assert come_back(browser, address, state="A" * 43) == 401
        assert sessions(office) == 0
        browser.cookies.clear()
        browser.cookies.update(cookies)
        assert come_back(browser, address) == 303
        assert browser.get("/account").status_code == 200
        assert sessions(office) == 1
        browser.cookies.clear()
        browser.cookies.update(cookies)
        assert come_back(browser, address) == 401, "once"
        with office.house.open() as scope:
            made = store.by_subject(scope.read, issuer, "mia")
        assert made is not None
        assert made.administers == (kind == "node"), "only that one puts roles into its tokens"


def test_a_code_of_another_client_of_the_same_issuer_opens_nothing(office: Office, node_issuer: str) -> None:
    with office.browser() as browser, office.browser() as another:
        use(office, node_issuer, "another-client")
        theirs = parse_qs(urlsplit(sign_in_there(begin(another))).query)["code"][0]
        use(office, node_issuer)
        ours = sign_in_there(begin(browser))
        assert come_back(browser, ours, code=theirs) == 401
        assert sessions(office) == 0


def test_a_code_for_another_challenge_opens_nothing(office: Office, node_issuer: str) -> None:
    with office.browser() as browser:
        use(office, node_issuer)
        first, second = begin(browser), begin(browser)
        swapped = parse_qs(urlsplit(sign_in_there(first)).query)["code"][0]
        assert come_back(browser, sign_in_there(second), code=swapped) == 401, "its challenge is of another verifier"
        assert sessions(office) == 0
