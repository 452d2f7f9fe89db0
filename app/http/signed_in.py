"""As long as an answer goes on, so does the right to it: a stream of somebody who is signed out meanwhile ends."""

import asyncio
import contextlib

from anyio import CancelScope, CapacityLimiter, to_thread
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.domain.actors import Actor
from app.http.actor import Accounts, accounts_of
from app.services.entering import Known

LOOK_EVERY_S = 2.0
# What pages ask for by themselves keeps nobody signed in: figures, streams, and whether what they show is still so.
_BY_THEMSELVES = ("/meter", "/live", "/stream")
_STILL_SO = b"if-none-match"


class WhileSignedIn:
    """The ASGI application around the routes; where there are no accounts it does nothing."""

    def __init__(self, app: ASGIApp, *, every: float = LOOK_EVERY_S) -> None:
        self.app = app
        self.every = every

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, look now and then whether whoever asked is still who they were, and note that they were here."""
        accounts = accounts_of(HTTPConnection(scope)) if scope["type"] == "http" else None
        if accounts is None:
            await self.app(scope, receive, send)
            return
        answer = _Answer(self, accounts, HTTPConnection(scope), send)
        with answer.going_on:
            try:
                await self.app(scope, receive, answer.send)
            finally:
                answer.watched.cancel() if answer.watched is not None else None
        if answer.cut:
            with contextlib.suppress(OSError):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        known: Known | None = scope.get("state", {}).get("known")
        if known is not None and known.note is not None and not _by_itself(scope):
            await to_thread.run_sync(known.note, accounts.app_context)


def _by_itself(scope: Scope) -> bool:
    return scope["path"].endswith(_BY_THEMSELVES) or any(name == _STILL_SO for name, _value in scope["headers"])


class _Answer:
    """One answer under way."""

    def __init__(self, around: WhileSignedIn, accounts: Accounts, connection: HTTPConnection, send: Send) -> None:
        self.going_on = CancelScope()
        self.watched: asyncio.Task[None] | None = None
        self.cut = False
        self._every = around.every
        self._accounts = accounts
        self._connection = connection
        self._send = send

    async def send(self, message: Message) -> None:
        """Send on; with the first piece of an answer in pieces, begin to look."""
        if message.get("more_body") and self.watched is None:
            known: Known | None = self._connection.scope.get("state", {}).get("known")
            if known is not None:
                self.watched = asyncio.create_task(self._watch(known.actor))
        await self._send(message)

    async def _watch(self, actor: Actor) -> None:
        limiter = CapacityLimiter(1)
        while True:
            await asyncio.sleep(self._every)
            known = await to_thread.run_sync(self._accounts.known, self._connection, limiter=limiter)
            if known is None or known.actor != actor:
                self.cut = True
                self.going_on.cancel()
                return
