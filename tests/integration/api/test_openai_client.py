"""OpenAI's own client, unmodified, at a deployment's base address: what it can do there, and what it raises."""

import asyncio
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from app.backends.rehearsal import FaultKind, RehearsalBackend
from app.domain.backend import ChatChunk, ChatRequest
from app.engine.engine import Engine
from app.services import deployments
from app.web.views import deployments as view
from tests.support.app_context import MODEL, TestHouse
from tests.support.broken import SECRET, BreaksOff, replaced, stumbling
from tests.support.connections import REHEARSAL_ID
from tests.support.door import key, rest_app, turn
from tests.support.server import serving

NAME = "Triage / 1"  # a name for people: with a blank and a slash
TURNS: Any = [{"role": "user", "content": "My card was charged twice."}]
SAID = "[Rehearsal] You said: My card was charged twice."
PICTURE: Any = {"type": "image_url", "image_url": {"url": "http://127.0.0.1/x.png"}}


@dataclass(frozen=True)
class Served:
    """A ready deployment of the rehearsal behind a real server, and a client for its base address."""

    app_context: TestHouse
    url: str
    id: str
    key: str
    base_url: str
    client: OpenAI

    def another(self, **changes: Any) -> OpenAI:  # noqa: ANN401 -- the client's own options
        return self.client.with_options(**changes)

    def usage(self) -> dict[str, Any]:
        return dict(httpx.get(f"{self.url}/api/v1/deployments/{self.id}").json()["usage"])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    app_context = TestHouse(tmp_path_factory.mktemp("served"))
    body = {"target": {"base_model": MODEL, "connection": REHEARSAL_ID}, "name": NAME}
    with serving(rest_app(app_context)) as url:
        made = httpx.post(f"{url}/api/v1/deployments", json=body, headers=key("d")).json()["id"]
        shown = httpx.post(f"{url}/api/v1/deployments/{made}/client-key").json()
        client = OpenAI(base_url=shown["base_url"], api_key=shown["key"])
        with pytest.raises(openai.InternalServerError, match="is pending, not ready") as early:
            client.with_options(max_retries=0).chat.completions.create(model=NAME, messages=TURNS)
        assert (early.value.status_code, early.value.response.headers["retry-after"]) == (503, "5")
        turn(app_context, Engine(app_context.scopes))
        with client:
            yield Served(app_context, url, made, shown["key"], shown["base_url"], client)
    app_context.database.close()


def test_a_chat_is_answered_whole(served: Served) -> None:
    answer = served.client.chat.completions.create(
        model=NAME, messages=[{"role": "system", "content": "Be brief."}, *TURNS], temperature=0, n=1, user="me",
        logprobs=False, response_format={"type": "text"}, max_completion_tokens=90, seed=7, store=False,
    )  # fmt: skip
    assert (answer.object, answer.model, answer.choices[0].finish_reason) == ("chat.completion", NAME, "stop")
    assert answer.choices[0].message.content == SAID
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_streamed_chat_is_the_same_text_and_counts_when_asked(served: Served) -> None:
    chunks = list(
        served.client.chat.completions.create(
            model=served.id, messages=TURNS, stream=True, stream_options={"include_usage": True}
        )
    )
    *pieces, end, counted = chunks
    assert "".join(piece.choices[0].delta.content or "" for piece in pieces) == SAID
    assert pieces[0].choices[0].delta.role == "assistant"
    assert end.choices[0].finish_reason == "stop"
    assert (counted.choices, counted.usage is not None and counted.usage.completion_tokens) == ([], 8)
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1
    plain = list(served.client.chat.completions.create(model=NAME, messages=TURNS, stream=True))
    assert [chunk.usage for chunk in plain] == [None] * len(plain)
    assert all(chunk.choices for chunk in plain)


def test_an_answer_ends_at_a_stop_text_and_at_its_limit(served: Served) -> None:
    stopped = served.client.chat.completions.create(model=NAME, messages=TURNS, stop=["charged", "never"])
    assert (stopped.choices[0].message.content, stopped.choices[0].finish_reason) == (
        "[Rehearsal] You said: My card was",
        "stop",
    )
    cut = served.client.chat.completions.create(model=NAME, messages=TURNS, max_tokens=2)
    assert (cut.choices[0].message.content, cut.choices[0].finish_reason) == ("[Rehearsal] You", "length")


