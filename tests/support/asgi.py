"""One request to an ASGI application, byte by byte, where a client library would tidy it up first."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp, Message

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


def ask(
    app: ASGIApp,
    method: str = "GET",
    target: str = "/",
    headers: Headers = (("host", "127.0.0.1:8000"),),
    *,
    chunks: Sequence[bytes] = (),
    peer: tuple[str, int] | None = ("127.0.0.1", 40_000),
    kind: str = "http",
) -> Reply:
    """Send one request and return the whole reply; an exception that leaves the application is swallowed after it."""
    return asyncio.run(_ask(app, _scope(method, target, headers, peer, kind), list(chunks)))


@dataclass(frozen=True, slots=True)
class Wanted:
    """One request of several."""

    method: str
    target: str
    headers: Headers
    body: bytes = b""


def ask_each(app: ASGIApp, wanted: Sequence[Wanted], *, peer: tuple[str, int]) -> list[Reply]:
    """Send requests one after the other, without a new event loop for each."""

    async def each() -> list[Reply]:
        return [
            await _ask(app, _scope(one.method, one.target, one.headers, peer, "http"), [one.body] if one.body else [])
            for one in wanted
        ]

    return asyncio.run(each())


def _scope(method: str, target: str, headers: Headers, peer: tuple[str, int] | None, kind: str) -> dict[str, Any]:
    path, _, query = target.partition("?")
    return {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        "client": peer,
        "server": ("127.0.0.1", 8000),
        "state": {},
    }


async def _ask(app: ASGIApp, scope: dict[str, Any], chunks: list[bytes]) -> Reply:
    sent: list[Message] = []

    async def receive() -> Message:
        if chunks:
            chunk = chunks.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    try:
        await app(scope, receive, send)
    except Exception:
        if not sent:
            raise
    if sent[0]["type"] != "http.response.start":
        return Reply(0, {}, str(sent[0]).encode())
    start = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    return Reply(sent[0]["status"], start, b"".join(message.get("body", b"") for message in sent[1:]))
