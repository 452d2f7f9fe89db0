"""A client of the REST contract that knows nothing of the code that answers."""

from collections.abc import Callable, Mapping
from typing import Any, Self
from uuid import uuid4

import httpx

from tests.support.waiting import until

Document = dict[str, Any]


class Client:
    """Everything a recipe asks of a server; an answer that is no success fails the test with its own words."""

    def __init__(self, address: str) -> None:
        self.http = httpx.Client(base_url=address, timeout=60, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self.http.close()

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:  # noqa: ANN401 -- httpx's own
        """Return the answer to one request below /api/v1."""
        answer = self.http.request(method, f"/api/v1{path}", **more)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text[:2000]}"
        return answer

    def get(self, path: str, **query: str | int) -> Document:
        """Return the document at `path`."""
        document: Document = self.ask("GET", path, params=query).json()
        return document

    def items(self, path: str, **query: str | int) -> list[Any]:
        """Return a whole list, page after page."""
        found: list[Any] = []
        following: str | None = ""
        while following is not None:
            page = self.get(path, **query, **({"cursor": following} if following else {}))
            found += page["items"]
            following = page["next"]
        return found

    def post(self, path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None) -> Document:
        """Return what was made of a request, under a fresh idempotency key unless one is given."""
        headers = {"idempotency-key": key or str(uuid4())}
        document: Document = self.ask("POST", path, json=body, headers=headers).json()
        return document

    def upload(self, name: str, content: bytes, project: str) -> str:
        """Bring a file of rows; return the id of its dataset once it is ready."""
        query = {"name": name, "filename": f"{name}.jsonl", "project": project}
        made = str(self.ask("PUT", "/datasets", params=query, content=content).json()["id"])
        self.until(f"/datasets/{made}", status="ready")
        return made

    def until(self, path: str, so: Callable[[Document], bool] = lambda _: True, **fields: object) -> Document:
        """Look until the document at `path` has these fields and is so; return it."""

        def look() -> Document | None:
            seen = self.get(path)
            return seen if all(seen[name] == value for name, value in fields.items()) and so(seen) else None

        return until(look, within=600, doing=f"{path} {fields or ''}")

    def says(self, deployment: str, words: str) -> str:
        """Return what a deployment answers to one message."""
        messages = [{"role": "user", "content": words}]
        answer = self.post(f"/deployments/{deployment}/chat", {"messages": messages})
        return str(answer["choices"][0]["message"]["content"])
