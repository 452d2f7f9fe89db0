import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.api.job_stream import JobStream, Position
from app.domain.actors import OWNER
from app.domain.metrics import Metric
from app.engine.engine import Engine
from app.store import metrics as metric_store
from tests.support.app_context import TestHouse
from tests.support.door import client_of, job_body, key, rest_app, turn

Message = dict[str, str]


def parse(wire: str) -> list[Message]:
    """Read server-sent events as a browser does."""
    blocks = [block for block in wire.split("\n\n") if "data:" in block]
    return [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]


def read(client: TestClient, job: str, last: str | None = None) -> list[Message]:
    headers = {"last-event-id": last} if last is not None else {}
    answer = client.get(f"/api/v1/jobs/{job}/stream", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-cache"
    return parse(answer.text)


def points(messages: list[Message]) -> list[tuple[str, int]]:
    columns = [json.loads(each["data"]) for each in messages if each["event"] == "metric"]
    return [(column["name"], step) for column in columns for step in column["steps"]]


def entries(messages: list[Message]) -> list[int]:
    return [json.loads(each["data"])["number"] for each in messages if each["event"] == "log"]


@pytest.fixture
def job(client: TestClient, app_context: TestHouse, engine: Engine) -> str:
    """A finished job."""
    made: dict[str, Any] = client.post("/api/v1/jobs", json=job_body(app_context), headers=key("one")).json()
    turn(app_context, engine)
    return str(made["id"])


@pytest.fixture(scope="module")
def over(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, str, str]]:
    """A client, a finished job and a ready deployment, for tests that only ask."""
    app_context = TestHouse(tmp_path_factory.mktemp("over"))
    engine = Engine(app_context.scopes)
    with client_of(rest_app(app_context)) as client:
        job = client.post("/api/v1/jobs", json=job_body(app_context), headers=key("one")).json()["id"]
        target = {"target": {"base_model": "rehearsal:small", "connection": "con_rehearsal"}}
        deployment = client.post("/api/v1/deployments", json=target, headers=key("d")).json()["id"]
        turn(app_context, engine)
        yield client, str(job), str(deployment)
    app_context.database.close()


def test_a_finished_job_streams_everything_and_ends(client: TestClient, job: str) -> None:
    messages = read(client, job)
    assert messages[0]["event"] == "job"
    assert messages[-1]["event"] == "end"
    assert json.loads(messages[-1]["data"]) == {"status": "succeeded"}
    numbers = [int(each["id"].split(".")[0]) for each in messages]
    assert numbers == list(range(1, len(messages) + 1))
    series = client.get(f"/api/v1/jobs/{job}/metrics").json()["items"]
    assert sorted(points(messages)) == sorted((each["name"], step) for each in series for step in each["steps"])
    journal = client.get(f"/api/v1/jobs/{job}/events", params={"limit": 200}).json()["items"]
    assert entries(messages) == sorted(entry["number"] for entry in journal)


def test_after_a_break_anywhere_nothing_is_lost_and_nothing_comes_twice(client: TestClient, job: str) -> None:
    whole = read(client, job)
    for cut in range(len(whole)):
        before = whole[: cut + 1]
        after = read(client, job, before[-1]["id"])
        assert sorted(points(before) + points(after)) == sorted(points(whole))
        assert entries(before) + entries(after) == entries(whole)
        assert int(after[0]["id"].split(".")[0]) == int(before[-1]["id"].split(".")[0]) + 1


def test_a_running_job_tells_only_what_is_new(client: TestClient, app_context: TestHouse, engine: Engine) -> None:
    job = client.post("/api/v1/jobs", json=job_body(app_context), headers=key("one")).json()["id"]
    stream = JobStream(job, lambda: app_context.scopes.open(OWNER), None)
    assert [each["event"] for each in parse(b"".join(stream.look().messages).decode())] == ["job", "log"]
    assert stream.look().messages == ()
    seen: list[Message] = []
    last = False
    while not last:
        engine.tick()
        look = stream.look()
        seen += parse(b"".join(look.messages).decode())
        last = look.last
        app_context.clock.turn(timedelta(seconds=3))
    assert len(points(seen)) == len(set(points(seen))) > 0
    assert len(entries(seen)) == len(set(entries(seen))) > 3
    assert [each["event"] for each in seen].count("end") == 1


