"""One client of the REST contract: asks, waits until a thing is so, and tells a refusal in one sentence."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx

Answer = dict[str, Any]
_TIMEOUT = httpx.Timeout(60, connect=5)
_LOOK_S = 0.4
_PROBLEM = "application/problem+json"


class DemoError(Exception):
    """The main job cannot go on; the text is one sentence with its remedy."""


class Refused(DemoError):
    """The server said no; `problem` is its problem document."""

    def __init__(self, status: int, problem: Answer) -> None:
        errors = problem.get("errors") or []
        first = errors[0] if errors else {}
        said = [problem.get("detail"), first.get("fix") or problem.get("fix")]
        super().__init__(" ".join(str(each) for each in said if each) or f"The server answered {status}.")
        self.status = status
        self.problem = problem


class DemoClient:
    """The REST of one TuneDesk server. Every method raises Refused for a problem, DemoError for no answer."""

    def __init__(self, url: str) -> None:
        """`url` is the server's address without a path."""
        self.url = url
        self._client = httpx.Client(base_url=f"{url}/api/v1", timeout=_TIMEOUT, trust_env=False)
        self._pause = Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def get(self, path: str, **query: str | float | None) -> Answer:
        """Return what stands at `path`."""
        return self.ask("GET", path, params=query)

    def items(self, path: str, **query: str | float | None) -> list[Answer]:
        """Return a whole list, page after page."""
        found: list[Answer] = []
        cursor: str | None = None
        while True:
            page = self.get(path, **query, **({"cursor": cursor} if cursor else {}))
            found += page["items"]
            cursor = page["next"]
            if cursor is None:
                return found

    def post(self, path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None) -> Answer:
        """Ask for something, under a fresh idempotency key unless one is given."""
        return self.ask("POST", path, json=body, headers={"Idempotency-Key": key or str(uuid4())})

    def patch(self, path: str, body: Mapping[str, Any]) -> Answer:
        return self.ask("PATCH", path, json=body)

    def delete(self, path: str) -> None:
        self.ask("DELETE", path)

    def upload(self, file: Path, *, name: str, project: str | None = None) -> Answer:
        """Bring a file of rows."""
        query = {"name": name, "filename": file.name, **({"project": project} if project else {})}
        return self.ask("PUT", "/datasets", params=query, content=file.read_bytes())

    def ask(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        params: Mapping[str, str | float | None] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request; a body that is no JSON object comes back as {"text": …}."""
        try:
            reply = self._client.request(method, path, json=json, params=params, content=content, headers=headers)
        except httpx.HTTPError as error:
            raise DemoError(f"The server at {self.url} does not answer ({type(error).__name__}).") from error
        kind = reply.headers.get("content-type", "")
        if reply.is_error:
            raise Refused(reply.status_code, reply.json() if kind.startswith(_PROBLEM) else {"detail": reply.text})
        if not kind.startswith("application/json"):
            return {"text": reply.text}
        answer: Answer = reply.json()
        return answer

    def until(
        self,
        path: str,
        so: Callable[[Answer], bool],
        *,
        watch: Callable[[Answer], None] = lambda _: None,
        limit_s: float = 3600,
    ) -> Answer:
        """Look at `path` until it is so, and show each look to `watch`.

        Raises:
            DemoError: when it is not so within `limit_s` seconds.
        """
        ends = time.monotonic() + limit_s
        while True:
            seen = self.get(path)
            watch(seen)
            if so(seen):
                return seen
            if time.monotonic() > ends:
                reported = seen.get("note") or seen.get("message") or seen.get("status")
                raise DemoError(f"{path} did not get there within {limit_s:.0f} s; it says: {reported}")
            self._pause.wait(_LOOK_S)
