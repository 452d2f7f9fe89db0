"""Hostile input against every address: never a 5xx, always a problem with a sentence."""

import copy
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from app.domain.drafts import FIELDS
from app.engine.engine import Engine
from tests.support.app_context import MODEL, TestHouse
from tests.support.door import client_of, job_body, key, rest_app, turn
from tests.support.hostile import IDS, RAW, SPLITS, TEXTS, VALUES, Attack, pretend_ready, verdict

Body = dict[str, Any]

RAW_FILES = {"/api/v1/datasets", "/api/v1/uploads/{identifier}"}  # with PUT and PATCH they take a file as it is


def good_bodies(job: Body, model: str, evaluation: Body) -> dict[str, Body]:
    """Return a body in order for every address that takes one."""
    decision = {"use_case": "x", "costs": "y"}
    split = {"ratio": 0.2, "test_ratio": 0.2, "seed": 1, "strategy": "random", "key": None}
    deployment = {"target": {"model": model}, "name": "x", "content_safety": True}
    chat = {"messages": [{"role": "user", "content": "x"}], "temperature": 0.5, "max_tokens": 5}
    return {
        "POST /api/v1/projects": {"name": "x", "description": "y"},
        "PATCH /api/v1/projects/{identifier}": {"description": "y"},
        "PUT /api/v1/projects/{identifier}/decision": decision,
        "POST /api/v1/uploads": {"filename": "x", "bytes": 9},
        "POST /api/v1/uploads/{identifier}/dataset": {"name": "x"},
        "PATCH /api/v1/connections/{identifier}": {"name": "x", "slots": 2},
        "POST /api/v1/datasets/{identifier}/split": split,
        "POST /api/v1/drafts": job,
        "POST /api/v1/jobs": {**job, "seed": 1, "hyperparameters": {"n_epochs": 2}, "options": {}},
        "POST /api/v1/jobs/estimate": job,
        "POST /api/v1/jobs/{identifier}/move": {"to": "front"},
        "POST /api/v1/jobs/{identifier}/resolve": {"remote_id": "x", "not_submitted": False},
        "POST /api/v1/evaluations": evaluation,
        "POST /api/v1/deployments": {**deployment, "expires_after_idle_s": 5, "options": {"a": 1}},
        "POST /api/v1/deployments/{identifier}/chat": {**chat, "top_p": 0.5, "seed": 1, "stream": False},
        "POST /api/v1/deployments/{identifier}/v1/chat/completions": openai_chat(),
        "POST /api/v1/deployments/{identifier}/v1/completions": {"model": "x", "prompt": "x", "stop": ["x"], "n": 1},
        "POST /api/v1/models/{identifier}/teardown": {"confirm": "x"},
        "POST /api/v1/runtimes": {"name": "trl", "allow_cuda": False},
    }


def openai_chat() -> Body:
    """Return a chat completion as OpenAI's clients ask for it, with what they may send."""
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    function = {"name": "f", "description": "x", "parameters": {"type": "object"}, "strict": False}
    return {
        "model": "x",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "x"}], "name": "x"},
            {"role": "assistant", "content": None, "tool_calls": [call], "refusal": None},
            {"role": "tool", "content": "x", "tool_call_id": "call_1"},
        ],
        "tools": [{"type": "function", "function": function}],
        "tool_choice": "auto",
        "temperature": 0.5,
        "max_completion_tokens": 5,
        "stop": "x",
        "seed": 1,
        "n": 1,
        "stream": False,
        "stream_options": {"include_usage": True},
        "response_format": {"type": "text"},
        "logit_bias": {},
        "metadata": {"a": "b"},
        "modalities": ["text"],
        "audio": None,
    }