def test_a_series_that_lags_behind_is_not_lost(client: TestClient, app_context: TestHouse) -> None:
    """Validation is measured later than training at the same step."""
    job = client.post("/api/v1/jobs", json=job_body(app_context), headers=key("one")).json()["id"]
    stream = JobStream(job, lambda: app_context.scopes.open(OWNER), None)

    def add(*given: tuple[str, int]) -> list[tuple[str, int]]:
        with app_context.open() as scope:
            metric_store.add(scope.write, job, [Metric(name=name, step=step, value=1.0) for name, step in given])
        stream.version = ""
        return points(parse(b"".join(stream.look().messages).decode()))

    assert add(("train_loss", 1), ("train_loss", 10)) == [("train_loss", 1), ("train_loss", 10)]
    assert add(("validation_loss", 10), ("train_loss", 11)) == [("train_loss", 11), ("validation_loss", 10)]
    assert add(("validation_loss", 11)) == [("validation_loss", 11)]
    stream.position = Position.read(str(stream.position))
    assert add(("train_loss", 12)) == [("train_loss", 12)]


@pytest.mark.parametrize("last", ["", "x", "1", "1.2", "-1.2.", "9" * 99, "1.2.a=b", "1.2.A=1", "\x00", "1.2.a=1,,"])
def test_a_strange_last_event_id_begins_anew(over: tuple[TestClient, str, str], last: str) -> None:
    client, job, _deployment = over
    assert read(client, job, last)[0]["id"].startswith("1.")


def test_a_stream_of_nothing_is_404(client: TestClient) -> None:
    refused = client.get("/api/v1/jobs/job_none/stream")
    assert refused.status_code == 404
    assert refused.headers["content-type"] == "application/problem+json"


# --------------------------------------------------------------------------------------------------------------- chat
@pytest.fixture
def deployment(client: TestClient, app_context: TestHouse, engine: Engine) -> str:
    body = {"target": {"base_model": "rehearsal:small", "connection": "con_rehearsal"}}
    made: dict[str, Any] = client.post("/api/v1/deployments", json=body, headers=key("d")).json()
    assert client.post(f"/api/v1/deployments/{made['id']}/chat", json=CHAT).status_code == 409
    turn(app_context, engine)
    return str(made["id"])


CHAT = {"messages": [{"role": "user", "content": "Say it again."}]}


def test_a_chat_comes_whole_or_piece_by_piece_and_is_the_same(client: TestClient, deployment: str) -> None:
    path = f"/api/v1/deployments/{deployment}/chat"
    whole = client.post(path, json=CHAT).json()
    assert whole["object"] == "chat.completion"
    assert whole["model"] == deployment
    streamed = client.post(path, json={**CHAT, "stream": True})
    assert streamed.headers["content-type"].startswith("text/event-stream")
    data = [each["data"] for each in parse(streamed.text)]
    assert data[-1] == "[DONE]"
    pieces = [json.loads(each) for each in data[:-1]]
    assert {piece["object"] for piece in pieces} == {"chat.completion.chunk"}
    text = "".join(piece["choices"][0]["delta"].get("content", "") for piece in pieces)
    assert text == whole["choices"][0]["message"]["content"]
    assert pieces[-1]["choices"][0]["finish_reason"] == whole["choices"][0]["finish_reason"]
    assert client.get(f"/api/v1/deployments/{deployment}").json()["usage"]["requests"] == 2


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"messages": []}, "/messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "/messages/0/role"),
        ({"messages": [{"role": "user", "content": " "}]}, "/messages/0/content"),
        ({"messages": [{"role": "user"}]}, "/messages/0/content"),
        ({"temperature": -1}, "/temperature"),
        ({"temperature": "hot"}, "/temperature"),
        ({"max_tokens": 0}, "/max_tokens"),
        ({"max_tokens": 10**9}, "/max_tokens"),
        ({"top_p": 0}, "/top_p"),
        ({"logit_bias": {}}, "/logit_bias"),
    ],
)
def test_a_chat_that_cannot_be_asked(over: tuple[TestClient, str, str], change: dict[str, Any], pointer: str) -> None:
    client, _job, deployment = over
    refused = client.post(f"/api/v1/deployments/{deployment}/chat", json={**CHAT, **change})
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]
