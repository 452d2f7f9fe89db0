"""What nobody should send, and what an answer to it must be like."""

import json
import random
from typing import Any

import httpx2
from starlette.testclient import TestClient

from app.http.openai_errors import speaks_openai
from app.runtimes.environments import RuntimeEnvironments
from tests.support.door import key

IDS = [
    "none_1",
    "job_" + "x" * 1000,
    "job_%00",
    "job_1'--",
    "%2e%2e",
    "..%2f..%2fetc%2fpasswd",
    "JOB_1",
    "9" * 400,
    "job_%C3%A9",
    "%ED%A0%80",
    "job_1%0a",
    "%F0%9F%92%A9",
    "-1",
    "NaN",
    "{id}",
    "%25s%25n",
]
TEXTS = [
    "",
    "\x00",
    "%",
    "%%%%",
    "'; DROP TABLE jobs;--",
    "x" * 5000,
    "\u202e",
    "\ud7ff",
    "NaN",
    "1e999",
    "-1",
    "9" * 40,
]
VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    2**53,
    -(2**53),
    1.7e308,
    5e-324,
    "",
    " ",
    "\x01\x1f",
    "x" * 10_000,
    "\u202eevil",
    "²",
    "٣",
    "NaN",
    "Infinity",
    "1e999",
    [],
    [[]],
    [None] * 100,
    {},
    {"": ""},
    {"$ref": "#"},
    {"a": {"b": [1, {"c": None}]}},
    "__proto__",
    "../../etc/passwd",
    "<script>alert(1)</script>",
]
SPLITS: list[Any] = [
    {"kind": []},
    {"kind": "split", "seed": "²"},
    {"kind": "split", "strategy": {}},
    {"kind": "split", "ratio": [], "test_ratio": {}, "key": []},
    {"kind": "dataset", "dataset": {}},
]
RAW = [
    b"",
    b"null",
    b"[]",
    b"0",
    b'"text"',
    b"true",
    b"{",
    b"}",
    b'{"a":1,}',
    b"{'a': 1}",
    b"NaN",
    b'{"name": NaN}',
    b'{"name": 1e999}',
    b'{"name": Infinity}',
    b'{"name": "\\ud800"}',
    b'{"\\ud800": 1}',
    b'{"name": "\xed\xa0\x80"}',
    b'{"name": "\xff\xfe"}',
    b"\xef\xbb\xbf{}",
    '{"name": "x"}'.encode("utf-16"),
    b'{"name": "\\u0000"}',
    b'{"name": "a", "name": "b"}',
    b'{"name": 9223372036854775808}',
    b'{"name": ' + b"9" * 5000 + b"}",
    b'{"name": ' + b"[" * 900 + b"]" * 900 + b"}",
    b"[" * 100_000,
    b'{"a":' * 65 + b"1" + b"}" * 65,
    b'{"unknown_field": 1}',
    b"\x00",
    b"%s%n",
    b"<xml/>",
    b"name=x&name=y",
    b"{" + b",".join(b'"%d":1' % n for n in range(20_000)) + b"}",
]


def pretend_ready(runtimes: RuntimeEnvironments) -> None:
    """Say that the runtime is there, so that asking for it installs nothing."""
    home = runtimes.home("trl")
    home.mkdir(parents=True)
    (home / "ready.json").write_text('{"message": "Ready", "size_bytes": 1}')


def verdict(answer: httpx2.Response) -> str | None:
    """Return what is wrong with an answer, if anything is."""
    if answer.status_code >= 500:
        return f"{answer.status_code}: {answer.text[:300]}"
    if answer.status_code < 400:
        return None
    openai = speaks_openai(answer.request.url.path)
    if answer.headers["content-type"] != ("application/json" if openai else "application/problem+json"):
        return f"no problem document: {answer.headers['content-type']}"
    return _unlike(answer, openai_sentences(answer.json()) if openai else problem_sentences(answer.json()))


def problem_sentences(problem: dict[str, Any]) -> list[str]:
    """Return what a problem document tells."""
    return [problem["detail"], *(each["message"] for each in problem.get("errors", []))]


def openai_sentences(failure: dict[str, dict[str, str]]) -> list[str]:
    """Return what a failure in OpenAI's shape tells; nothing where it has another shape."""
    whole = failure.keys() == {"error"} and failure["error"].keys() == {"message", "type", "param", "code"}
    return [failure["error"]["message"]] if whole else [""]


def _unlike(answer: httpx2.Response, sentences: list[str]) -> str | None:
    """Return why an answer is not what people should read, if so."""
    if not all(sentence.rstrip("…").endswith((".", "?", "!", ")")) and len(sentence) > 10 for sentence in sentences):
        return f"no sentence: {sentences}"
    if len(answer.content) > 200_000:
        return f"{len(answer.content)} bytes of problem"
    return None


class Attack:
    """Many requests, and those that went wrong; with a `share` below 1, the same part of them each time.

    `client_key` is that of the deployment at whose base address some of them go.
    """

    def __init__(self, client: TestClient, share: float = 1.0, *, client_key: str = "") -> None:
        self.client = client
        self._bearer = {"authorization": f"Bearer {client_key}"} if client_key else {}
        self._chance, self._share = random.Random(0), share
        self.wrong: list[tuple[object, ...]] = []
        self.count = 0

    def __call__(self, method: str, path: str, what: object = "", **more: Any) -> None:  # noqa: ANN401
        headers = {**key(f"hostile-{self.count}"), **self._bearer, **more.pop("headers", {})}
        self.count += 1
        if self._chance.random() >= self._share:
            return
        found = verdict(self.client.request(method, path, headers=headers, **more))
        if found is not None:
            self.wrong.append((method, path[:200], what, found))

    def json(self, method: str, path: str, body: object) -> None:
        text = json.dumps(body).encode()
        self(method, path, text[:200], content=text, headers={"content-type": "application/json"})
