"""What OpenAI's clients do by themselves: they send a request again without saying which one it repeats.

After a broken connection, 408, 409, 429 and 5xx they send the same body up to twice more, with no key, and only the
header `x-stainless-retry-count` says that it is not the first time (measured with openai 3.57.0 for Python and 7.59.0
for Node). So a repetition finds the newest request with the same body of the last ten minutes, and one that comes while
that is still being worked on waits for its end. Two requests that are both the first are two wishes, however alike.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Lock
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from app.http.idempotency import Once, once
from app.services.scope import Scope
from app.store import idempotency as stored_answers

WITHIN = timedelta(minutes=10)
_COUNT = re.compile(r"[0-9]{1,3}")


class InFlight:
    """Requests that are being worked on, by what they ask for: equal ones go one after the other."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._held: dict[str, tuple[Lock, int]] = {}

    @contextmanager
    def alone(self, key: str) -> Iterator[None]:
        """Wait until nobody else is in here with the same key; to be called in a thread of one's own."""
        with self._lock:
            lock, users = self._held.get(key, (Lock(), 0))
            self._held[key] = (lock, users + 1)
        try:
            with lock:
                yield
        finally:
            with self._lock:
                _, users = self._held[key]
                if users == 1:
                    del self._held[key]
                else:
                    self._held[key] = (lock, users - 1)


class Repeatable:
    """One request that may be the repetition of another one."""

    def __init__(self, request: Request, body: bytes) -> None:
        self.route = f"{request.method} {request.scope['route'].path}"
        self._content = b"\0".join((request.url.path.encode(), body))
        self._given = request.headers.get("idempotency-key")
        self.fingerprint = hashlib.sha256(self._content).hexdigest()
        count = request.headers.get("x-stainless-retry-count", "")
        self.is_repeated = bool(_COUNT.fullmatch(count)) and int(count) > 0

    @property
    def key(self) -> str:
        """What equal requests have in common: the caller's own key where there is one, else what they ask for."""
        return self._given or self.fingerprint

    def __call__(self, scope: Scope, grant: Callable[[], Response]) -> Response:
        """Return the answer of the request that this one repeats, or that of `grant`, kept for repetitions.

        Raises:
            KeyMissing, KeyReused: the caller's own key cannot be one, or came with another request before.
        """
        if self._given is not None:
            return once(self.route, self._given, self._content)(scope, grant)
        if self.is_repeated:
            since = scope.now() - WITHIN
            earlier = stored_answers.get(
                scope.read, actor=scope.actor.asks_as, route=self.route, key=self.fingerprint, since=since
            )
            if earlier is not None:
                return Response(earlier.body, earlier.status, media_type="application/json")
        response = grant()
        kept = Once(self.route, self.fingerprint, self.fingerprint)
        stored_answers.add(scope.write, kept.stored(scope, response))
        return response


async def _repeatable(request: Request) -> Repeatable:
    return Repeatable(request, await request.body())


RepeatableDep = Annotated[Repeatable, Depends(_repeatable)]
