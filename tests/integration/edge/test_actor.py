import http.client
from types import SimpleNamespace

import pytest
from starlette.requests import HTTPConnection

from app.domain.actors import OWNER
from app.http.actor import actor_of
from app.http.problems import SignInNeeded
from tests.support.app_context import TestHouse
from tests.support.door import rest_app
from tests.support.server import serving


def connection(peer: str | None, host: str, **headers: str) -> HTTPConnection:
    named = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    raw = [(name.encode(), value.encode()) for name, value in named.items()]
    alone = SimpleNamespace(state=SimpleNamespace(accounts=None))  # an application without accounts
    return HTTPConnection({"type": "http", "app": alone, "headers": raw, "client": (peer, 50_000) if peer else None})


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "LOCALHOST:81", "[::1]:8000", "127.0.0.2"])
def test_the_one_at_this_machine_is_the_owner(peer: str, host: str) -> None:
    assert actor_of(connection(peer, host)) is OWNER


@pytest.mark.parametrize(
    "stranger",
    [
        connection("10.0.0.7", "127.0.0.1:8000"),
        connection("::ffff:10.0.0.7", "localhost"),
        connection(None, "localhost"),
        connection("testclient", "localhost"),
        connection("127.0.0.1", "dash.corp"),
        connection("127.0.0.1", "10.0.0.1:8000"),
        connection("127.0.0.1", ""),
        connection("127.0.0.1", "[::2]:80"),
        connection("127.0.0.1", "localhost.evil.test"),
        connection("127.0.0.1", "localhost", forwarded="for=10.0.0.7"),
        connection("127.0.0.1", "localhost", x_forwarded_for="127.0.0.1"),
        connection("127.0.0.1", "localhost", x_forwarded_host="localhost"),
        connection("127.0.0.1", "localhost", x_forwarded_anything="1"),
        connection("127.0.0.1", "localhost", x_real_ip="127.0.0.1"),
        connection("127.0.0.1", "localhost", via="1.1 proxy"),
    ],
)
def test_everybody_else_must_sign_in_and_is_reported_why(stranger: HTTPConnection) -> None:
    with pytest.raises(SignInNeeded) as reported:
        actor_of(stranger)
    assert reported.value.message.endswith(".")
    assert reported.value.fix.endswith(".")


def test_what_was_found_of_one_request_says_nothing_of_the_next_on_its_connection(app_context: TestHouse) -> None:
    with serving(rest_app(app_context)) as url:
        line = http.client.HTTPConnection("127.0.0.1", int(url.rpartition(":")[2]))
        found = []
        for headers in ({}, {"X-Forwarded-For": "10.0.0.7"}, {}):
            line.request("GET", "/api/v1/jobs", headers=headers)
            answer = line.getresponse()
            answer.read()
            found.append(answer.status)
        line.close()
    assert found == [200, 401, 200]
