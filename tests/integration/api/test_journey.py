"""The main job by REST alone, with every answer held against the API's own description."""

import json
import re
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate
from starlette.testclient import TestClient

from app.engine.engine import Engine
from tests.support.app_context import MODEL, TestHouse
from tests.support.connections import REHEARSAL_ID
from tests.support.door import key, turn

ROWS = "\n".join(
    json.dumps(
        {"messages": [{"role": "user", "content": f"Is {n} even?"}, {"role": "assistant", "content": "yn"[n % 2]}]}
    )
    for n in range(40)
)


class Described:
    """A client that checks every JSON answer against the OpenAPI document."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.document: dict[str, Any] = client.get("/openapi.json").json()
        self.asked: set[tuple[str, str]] = set()

    def __call__(self, method: str, path: str, status: int = 200, **more: Any) -> Any:  # noqa: ANN401
        answer = self.client.request(method, f"/api/v1{path}", **more)
        assert answer.status_code == status, (method, path, answer.text)
        template, operation = self._operation(method, answer.url.path)
        self.asked.add((method, template))
        described = operation["responses"][str(status)]
        named = described.get("$ref", "").rpartition("/")[2]
        content = (self.document["components"]["responses"][named] if named else described).get("content", {})
        media_type = answer.headers.get("content-type", "").split(";")[0]
        assert media_type in content or not answer.content, (method, path, media_type)
        if media_type.endswith("json"):
            schema = {**content[media_type]["schema"], "components": self.document["components"]}
            OAS31Validator(schema).validate(answer.json())
            return answer.json()
        return answer.content

    def _operation(self, method: str, path: str) -> tuple[str, dict[str, Any]]:
        for template, item in self.document["paths"].items():
            pattern = re.sub(r"\{[^}]+\}", "[^/]+", template)
            if re.fullmatch(pattern, path) and method.lower() in item:
                return template, item[method.lower()]
        raise AssertionError(f"{method} {path} is not described")


@pytest.fixture
def ask(client: TestClient) -> Described:
    return Described(client)


def test_the_description_is_valid_openapi(ask: Described) -> None:
    validate(ask.document)
    for path, item in ask.document["paths"].items():
        for method, operation in item.items():
            assert operation["description"], (method, path)


def test_the_main_job(ask: Described, app_context: TestHouse, engine: Engine) -> None:
    assert ask("GET", "/health")["status"] == "ok"
    project = _project(ask)
    parts = _datasets(ask, project)
    job, tuned = _job(ask, app_context, engine, project, parts)
    deployment = _use(ask, app_context, engine, tuned, parts)
    assert ask("GET", "/evaluations", params={"job": job})["items"]
    _clean_up(ask, app_context, engine, tuned, deployment)


def _project(ask: Described) -> str:
    project = ask("POST", "/projects", 201, json={"name": "Parity"})["id"]
    ask("PUT", f"/projects/{project}/decision", json={"use_case": "Even or odd?", "costs": "none"})
    ask("PATCH", f"/projects/{project}", json={"description": "Two answers"})
    assert ask("GET", f"/projects/{project}")["decision"]["answered"] == 2
    assert ask("POST", f"/connections/{REHEARSAL_ID}/doctor")["checks"]
    assert ask("GET", f"/connections/{REHEARSAL_ID}")["doctor"]["checked_at"]
    model = ask("GET", "/catalog", params={"q": "small"})["items"][0]
    assert model["id"] == MODEL
    assert ask("GET", "/catalog", params={"id": MODEL, "connection": REHEARSAL_ID})["items"][0]["id"] == MODEL
    return str(project)


def _datasets(ask: Described, project: str) -> Any:  # noqa: ANN401
    where = {"name": "parity", "project": project, "filename": "parity.jsonl"}
    dataset = ask("PUT", "/datasets", 201, params=where, content=ROWS.encode())
    assert (dataset["status"], dataset["rows"], dataset["format"]) == ("ready", 40, "chat")
    assert ask("GET", f"/datasets/{dataset['id']}/download") == ROWS.encode()
    assert ask("GET", f"/datasets/{dataset['id']}/findings")["items"] == []
    page = ask("GET", f"/datasets/{dataset['id']}/rows", params={"from": 39, "limit": 2})
    assert [row["line"] for row in page["items"]] == [39, 40]
    parts = ask("POST", f"/datasets/{dataset['id']}/split", 201, json={"ratio": 0.2, "test_ratio": 0.2, "seed": 1})
    assert parts["training"]["rows"] + parts["validation"]["rows"] + parts["test"]["rows"] == 40
    return parts


def _job(ask: Described, app_context: TestHouse, engine: Engine, project: str, parts: Any) -> tuple[str, str]:  # noqa: ANN401
    request = {
        "project": project,
        "connection": REHEARSAL_ID,
        "base_model": MODEL,
        "name": "parity",
        "training_dataset": parts["training"]["id"],
        "validation": {"kind": "dataset", "dataset": parts["validation"]["id"]},
        "test_dataset": parts["test"]["id"],
    }
    assert ask("POST", "/jobs/estimate", json=request)["blockers"] == []
    job = ask("POST", "/jobs", 201, json=request, headers=key("job"))["id"]
    turn(app_context, engine)
    done = ask("GET", f"/jobs/{job}")
    assert done["status"] == "succeeded"
    assert ask("GET", "/jobs", params={"status": "succeeded", "q": "parity"})["items"][0]["id"] == job
    assert ask("GET", f"/jobs/{job}/events", params={"limit": 2})["next"]
    names = {series["name"] for series in ask("GET", f"/jobs/{job}/metrics", params={"points": 10})["items"]}
    assert {"train_loss", "validation_loss"} <= names
    assert len(ask("GET", f"/jobs/{job}/checkpoints")["items"]) == 3
    assert ask("GET", f"/jobs/{job}/log", params={"lines": 5})["items"]
    assert b"curl" in ask("GET", f"/jobs/{job}/code")
    draft = ask("POST", f"/jobs/{job}/clone", 201)
    assert draft["values"]["base_model"] == MODEL
    again = ask("POST", f"/jobs/{job}/retry", 201, headers=key("retry"))["id"]
    assert ask("POST", f"/jobs/{again}/cancel", 202)["goal"] == "cancelled"

    return job, done["fine_tuned_model"]


def _use(ask: Described, app_context: TestHouse, engine: Engine, tuned: str, parts: Any) -> str:  # noqa: ANN401
    by_hand = {"target": {"base_model": MODEL, "connection": REHEARSAL_ID}, "dataset": parts["test"]["id"]}
    evaluation = ask("POST", "/evaluations", 201, json=by_hand, headers=key("evaluation"))["id"]
    deployment = ask("POST", "/deployments", 201, json={"target": {"model": tuned}}, headers=key("dep"))["id"]
    turn(app_context, engine)
    assert ask("GET", f"/evaluations/{evaluation}")["status"] == "succeeded"
    assert len(ask("GET", f"/evaluations/{evaluation}/rows", params={"limit": 3})["items"]) == 3
    assert ask("GET", f"/deployments/{deployment}")["status"] == "ready"
    said = ask("POST", f"/deployments/{deployment}/chat", json={"messages": [{"role": "user", "content": "2?"}]})
    assert said["choices"][0]["message"]["role"] == "assistant"
    assert ask("GET", f"/deployments/{deployment}")["usage"]["requests"] == 1
    assert ask("GET", f"/deployments/{deployment}/events")["items"]
    return str(deployment)


def _clean_up(ask: Described, app_context: TestHouse, engine: Engine, tuned: str, deployment: str) -> None:
    assert ask("GET", f"/models/{tuned}")["deployments"] == [deployment]
    assert "Delete the deployments first" in ask("DELETE", f"/models/{tuned}", 409)["fix"]
    plan = ask("GET", f"/models/{tuned}/teardown")
    assert [step["kind"] for step in plan["steps"]] == ["deployment", "model"]
    assert ask("POST", f"/models/{tuned}/teardown", 422, json={"confirm": "wrong"})["errors"]
    ask("POST", f"/models/{tuned}/teardown", 202, json={"confirm": plan["model"]["name"]})
    turn(app_context, engine)
    assert ask("GET", f"/models/{tuned}")["status"] == "deleted"
    assert ask("GET", "/deployments")["items"] == []
    assert ask("GET", "/deployments", params={"include_deleted": True})["items"][0]["status"] == "deleted"


def test_code_shown_as_curl_makes_the_same_job(ask: Described, app_context: TestHouse) -> None:
    body = app_context.fields(seed=5, hyperparameters={"n_epochs": 2})
    job = ask("POST", "/jobs", 201, json=body, headers=key("one"))
    shown = ask("GET", f"/jobs/{job['id']}/code", params={"target": "curl"}).decode()
    sent = json.loads(shown.split("-d '")[1].rsplit("'", 1)[0])
    assert ask("POST", "/jobs", 201, json=sent, headers=key("two"))["spec"] == job["spec"]
