"""Whoever is signed out while something streams to them hears nothing more within seconds."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
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


def request(office: Office, path: str, header: tuple[bytes, bytes]) -> dict[str, Any]:
    """Return a request for a stream as the server hands it on."""
    return {
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


def listen(office: Office, path: str, header: tuple[bytes, bytes], then: Callable[[], None]) -> tuple[int, bool]:
    """Open a stream, do something once it has begun, and return its status and whether the server ended it."""
    app, scope = WhileSignedIn(office.app, every=0.02), request(office, path, header)
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


# Each address that streams, asked by everybody who may look; whoever may not stands in `test_who_may_what`.
@pytest.mark.parametrize("path", ["/jobs/{job}/live", "/api/v1/jobs/{job}/stream"])
def test_a_stream_begins_for_everybody_who_may_look(office: Office, path: str) -> None:
    asked = path.format(job=office.two.ours.job)
    headers = {
        name: (b"cookie", f"{COOKIE}={office.session(name)}".encode()) for name in ("vera", "ada", "alma", "root")
    }
    if path.startswith("/api/"):
        for name in ("vera", "ada", "alma", "root"):
            for reach in TokenScope:
                headers[f"{name} {reach}"] = (b"authorization", f"Bearer {office.token(name, reach)}".encode())
    begun = {who: first_of(office, asked, header) for who, header in headers.items()}
    assert {status for status, _ in begun.values()} == {200}, begun
    assert {data.startswith(b"retry:") for _, data in begun.values()} == {True}, begun


def first_of(office: Office, path: str, header: tuple[bytes, bytes]) -> tuple[int, bytes]:
    """Open a stream, take its status and its first piece, and hang up."""
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
        task = asyncio.create_task(office.app(request(office, path, header), receive, send))
        await begun.wait()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(run())
    return sent[0]["status"], sent[1]["body"]