def test_a_conversation_with_tools_and_parts_is_taken_as_it_came_back(served: Served) -> None:
    call: Any = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": '{"n": 1}'}}
    tool: Any = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}
    turns: Any = [
        {"role": "developer", "content": [{"type": "text", "text": "Be "}, {"type": "text", "text": "brief."}]},
        *TURNS,
        {"role": "assistant", "content": None, "tool_calls": [call], "refusal": None, "audio": None},
        {"role": "tool", "tool_call_id": "call_1", "content": "It was."},
    ]
    answer = served.client.chat.completions.create(
        model=NAME, messages=turns, tools=[tool], tool_choice="auto", parallel_tool_calls=True
    )
    assert answer.choices[0].message.content == "[Rehearsal] You said: It was."


def test_a_text_is_completed_whole_and_streamed(served: Served) -> None:
    whole = served.client.completions.create(model=NAME, prompt="Where is my parcel?", max_tokens=9)
    assert (whole.object, whole.choices[0].text) == ("text_completion", "[Rehearsal] Where is my parcel?")
    chunks = list(served.client.completions.create(model=NAME, prompt=["Where is my parcel?"], stream=True))
    assert {chunk.object for chunk in chunks} == {"text_completion"}
    assert "".join(chunk.choices[0].text for chunk in chunks) == whole.choices[0].text
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_the_model_is_listed_and_found_by_name_and_by_id(served: Served) -> None:
    assert [model.id for model in served.client.models.list()] == [NAME]
    for name in (NAME, served.id):
        found = served.client.models.retrieve(name)
        assert (found.id, found.object, found.owned_by) == (NAME, "model", "tunedesk")


