"""Whoever is signed out while something streams to them hears nothing more within seconds."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from starlette.types import Message

from app.domain.actors import ProjectRole, TokenScope
from app.http.signed_in import WhileSignedIn
from app.services import people
from app.store import people as store
from app.store import ways_in
from tests.support.app_context import TestHouse
from tests.support.door import BASE_URL
from tests.support.office import COOKIE, Office


@pytest.fixture
def office(app_context: TestHouse) -> Office:
    return Office(app_context)


def listen(office: Office, path: str, header: tuple[bytes, bytes], then: Callable[[], None]) -> tuple[int, bool]:
    """Open a stream, do something once it has begun, and return its status and whether the server ended it."""
    app = WhileSignedIn(office.app, every=0.02)
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", BASE_URL.removeprefix("http://").encode()), header],
        "client": ("10.0.0.9", 1),
        "server": ("127.0.0.1", 8000),
        "state": {},
        "app": office.app,
    }
    sent: list[Message] = []
    begun = asyncio.Event()

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)
        if message["type"] == "http.response.body":
            begun.set()

    async def run() -> None:
        task = asyncio.create_task(app(scope, receive, send))
        await begun.wait()
        await asyncio.to_thread(then)
        await asyncio.wait_for(task, 30)

    asyncio.run(run())
    return sent[0]["status"], not sent[-1].get("more_body")


@pytest.mark.parametrize("path", ["/jobs/{job}/live", "/api/v1/jobs/{job}/stream"])
@pytest.mark.parametrize("why", ["signed out", "disabled", "removed from the project", "role changed"])
def test_a_stream_ends_with_the_right_to_it(office: Office, path: str, why: str) -> None:
    ada, ours = office.people["ada"], office.two.ours
    secret = office.session("ada")

    def happens() -> None:
        with office.house.open() as scope:
            match why:
                case "signed out":
                    ways_in.end_sessions(scope.write, ada.id)
                case "disabled":
                    people.disable(scope, ada.id)
                case "removed from the project":
                    store.remove_role(scope.write, ada.id, ours.project)
                case _:
                    store.set_role(scope.write, ada.id, ours.project, ProjectRole.VIEWER)

    cookie = (b"cookie", f"{COOKIE}={secret}".encode())
    assert listen(office, path.format(job=ours.job), cookie, happens) == (200, True)


def test_a_stream_ends_with_the_token_that_opened_it(office: Office) -> None:
    secret = office.token("ada", TokenScope.READ)

    def happens() -> None:
        with office.house.open() as scope:
            (token,) = ways_in.tokens_of(scope.read, office.people["ada"].id)
            assert ways_in.revoke_token(scope.write, token.person, token.id)

    header = (b"authorization", f"Bearer {secret}".encode())
    assert listen(office, f"/api/v1/jobs/{office.two.ours.job}/stream", header, happens) == (200, True)


def test_one_person_ends_no_session_of_another(office: Office) -> None:
    office.session("ada")
    with office.house.open() as scope:
        (session,) = ways_in.sessions_of(scope.read, office.people["ada"].id)
    known = office.accounts.app_context
    with office.browser("vera") as browser:
        assert browser.post(f"/account/sessions/{session.id}/end").status_code == 404
    with known.database.reading() as tx:
        assert [each.id for each in ways_in.sessions_of(tx, office.people["ada"].id)] == [session.id]