class Target:
    """A door with one of everything behind it, and how each address is asked well."""

    def __init__(self, folder: Path) -> None:
        self.app_context = TestHouse(folder)
        pretend_ready(self.app_context.app_context.runtimes)
        app = rest_app(self.app_context)
        self.client = client_of(app)
        engine = Engine(self.app_context.scopes)
        self.job_body = job_body(self.app_context)
        self.project = str(self.job_body["project"])
        self.dataset = str(self.job_body["training_dataset"])
        self.job = self._make("/jobs", self.job_body, "j")
        turn(self.app_context, engine)
        self.model = self.client.get(f"/api/v1/jobs/{self.job}").json()["fine_tuned_model"]
        self.deployment = self._make("/deployments", {"target": {"model": self.model}}, "d")
        shown = self.client.post(f"/api/v1/deployments/{self.deployment}/client-key").json()
        self.client_key, self.served = str(shown["key"]), str(shown["model"])
        self.evaluation = self._make("/evaluations", self._evaluation(), "e")
        turn(self.app_context, engine)
        self.draft = self._make("/drafts", {}, "f")
        self.ids = {
            "projects": self.project,
            "datasets": self.dataset,
            "jobs": self.job,
            "models": self.model,
            "deployments": self.deployment,
            "evaluations": self.evaluation,
            "drafts": self.draft,
            "uploads": self._make("/uploads", {"bytes": 9}, "u"),
            "connections": "con_rehearsal",
        }
        self.routes = [
            (method, str(context.path).replace(":path", ""))
            for context in iter_route_contexts(app.routes)
            if isinstance(context.original_route, APIRoute) and str(context.path).startswith("/api")
            for method in sorted(context.methods or ())
        ]
        self.bodies = good_bodies(self.job_body, self.model, self._evaluation())
        for route, body in self.bodies.items():
            if "/v1/" in route.partition("{identifier}")[2]:
                body["model"] = self.served

    def _make(self, path: str, body: Body, name: str) -> str:
        answer = self.client.post(f"/api/v1{path}", json=body, headers=key(name))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def _evaluation(self) -> Body:
        target = {"base_model": MODEL, "connection": "con_rehearsal"}
        return {"target": target, "dataset": self.dataset, "system_prompt": "x", "few_shot": 0}

    def path(self, template: str, identifier: str | None = None) -> str:
        """Return an address with an id that exists, or with the one given."""
        noun = template.split("/")[3]
        values = {"identifier": identifier or self.ids.get(noun, "x"), "name": identifier or "trl", "step": "model"}
        values |= {"table": "jobs", "tag": identifier or "job_x", "model": identifier or self.served}
        values |= {"token": identifier or "tok_x", "person": identifier or "per_x"}
        if template.endswith("/rotate"):  # a new key would shut the others out
            values["identifier"] = identifier or "dep_none"
        if "checkpoints" in template:
            values["step"] = identifier or "10"
        elif identifier is not None and "{step}" in template:
            values["step"] = "data"
        return template.format(**values)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    made = Target(tmp_path_factory.mktemp("hostile"))
    with made.client:
        yield made
    made.app_context.database.close()


# A third of the requests in every run, all of them in the long one.
parts = pytest.mark.parametrize("share", [0.15, pytest.param(1.0, marks=pytest.mark.slow)])


def is_stream(template: str) -> bool:
    return template.endswith("/stream")


@parts
def test_ids(target: Target, share: float) -> None:
    attack = Attack(target.client, share, client_key=target.client_key)
    for method, template in target.routes:
        for identifier in IDS if "{" in template else []:
            body = target.bodies.get(f"{method} {template}")
            attack(method, target.path(template, identifier), json=body) if body else attack(
                method, target.path(template, identifier)
            )
    assert attack.wrong == []
    assert attack.count > 500


@parts
def test_queries(target: Target, share: float) -> None:
    attack = Attack(target.client, share, client_key=target.client_key)
    document = target.client.get("/openapi.json").json()
    for method, template in target.routes:
        operation = document["paths"][template][method.lower()]
        names = [each["name"] for each in operation.get("parameters", []) if each["in"] == "query"]
        if is_stream(template) or not (names or method == "GET"):
            continue
        more = {"content": b'{"text": "x"}\n'} if template in RAW_FILES else {}
        for name in (*names, "unknown"):
            for text in TEXTS:
                attack(method, f"{target.path(template)}?{name}={quote(text)}", **more)
        attack(method, f"{target.path(template)}?{'limit=1&' * 5000}", **more)
        attack(method, f"{target.path(template)}?%ED%A0%80=%FF", **more)
    assert attack.wrong == []
    assert attack.count > 800