@pytest.mark.parametrize(
    ("change", "param", "code", "words"),
    [
        ({"messages": []}, "messages", "invalid_value", "at least 1 item"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role", "unsupported_value", "'user'"),
        ({"messages": [{"role": "user"}]}, "messages[0]", "invalid_value", "needs content"),
        ({"messages": [{"role": "user", "content": [PICTURE]}]}, "messages[0].content", "invalid_value", "parts"),
        ({"n": 2}, "n", "invalid_value", "less than or equal to 1"),
        ({"temperature": 3}, "temperature", "invalid_value", "less than or equal to 2"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop", "invalid_value", "up to 4"),
        ({"logprobs": True}, "logprobs", "unsupported_value", "False"),
        ({"logit_bias": {"5": 1}}, "logit_bias", "invalid_value", "at most 0"),
        ({"response_format": {"type": "json_object"}}, "response_format.type", "unsupported_value", "'text'"),
        ({"tool_choice": "required"}, "tool_choice", "unsupported_value", "'auto'"),
        ({"reasoning_effort": "low"}, "reasoning_effort", "invalid_value", "not supported here"),
        ({"stream_options": {"more": True}}, "stream_options.more", "unknown_parameter", "no such field"),
        ({"extra_body": {"guided_json": {}}}, "guided_json", "unknown_parameter", "no such field"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_its_name(
    served: Served, change: dict[str, Any], param: str, code: str, words: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        served.client.chat.completions.create(**{"model": NAME, "messages": TURNS, **change})
    error = refused.value
    assert (error.param, error.code, error.type) == (param, code, "invalid_request_error")
    assert str(error).startswith(f"Error code: 400 - {param}: ")
    assert words in str(error)


def test_a_name_of_another_model_is_not_found_and_the_right_one_is_said(served: Served) -> None:
    asking: list[Callable[[], object]] = [
        lambda: served.client.chat.completions.create(model="gpt-4o", messages=TURNS),
        lambda: served.client.completions.create(model="gpt-4o", prompt="x"),
        lambda: served.client.models.retrieve("gpt-4o"),
    ]
    for ask in asking:
        with pytest.raises(openai.NotFoundError, match=f"'gpt-4o'.*called '{NAME}'") as refused:
            ask()
        assert (refused.value.code, refused.value.param) == ("model_not_found", "model")


def test_what_is_not_at_the_address_is_not_found(served: Served) -> None:
    with pytest.raises(openai.NotFoundError, match="nothing at this address"):
        served.client.embeddings.create(model=NAME, input="x")
    other = served.another(base_url=served.base_url.replace(served.id, "dep_none"))
    with pytest.raises(openai.NotFoundError, match="no deployment 'dep_none'") as refused:
        other.models.list()
    assert refused.value.code == "deployment_not_found"


def test_without_the_key_nothing_is_answered_or_read(served: Served) -> None:
    for wrong in ("guess", served.key[:-1], f"{served.key}x", "tdk-"):
        with pytest.raises(openai.AuthenticationError, match="not the key of the deployment") as refused:
            served.another(api_key=wrong).models.list()
        assert refused.value.code == "invalid_api_key"
    odd = httpx.get(f"{served.base_url}/models", headers={b"authorization": "Bearer é".encode()})
    assert odd.json()["error"]["code"] == "invalid_api_key"
    bare = httpx.post(f"{served.base_url}/chat/completions", content=b"{", headers={"authorization": "Basic eDp5"})
    assert (bare.status_code, bare.headers["www-authenticate"]) == (401, 'Bearer realm="TuneDesk"')
    assert "brings no key" in bare.json()["error"]["message"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://elsewhere.example", "authorization": ""}, 403),
        ({"sec-fetch-site": "cross-site", "authorization": ""}, 403),
        ({"origin": "http://elsewhere.example", "cookie": "a=b"}, 403),
        ({"host": "elsewhere.example"}, 421),
        ({"x-forwarded-for": "10.0.0.7"}, 401),
        ({"content-type": "text/plain"}, 400),
    ],
)
def test_the_doors_guard_holds_there_too_and_speaks_openais_words(
    served: Served, headers: dict[str, str], status: int
) -> None:
    bearer = {"authorization": f"Bearer {served.key}", "content-type": "application/json"}
    sent = {name: value for name, value in {**bearer, **headers}.items() if value}
    refused = httpx.post(f"{served.base_url}/completions", content=b'{"model": "x", "prompt": "x"}', headers=sent)
    assert refused.status_code == status
    assert refused.json()["error"].keys() == {"message", "type", "param", "code"}
    assert refused.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    ("kind", "raised", "status", "code", "requests"),
    [
        (FaultKind.REJECTED, openai.BadRequestError, 400, "invalid_value", 1),
        (FaultKind.UNSUPPORTED, openai.BadRequestError, 400, "unsupported_value", 1),
        (FaultKind.AT_ONCE, openai.RateLimitError, 429, "rate_limit_exceeded", 2),
        (FaultKind.QUOTA_EXCEEDED, openai.RateLimitError, 429, "insufficient_quota", 1),
        (FaultKind.NOT_AUTHORISED, openai.InternalServerError, 502, "provider_not_authorised", 1),
        (FaultKind.WRONG_SHAPE, openai.InternalServerError, 502, "provider_failed", 1),
    ],
)
def test_what_a_provider_fails_with_is_raised_and_asked_again_only_where_that_may_help(
    served: Served, kind: FaultKind, raised: type[openai.APIStatusError], status: int, code: str, requests: int
) -> None:
    before = served.usage()["requests"]
    with stumbling(served.app_context, "chat", kind), pytest.raises(raised) as failed:
        served.another(max_retries=1).chat.completions.create(model=NAME, messages=TURNS)
    assert (failed.value.status_code, failed.value.code) == (status, code)
    assert served.usage()["requests"] - before == requests
    assert ("retry-after" in failed.value.response.headers) == (requests > 1)


@pytest.mark.parametrize("kind", [FaultKind.UNAVAILABLE, FaultKind.NO_CAPACITY, FaultKind.NOT_FOUND])
def test_a_model_that_is_away_may_be_asked_again_soon(served: Served, kind: FaultKind) -> None:
    with stumbling(served.app_context, "chat", kind), pytest.raises(openai.InternalServerError) as failed:
        served.another(max_retries=0).chat.completions.create(model=NAME, messages=TURNS)
    assert (failed.value.status_code, failed.value.response.headers["retry-after"]) == (503, "5")
    assert "x-should-retry" not in failed.value.response.headers


def test_what_breaks_in_the_middle_of_a_stream_is_reported_in_it_and_logged(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str | None] = []
    with replaced(served.app_context, BreaksOff), caplog.at_level(logging.ERROR):
        stream = served.client.chat.completions.create(model=NAME, messages=TURNS, stream=True)
        with pytest.raises(openai.APIError, match="failed in a way that it should not have") as failed:
            heard.extend(chunk.choices[0].delta.content for chunk in stream)
    assert heard == ["", "dep:1"]
    assert (failed.value.code, failed.value.type) == ("provider_failed", "server_error")
    assert SECRET not in str(failed.value)
    assert SECRET in caplog.text


class Endless(RehearsalBackend):
    """A rehearsal that writes until nobody listens any more; `ended` says that it has been stopped."""

    begun, ended = threading.Event(), threading.Event()

    def chat(self, tag: str, request: ChatRequest) -> Iterator[ChatChunk]:
        """Answer without an end."""
        self.begun.set()
        try:
            while not self.ended.wait(0.01):
                yield ChatChunk(text=f"{tag[:3]}{len(request.messages)} ")
        finally:
            self.ended.set()


def test_a_client_that_leaves_stops_the_model(served: Served) -> None:
    async def leave() -> None:
        async with AsyncOpenAI(base_url=served.base_url, api_key=served.key, max_retries=0) as client:
            async with await client.chat.completions.create(model=NAME, messages=TURNS, stream=True) as stream:
                await anext(aiter(stream))
            assert await asyncio.to_thread(Endless.ended.wait, 20), "after a stream that was closed"
            Endless.begun.clear()
            Endless.ended.clear()
            asking = asyncio.create_task(client.chat.completions.create(model=NAME, messages=TURNS))
            assert await asyncio.to_thread(Endless.begun.wait, 20)
            asking.cancel()
            assert await asyncio.to_thread(Endless.ended.wait, 20), "after a whole answer that was cancelled"
            assert served.usage()["errors"] == failed

    failed = served.usage()["errors"]
    Endless.ended.clear()
    with replaced(served.app_context, Endless):
        asyncio.run(leave())


class Waiting(RehearsalBackend):
    """A rehearsal that says nothing until it may; `asked` is released once for each answer that is waited for."""

    asked, may = threading.Semaphore(0), threading.Event()

    def chat(self, tag: str, request: ChatRequest) -> Iterator[ChatChunk]:
        """Answer as soon as it may."""
        self.asked.release()
        assert self.may.wait(60)
        yield from super().chat(tag, request)


def test_answers_that_are_waited_for_leave_the_pages_alone(served: Served) -> None:
    def ask(number: int) -> str | None:
        if number % 2:
            said: str | None = client.chat.completions.create(model=NAME, messages=TURNS).choices[0].message.content
            return said
        stream = client.chat.completions.create(model=NAME, messages=TURNS, stream=True)
        return "".join(chunk.choices[0].delta.content or "" for chunk in stream)

    many = 48  # more than the threads that make the pages
    limits = httpx.Limits(max_connections=many)
    with (
        replaced(served.app_context, Waiting),
        openai.DefaultHttpxClient(limits=limits) as connections,
        ThreadPoolExecutor(many) as pool,
    ):
        client = served.another(http_client=connections, max_retries=0)
        answers = [pool.submit(ask, number) for number in range(many)]
        assert all(Waiting.asked.acquire(timeout=60) for _ in range(many))
        assert httpx.get(f"{served.url}/api/v1/deployments/{served.id}", timeout=20).status_code == 200
        Waiting.may.set()
        assert {each.result() for each in answers} == {SAID}


def test_answers_are_counted_as_all_others(served: Served) -> None:
    before = served.usage()
    served.client.chat.completions.create(model=NAME, messages=TURNS)
    list(served.client.completions.create(model=NAME, prompt="x", stream=True))
    with pytest.raises(openai.BadRequestError):
        served.client.chat.completions.create(model=NAME, messages=[])
    assert served.usage()["requests"] == before["requests"] + 2
    assert served.usage()["errors"] == before["errors"]


@pytest.mark.parametrize("shown", [True, False])
def test_the_pages_code_runs_when_pasted(served: Served, shown: bool) -> None:
    with served.app_context.open() as scope:
        code = view.client(deployments.get(scope, served.id), served.url, served.key if shown else None)
    environ = {**os.environ, **({} if shown else {view.KEY_VARIABLE: served.key})}
    for command in ([sys.executable, "-W", "error", "-c", code.python], ["bash", "-c", code.curl]):
        done = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        assert "[Rehearsal] You said: Where is my parcel?" in done.stdout


def test_a_key_is_shown_again_and_a_new_one_voids_it(served: Served) -> None:
    address = f"{served.url}/api/v1/deployments/{served.id}"
    again = httpx.post(f"{address}/client-key")
    assert (again.json()["key"], again.headers["cache-control"]) == (served.key, "no-store")
    fresh = httpx.post(f"{address}/client-key/rotate").json()["key"]
    assert fresh != served.key
    with pytest.raises(openai.AuthenticationError):
        served.client.models.list()
    assert served.another(api_key=fresh).models.list().data
    journal = [each["message"] for each in httpx.get(f"{address}/events").json()["items"]]
    assert sum("shown the client key" in message for message in journal) == 2
    assert fresh not in httpx.get(address).text + "".join(journal)
    stored = b"".join(path.read_bytes() for path in Path(served.app_context.folder).glob("house.sqlite3*"))
    assert fresh.encode() not in stored
    assert served.key.encode() not in stored
