"""Costly wishes are granted once: the answer is stored with what was done, in one transaction, and given again.

Two equal requests at once: both may work, but the store lets one transaction write at a time, and whoever comes
second finds the first one's answer there, takes its own work back and gives that answer. So the second one waits, no
lock is held while a provider is asked, and there is no "in progress" that a crash could leave behind.
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Header
from starlette.requests import Request
from starlette.responses import Response

from app.domain.errors import DomainError, KeyMissing, KeyReused, NotFound
from app.services.scope import Scope
from app.store import idempotency as stored_answers
from app.store import ownership
from app.store.database import Reader
from app.store.idempotency import StoredAnswer

KEPT_FOR = timedelta(days=30)
REPLAYED = "idempotency-replayed"
KEY_PATTERN = r"^[\x21-\x7e]{1,200}$"
_KEY = re.compile(KEY_PATTERN)
# Of what was made: in the address to go on to, or as the first field of a body.
_ID = re.compile(rb'(?:^/[a-z]+/|^\{"id":")(?P<id>[a-z]{2,3}_[0-9a-z_]{1,40})')
_STORED_HEADERS = ("content-type", "location", "etag")


class AlreadyAnswered(Exception):
    """The wish has been granted by an equal request meanwhile; not an error, but it takes this one's work back."""

    def __init__(self, stored: StoredAnswer) -> None:
        super().__init__(stored.key)
        self.stored = stored

    def response(self) -> Response:
        """Return the answer that the first request got."""
        return _replay(self.stored)


@dataclass(frozen=True, slots=True)
class Once:
    """One costly wish: its route, its key, and the fingerprint of what it asks for; and how long it is the same one."""

    route: str
    key: str
    fingerprint: str
    within: timedelta = KEPT_FOR

    def __call__(self, scope: Scope, grant: Callable[[], Response]) -> Response:
        """Return the stored answer, or that of `grant`, stored in the transaction in which it worked.

        Raises:
            KeyReused: the key came with another wish before.
            NotFound: it made what whoever asks does not see any more.
            AlreadyAnswered: it was granted meanwhile; the scope must be left by this exception.
        """
        earlier = self._earlier(scope, scope.read)
        if earlier is not None:
            _refuse_hidden(scope, earlier)
            return _replay(earlier)
        try:
            response = grant()
        except DomainError:
            # Perhaps it cannot be done any more because an equal request has just done it; then that one's answer
            # is committed. No lock is taken for this look: whoever tells the error may still ask a provider.
            with scope.app_context.database.reading() as fresh:
                self._leave_if_answered(scope, fresh)
            raise
        # From the first use of `write` on nobody else writes, so an answer that is not there now will not come.
        self._leave_if_answered(scope, scope.write)
        stored_answers.add(scope.write, self.stored(scope, response))
        return response

    def _leave_if_answered(self, scope: Scope, tx: Reader) -> None:
        earlier = self._earlier(scope, tx)
        if earlier is not None:
            raise AlreadyAnswered(earlier)

    def _earlier(self, scope: Scope, tx: Reader) -> StoredAnswer | None:
        since = scope.now() - self.within
        earlier = stored_answers.get(tx, actor=scope.actor.asks_as, route=self.route, key=self.key, since=since)
        if earlier is not None and earlier.body_sha256 != self.fingerprint:
            raise KeyReused(
                "This Idempotency-Key was used for another request before.",
                fix="Make a new key for every new wish, and repeat a key only with the same body.",
            )
        return earlier

    def stored(self, scope: Scope, response: Response) -> StoredAnswer:
        """Return an answer as it is kept."""
        headers = {name: response.headers[name] for name in _STORED_HEADERS if name in response.headers}
        return StoredAnswer(
            actor=scope.actor.asks_as,
            route=self.route,
            key=self.key,
            body_sha256=self.fingerprint,
            status=response.status_code,
            headers_json=json.dumps(headers),
            body=bytes(response.body),
            created_at=scope.now(),
        )


def once(route: str, key: str | None, content: bytes, *, within: timedelta = KEPT_FOR) -> Once:
    """Return the guard of one costly wish; pages call it with the key that their form carries.

    Raises:
        KeyMissing: there is no key, or it is not 1 to 200 visible ASCII characters.
    """
    fix = "Send the header Idempotency-Key with a fresh random text (a UUID, say), and the same one when you repeat."
    if key is None:
        raise KeyMissing("This may cost money or start something, so it needs an Idempotency-Key.", fix=fix)
    if not _KEY.fullmatch(key):
        raise KeyMissing("The Idempotency-Key must be 1 to 200 visible ASCII characters.", fix=fix)
    return Once(route, key, hashlib.sha256(content).hexdigest(), within)


async def _once_of(
    request: Request,
    idempotency_key: Annotated[
        str | None, Header(description="A fresh random text per request; repeat it only with the same body.")
    ] = None,
) -> Once:
    template = f"{request.method} {request.scope['route'].path}"
    body = await request.body()
    return once(template, idempotency_key, b"\0".join((request.url.path.encode(), request.url.query.encode(), body)))


OnceDep = Annotated[Once, Depends(_once_of)]


def _refuse_hidden(scope: Scope, stored: StoredAnswer) -> None:
    """Answer as of what there is not, where an answer is about a thing that its person may not see any more."""
    about = _ID.search(json.loads(stored.headers_json).get("location", "").encode() or stored.body)
    identifier = about["id"].decode() if about else ""
    kind = ownership.hidden(scope.read, identifier)
    if kind:
        raise NotFound(kind, identifier)


def _replay(stored: StoredAnswer) -> Response:
    headers = {**json.loads(stored.headers_json), REPLAYED: "true"}
    return Response(stored.body, stored.status, headers)
