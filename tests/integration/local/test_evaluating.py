"""Evaluations and deployments of the trained starter: the figures are what they say, and both tell the same."""

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from app.backends.local.backend import LocalBackend
from app.domain.backend import (
    ChatRequest,
    DeploymentObservation,
    DeploymentRequest,
    EvaluationObservation,
    EvaluationRequest,
    NotFound,
    Rejected,
)
from app.domain.deployments import Deployment, DeploymentStatus, Target
from app.domain.evaluations import EvaluationRow, EvaluationStatus
from app.services import client_keys
from app.store import deployments as deployment_store
from tests.integration.local.conftest import Trained
from tests.support import local
from tests.support.app_context import TestHouse
from tests.support.door import rest_app
from tests.support.server import serving as running
from tests.support.waiting import until

pytestmark = pytest.mark.training
SYSTEM = "Sort the message into one queue: billing, delivery, returns, account, technical or sales."
LABELS = ("account", "billing", "delivery", "returns", "sales", "technical")


@pytest.fixture(scope="module")
def test_rows(trained: Trained) -> Path:
    path = trained.folder / "test.jsonl"
    every = (local.TRIAGE / "test.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(every[::4]), encoding="utf-8")  # of each queue some
    return path


def answered(backend: LocalBackend, tag: str) -> EvaluationObservation:
    def final() -> EvaluationObservation | None:
        seen = backend.observe_evaluation(tag)
        return seen if seen.status.is_final else None

    return until(final, doing="the evaluation's end")


@pytest.fixture(scope="module")
def evaluated(trained: Trained, test_rows: Path) -> EvaluationObservation:
    wanted = EvaluationRequest(
        tag="evl_1", base_model="builtin:starter", model="run:job_1", rows=test_rows, labels=LABELS
    )
    trained.backend.start_evaluation(wanted)
    trained.backend.start_evaluation(wanted)
    return answered(trained.backend, "evl_1")


def deployed(backend: LocalBackend, tag: str) -> DeploymentObservation:
    def ready() -> DeploymentObservation | None:
        seen = backend.observe_deployment(tag)
        return seen if seen.status in {DeploymentStatus.READY, DeploymentStatus.FAILED} else None

    return until(ready, doing="the deployment")


@pytest.fixture(scope="module")
def serving(trained: Trained, evaluated: EvaluationObservation) -> Iterator[LocalBackend]:
    assert evaluated.status is EvaluationStatus.SUCCEEDED
    wanted = DeploymentRequest(tag="dep_1", base_model="builtin:starter", model="run:job_1", name="triage")
    trained.backend.deploy(wanted)
    trained.backend.deploy(wanted)
    assert deployed(trained.backend, "dep_1").status is DeploymentStatus.READY
    yield trained.backend
    trained.backend.undeploy("dep_1")


def plain(trained: Trained, *arguments: object) -> dict[str, Any]:
    script = Path(__file__).with_name("plain_loop.py")
    done = subprocess.run(
        [trained.python, script, *map(str, arguments)], capture_output=True, text=True, check=False,
        env={"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(found, dict)
    return found


@pytest.mark.slow
def test_the_figures_are_those_of_a_plain_loop(
    trained: Trained, evaluated: EvaluationObservation, test_rows: Path
) -> None:
    theirs = plain(trained, trained.run / "model", test_rows)
    metrics = evaluated.metrics
    assert metrics is not None
    assert metrics.loss == pytest.approx(theirs["loss"], abs=1e-4)
    assert metrics.perplexity == pytest.approx(theirs["perplexity"], rel=1e-4)
    assert metrics.forced_choice_accuracy == pytest.approx(theirs["forced_choice"])
    assert [row.answer for row in evaluated.rows] == theirs["answers"]
    # The same script read what TRL saved, the way TRL saved it.
    sent = trained.watched.sent
    assert theirs["arguments"]["learning_rate"] == sent["learning_rate"]
    assert theirs["arguments"]["num_train_epochs"] == sent["n_epochs"]
    assert theirs["arguments"]["adam_beta1"] == sent["adam_beta1"]


def test_the_counts_follow_from_the_rows(evaluated: EvaluationObservation) -> None:
    rows, metrics = evaluated.rows, evaluated.metrics
    assert metrics is not None
    assert [row.line for row in rows] == list(range(1, 13))
    assert {row.expected for row in rows} == set(LABELS)
    assert metrics.rows == len(rows) == evaluated.done_rows
    share = sum(row.answer == row.expected for row in rows) / len(rows)
    assert metrics.accuracy == metrics.exact_match == pytest.approx(share)
    assert [row.correct for row in rows] == [row.answer == row.expected for row in rows]
    assert metrics.confusion is not None
    assert list(metrics.confusion.labels) == list(LABELS)
    assert [sum(line) for line in metrics.confusion.counts] == [
        sum(row.expected == label for row in rows) for label in LABELS
    ]
    assert not metrics.missing
    assert metrics.ended == sum(bool(row.ended) for row in rows)
    assert metrics.cut == sum(row.ended is False for row in rows)
    assert metrics.ended + metrics.cut == len(rows)
    assert metrics.empty == sum(not row.answer for row in rows)
    found = metrics.intervals["accuracy"]
    assert 0 <= found.low <= share <= found.high <= 1


def test_it_knows_the_files_that_answered(trained: Trained, evaluated: EvaluationObservation) -> None:
    assert evaluated.identity is not None
    assert trained.backend.identity("builtin:starter", "run:job_1") == evaluated.identity
    assert trained.backend.identity("builtin:starter", None) is None  # nothing has read its weights yet


@pytest.mark.slow
def test_the_base_with_examples_and_a_prompt_of_its_own_is_asked_otherwise(trained: Trained, test_rows: Path) -> None:
    shots = [json.loads(line) for line in trained.training_rows.read_text(encoding="utf-8").splitlines()[:2]]
    wanted = EvaluationRequest(
        tag="evl_2", base_model="builtin:starter", model=None, rows=test_rows, system_prompt="Name the queue.",
        few_shot=shots,
    )  # fmt: skip
    trained.backend.start_evaluation(wanted)
    seen = answered(trained.backend, "evl_2")
    assert seen.status is EvaluationStatus.SUCCEEDED, seen.message
    expected = [
        {"messages": [
            {"role": "system", "content": "Name the queue."},
            *[turn for shot in shots for turn in shot["messages"][1:]],
            *json.loads(line)["messages"][1:],
        ]}
        for line in test_rows.read_text(encoding="utf-8").splitlines()
    ]  # fmt: skip
    written = trained.folder / "asked.jsonl"
    written.write_text("".join(json.dumps(row) + "\n" for row in expected), encoding="utf-8")
    theirs = plain(trained, local.STARTER, written)
    assert seen.metrics is not None
    assert seen.metrics.loss == pytest.approx(theirs["loss"], abs=1e-4)
    assert [row.answer for row in seen.rows] == theirs["answers"]


def test_an_evaluation_stopped_from_outside_begins_anew_and_a_cancelled_one_does_not(
    trained: Trained, test_rows: Path
) -> None:
    backend = trained.backend
    backend.start_evaluation(EvaluationRequest(tag="evl_3", base_model="builtin:starter", model=None, rows=test_rows))
    backend.cancel_evaluation("evl_3")
    assert answered(backend, "evl_3").status is EvaluationStatus.CANCELLED
    with pytest.raises(NotFound):
        backend.observe_evaluation("evl_9")


def test_the_deployment_answers_as_the_evaluation_recorded(
    serving: LocalBackend, evaluated: EvaluationObservation
) -> None:
    for row in evaluated.rows[:10]:
        turns = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": row.prompt}]
        chunks = list(serving.chat("dep_1", ChatRequest(messages=turns, max_tokens=24)))
        assert "".join(chunk.text for chunk in chunks).strip() == row.answer
        assert chunks[-1].finish_reason == "stop"
        assert chunks[-1].prompt_tokens
        assert chunks[-1].completion_tokens


def test_sixteen_at_once_get_the_answers_that_each_gets_alone(
    serving: LocalBackend, evaluated: EvaluationObservation
) -> None:
    rows = (*evaluated.rows, *evaluated.rows)[:16]

    def ask(row: EvaluationRow) -> str:
        turns = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": row.prompt}]
        return "".join(chunk.text for chunk in serving.chat("dep_1", ChatRequest(messages=turns, max_tokens=24)))

    with ThreadPoolExecutor(len(rows)) as crowd:
        assert [answer.strip() for answer in crowd.map(ask, rows)] == [row.answer for row in rows]


def test_a_restarted_server_takes_the_deployment_up(serving: LocalBackend, trained: Trained) -> None:
    again = local.backend_over(trained.folder / "runs", trained.python)
    seen = again.observe_deployment("dep_1")
    assert (seen.status, seen.endpoint) == (DeploymentStatus.READY, serving.observe_deployment("dep_1").endpoint)
    assert list(again.chat("dep_1", ChatRequest(messages=[{"role": "user", "content": "Where is my parcel"}])))


def test_what_is_sampled_repeats_with_its_seed(serving: LocalBackend) -> None:
    wanted = ChatRequest(messages=[{"role": "user", "content": "I"}], temperature=1.5, seed=7, max_tokens=8)
    first, second = (["".join(chunk.text for chunk in serving.chat("dep_1", wanted))] for _ in range(2))
    assert first == second


class Door:
    """The server's own door, past the backend."""

    def __init__(self, backend: LocalBackend) -> None:
        found = backend.endpoint("dep_1")
        assert found is not None
        self.url, self.alias, self.secret = found

    def ask(self, path: str, body: dict[str, Any] | None = None, *, secret: str | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.secret if secret is None else secret}"}
        if body is None:
            return httpx.get(f"{self.url}{path}", headers=headers, trust_env=False)
        return httpx.post(f"{self.url}{path}", json=body, headers=headers, trust_env=False, timeout=60)


def test_the_server_speaks_openais_tongue(serving: LocalBackend) -> None:
    door = Door(serving)
    assert [model["id"] for model in door.ask("/models").json()["data"]] == ["triage"]
    turns = [{"role": "user", "content": "My parcel has not come"}]
    whole = door.ask("/chat/completions", {"model": "triage", "messages": turns, "temperature": 0}).json()
    said = whole["choices"][0]["message"]["content"]
    usage = whole["usage"]
    assert (whole["object"], whole["choices"][0]["finish_reason"]) == ("chat.completion", "stop")
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    cut = door.ask(
        "/chat/completions", {"model": "triage", "messages": turns, "temperature": 0, "max_tokens": 1}
    ).json()
    assert (cut["choices"][0]["finish_reason"], cut["usage"]["completion_tokens"]) == ("length", 1)
    half = said[: len(said) // 2 + 1]
    body = {"model": "triage", "messages": turns, "temperature": 0, "stop": half[-1:]}
    stopped = door.ask("/chat/completions", body).json()["choices"][0]
    assert (stopped["message"]["content"], stopped["finish_reason"]) == (said.split(half[-1:])[0], "stop")


def test_nobody_without_the_secret_gets_an_answer(serving: LocalBackend) -> None:
    door = Door(serving)
    for path, body in (("/models", None), ("/chat/completions", {"model": "triage"})):
        answer = door.ask(path, body, secret="guess")
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


def test_wrong_requests_are_refused_with_a_sentence(serving: LocalBackend) -> None:
    door = Door(serving)
    refused = door.ask("/chat/completions", {"model": "triage", "messages": [], "temperature": 0})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "messages")
    assert door.ask("/nothing").status_code == 404
    assert door.ask("/chat/completions", {"model": "other", "messages": []}).status_code == 404
    with pytest.raises(Rejected, match="this model's context is 512"):
        list(serving.chat("dep_1", ChatRequest(messages=[{"role": "user", "content": "word " * 2000}])))


def test_an_answer_that_nobody_hears_is_not_finished(serving: LocalBackend) -> None:
    pieces = iter(serving.chat("dep_1", ChatRequest(messages=[{"role": "user", "content": "I"}], max_tokens=400)))
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]  # a generator
    # The model is free at once for the next one.
    assert list(serving.chat("dep_1", ChatRequest(messages=[{"role": "user", "content": "Hello"}], max_tokens=4)))


# ---------------------------------------------------------------------------- through the whole house, as people ask it
@pytest.fixture(scope="module")
def client(serving: LocalBackend, trained: Trained) -> Iterator[OpenAI]:
    """OpenAI's client at the base address of the same deployment."""
    folder = trained.folder / "house"
    folder.mkdir()
    app_context = TestHouse(folder, [serving])
    target = Target(connection=serving.profile.connection_id, base_model="builtin:starter")
    now = app_context.clock.now()
    ready = Deployment(
        id="dep_1", name="triage", target=target, status=DeploymentStatus.READY, created_at=now, changed_at=now
    )
    with app_context.open() as scope:
        deployment_store.add(scope.write, ready, due_at=scope.due_now())
        key = client_keys.show(scope, "dep_1")
    with (
        running(rest_app(app_context)) as url,
        OpenAI(base_url=f"{url}/api/v1/deployments/dep_1/v1", api_key=key, max_retries=0) as made,
    ):
        yield made
    app_context.database.close()


def test_an_answer_is_the_same_to_the_byte_whole_streamed_and_as_the_evaluation_recorded_it(
    client: OpenAI, evaluated: EvaluationObservation
) -> None:
    for row in evaluated.rows[:6]:
        turns: Any = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": row.prompt}]
        asked: Any = {"model": "triage", "messages": turns, "temperature": 0, "max_tokens": 24}
        whole = client.chat.completions.create(**asked).choices[0].message.content or ""
        pieces = [
            chunk.choices[0].delta.content or "" for chunk in client.chat.completions.create(**asked, stream=True)
        ]
        assert whole.encode() == "".join(pieces).encode() == row.answer.encode()


def test_what_the_template_refuses_is_the_askers_mistake_in_the_templates_words(client: OpenAI) -> None:
    result: Any = {"role": "tool", "tool_call_id": "call_1", "content": "It was."}
    with pytest.raises(openai.BadRequestError, match="leaves out a message of the role tool") as refused:
        client.chat.completions.create(model="triage", messages=[{"role": "user", "content": "Hi"}, result])
    assert (refused.value.param, refused.value.code) == ("messages", "template_refused")
    tool: Any = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}
    with pytest.raises(openai.BadRequestError, match="does not write tools"):
        client.chat.completions.create(model="triage", messages=[{"role": "user", "content": "Hi"}], tools=[tool])
    with pytest.raises(openai.BadRequestError, match="this model's context is 512") as long:
        client.completions.create(model="triage", prompt="word " * 2000)
    assert (long.value.param, long.value.code) == ("prompt", "context_length_exceeded")


def test_limits_stops_seeds_and_texts_reach_the_model(client: OpenAI) -> None:
    turns: Any = [{"role": "user", "content": "My parcel has not come"}]
    asked: Any = {"model": "triage", "messages": turns, "temperature": 0}
    said = client.chat.completions.create(**asked).choices[0].message.content or ""
    end = said[len(said) // 2]
    stopped = client.chat.completions.create(**asked, stop=[end, "never"]).choices[0]
    assert (stopped.message.content, stopped.finish_reason) == (said.split(end)[0], "stop")
    cut = client.chat.completions.create(**asked, max_completion_tokens=1)
    assert cut.choices[0].finish_reason == "length"
    assert cut.usage is not None
    assert cut.usage.completion_tokens == 1
    drawn: Any = {"model": "triage", "messages": turns, "temperature": 1.5, "seed": 7, "max_tokens": 8}
    assert len({client.chat.completions.create(**drawn).choices[0].message.content for _ in range(2)}) == 1
    text = client.completions.create(model="triage", prompt="My parcel", temperature=0)
    pieces = client.completions.create(model="triage", prompt="My parcel", temperature=0, stream=True)
    assert "".join(piece.choices[0].text for piece in pieces) == text.choices[0].text
    assert text.usage is not None
    assert text.usage.completion_tokens <= 16


@pytest.mark.slow
def test_a_killed_server_is_made_again_at_another_address(serving: LocalBackend, trained: Trained) -> None:
    old = serving.endpoint("dep_1")
    local.kill(trained.folder / "runs" / "dep_1")
    until(lambda: serving.observe_deployment("dep_1").gone)
    serving.deploy(DeploymentRequest(tag="dep_1", base_model="builtin:starter", model="run:job_1", name="triage"))
    assert deployed(serving, "dep_1").endpoint is not None
    assert serving.endpoint("dep_1") != old


def test_a_killed_server_is_gone_and_is_torn_down(serving: LocalBackend, trained: Trained) -> None:
    folder = trained.folder / "runs" / "dep_1"
    local.kill(folder)
    until(lambda: serving.observe_deployment("dep_1").gone)
    with pytest.raises(NotFound, match="is not serving at the moment"):
        list(serving.chat("dep_1", ChatRequest(messages=[{"role": "user", "content": "Hi"}])))
    serving.undeploy("dep_1")
    until(lambda: serving.observe_deployment("dep_1").status is DeploymentStatus.DELETED)
    assert not folder.exists()
    serving.undeploy("dep_1")


@pytest.mark.slow
def test_a_server_whose_folder_is_gone_ends_by_itself(trained: Trained, serving: LocalBackend) -> None:
    wanted = DeploymentRequest(tag="dep_2", base_model="builtin:starter", model=None, name="base")
    serving.deploy(wanted)
    assert deployed(serving, "dep_2").status is DeploymentStatus.READY
    found = serving.endpoint("dep_2")
    assert found is not None
    serving.context.runs.remove("dep_2")

    def closed() -> bool:
        try:
            httpx.get(f"{found[0]}/models", trust_env=False)
        except httpx.HTTPError:
            return True
        return False

    until(closed, doing="the server's end")
    assert serving.observe_deployment("dep_2").status is DeploymentStatus.DELETED
