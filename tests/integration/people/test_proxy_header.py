"""A proxy that signs people in: its word counts from its own address alone, once, and for people that there are."""

from dataclasses import replace
from ipaddress import ip_network

import pytest
from pydantic import ValidationError
from starlette.requests import HTTPConnection

from app.services import people
from app.settings import Settings
from tests.support.app_context import TestHouse
from tests.support.asgi import Wanted, ask_each
from tests.support.door import BASE_URL
from tests.support.office import COOKIE, Office

PROXY, ELSEWHERE = "10.0.0.5", "10.0.0.9"
NAME = "x-remote-user"
Headers = list[tuple[str, str]]


@pytest.fixture
def office(app_context: TestHouse) -> Office:
    made = Office(app_context)
    made.app.state.accounts = replace(made.accounts, proxies=[ip_network("10.0.0.4/31")], person_header=NAME)
    return made


def status(office: Office, peer: str, headers: Headers, path: str = "/account") -> int:
    sent = Wanted("GET", path, [("host", "127.0.0.1:8000"), ("origin", BASE_URL), *headers])
    (reply,) = ask_each(office.app, [sent], peer=(peer, 1))
    return reply.status


@pytest.mark.parametrize(
    ("peer", "headers", "wanted"),
    [
        (PROXY, [(NAME, "ada")], 200),
        ("::ffff:10.0.0.5", [(NAME, "ada")], 200),
        (PROXY, [], 401),
        (PROXY, [(NAME, "")], 401),
        (PROXY, [(NAME, "nobody")], 401),
        (PROXY, [(NAME, "ada"), (NAME, "root")], 401),
        (PROXY, [(NAME, "ada, root")], 401),
        (PROXY, [("x-remote-user2", "ada"), ("x_remote_user", "ada")], 401),
        (PROXY, [("x-forwarded-user", "ada")], 401),
        (PROXY, [("authorization", "Basic YWRhOng=")], 401),
        (ELSEWHERE, [(NAME, "ada")], 401),
        (ELSEWHERE, [(NAME, "ada"), ("x-forwarded-for", PROXY)], 401),
        (ELSEWHERE, [(NAME, "ada"), ("forwarded", f"for={PROXY}"), ("x-real-ip", PROXY)], 401),
        ("127.0.0.1", [(NAME, "ada"), ("x-forwarded-for", PROXY)], 401),
        ("10.0.0.6", [(NAME, "ada")], 401),
    ],
)
def test_the_header_counts_from_a_listed_address_alone(
    office: Office, peer: str, headers: Headers, wanted: int
) -> None:
    assert status(office, peer, headers) == wanted


def test_whom_the_proxy_names_is_there_whatever_cookie_the_browser_kept(office: Office) -> None:
    cookie = ("cookie", f"{COOKIE}={office.session('root')}")
    assert status(office, PROXY, [cookie], "/settings/people") == 200, "it names nobody"
    assert status(office, PROXY, [cookie, (NAME, "ada")], "/settings/people") == 403
    assert status(office, PROXY, [("cookie", f"{COOKIE}=over"), (NAME, "ada")]) == 200
    assert status(office, PROXY, [cookie, (NAME, "nobody")]) == 401
    assert status(office, ELSEWHERE, [cookie, (NAME, "ada")], "/settings/people") == 200, "from there it means nothing"


def test_a_disabled_person_stays_out(office: Office) -> None:
    with office.house.open() as scope:
        people.disable(scope, office.people["ada"].id)
    assert status(office, PROXY, [(NAME, "ada")]) == 401


@pytest.mark.parametrize("last", ["192.0.2.1", "2001:db8::1"])
def test_tries_are_counted_by_the_last_address_that_is_no_proxys(office: Office, last: str) -> None:
    headers = [(b"x-forwarded-for", f"198.51.100.7, {last}".encode())]
    for peer, counted in ((PROXY, last), (ELSEWHERE, ELSEWHERE)):
        connection = HTTPConnection({"type": "http", "client": (peer, 1), "headers": headers})
        assert office.app.state.accounts.where(connection).address == counted


@pytest.mark.parametrize(
    "name", ["cookie", "Host", "authorization", "x-forwarded-for", "X-Forwarded-User", "x u", "a_b"]
)
def test_a_header_that_clients_send_by_themselves_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="is no header for this"):
        Settings(person_header=name)


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0", "a proxy"])
def test_everybody_is_no_proxy(network: str) -> None:
    with pytest.raises(ValidationError):
        Settings(trusted_proxies=(network,))