@parts
def test_raw_bodies(target: Target, share: float) -> None:
    attack = Attack(target.client, share, client_key=target.client_key)
    for method, template in target.routes:
        if method in {"POST", "PATCH", "PUT"} and template not in RAW_FILES:
            for body in RAW:
                headers = {"content-type": "application/json"}
                attack(method, target.path(template), body[:80], content=body, headers=headers)
    assert attack.wrong == []


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/json; charset=utf-16", "multipart/form-data"]
)
def test_bodies_that_are_declared_as_something_else(target: Target, content_type: str | None) -> None:
    headers = {"authorization": f"Bearer {target.client_key}"}
    headers |= {} if content_type is None else {"content-type": content_type}
    for route in target.bodies:
        method, template = route.split(" ")
        refused = target.client.request(method, target.path(template), content=b"{}", headers=headers)
        assert refused.status_code == (400 if "/v1/" in template.removeprefix("/api/v1/") else 415), route
        assert verdict(refused) is None


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:  # noqa: ANN401
    """Yield the way to every value inside a body."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in children:
        yield (*path, name)
        yield from leaves(child, (*path, name))


def replaced(body: Body, path: tuple[str | int, ...], value: object) -> Body:
    changed: Any = copy.deepcopy(body)
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return dict(changed)


@parts
def test_fields(target: Target, share: float) -> None:
    attack = Attack(target.client, share, client_key=target.client_key)
    for route, body in target.bodies.items():
        method, template = route.split(" ")
        for path in leaves(body):
            for value in VALUES:
                attack.json(method, target.path(template), replaced(body, path, value))
        attack.json(method, target.path(template), {**body, "unknown": 1})
        attack.json(method, target.path(template), dict.fromkeys(body, VALUES))
    assert attack.wrong == []
    assert attack.count > 1500


# A third of the values at every field, another one at the next; all of them in the long run.
@pytest.mark.parametrize("stride", [3, pytest.param(1, marks=pytest.mark.slow)])
def test_a_draft_that_holds_nonsense_can_still_be_read_reviewed_and_mended(target: Target, stride: int) -> None:
    attack = Attack(target.client)
    turn_of = itertools.cycle(range(stride))
    for step, fields in FIELDS.items():
        for field in fields:
            draft = target.client.post("/api/v1/drafts", json=target.job_body).json()["id"]
            for value in [*VALUES, *SPLITS][next(turn_of) :: stride]:
                attack.json("PATCH", f"/api/v1/drafts/{draft}/{step.value}", {field: value})
                attack("GET", f"/api/v1/drafts/{draft}/review", (field, value))
            attack("GET", f"/api/v1/drafts/{draft}", field)
            attack("GET", f"/api/v1/drafts/{draft}/code", field)
            attack.json("PATCH", f"/api/v1/drafts/{draft}/{step.value}", {field: target.job_body.get(field)})
            review = target.client.get(f"/api/v1/drafts/{draft}/review").json()
            if not review.get("complete"):
                attack.wrong.append((field, review))
    assert attack.wrong == []


def test_headers(target: Target) -> None:
    attack = Attack(target.client)
    texts = ["", "\x7f", "x" * 10_000, '"', "W/", "é".encode(), b"\xff\xfe", "*", "text/csv;q=" + "9" * 400]
    for text in texts:
        for name in (
            "if-match",
            "accept",
            "last-event-id",
            "idempotency-key",
            "content-type",
            "authorization",
            "cookie",
        ):
            headers = {name: text}
            attack("PATCH", f"/api/v1/drafts/{target.draft}/model", (name, text), content=b"{}", headers=headers)
            attack("GET", f"/api/v1/jobs/{target.job}/metrics", (name, text), headers=headers)
            attack("POST", "/api/v1/jobs", (name, text), content=b"{}", headers=headers)
            attack("GET", f"/api/v1/jobs/{target.job}/stream", (name, text), headers=headers)
    assert attack.wrong == []
