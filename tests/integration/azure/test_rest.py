"""Serving at Azure by REST: options, safety, keys, the provider's own count, what was left behind."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.azure.certificates import Certificates
from tests.support.azure.house import AzureHouse
from tests.support.azure.served import MANAGED, served_cloud
from tests.support.clock import TurnedClock
from tests.support.door import client_of, key, rest_app
from tests.support.spending import ACCEPTED

API = "/api/v1"


@pytest.fixture
def app_context(azure_certificates: Certificates, tmp_path: Path) -> Iterator[AzureHouse]:
    with served_cloud(azure_certificates, tmp_path / "cloud", TurnedClock()) as served:
        made = AzureHouse(tmp_path / "house", served)
        yield made
        made.close()


@pytest.fixture
def client(app_context: AzureHouse) -> Iterator[TestClient]:
    with client_of(rest_app(app_context)) as made:
        yield made


def deployed(client: TestClient, body: dict[str, Any]) -> Any:  # noqa: ANN401 -- an answer
    return client.post(
        f"{API}/deployments", json={**body, **ACCEPTED}, headers=key(hashlib.sha256(repr(body).encode()).hexdigest())
    )


def test_options_are_reported_and_checked(app_context: AzureHouse, client: TestClient) -> None:
    serverless, managed = app_context.tuned("light"), app_context.tuned("heavy", base=MANAGED)
    reported = client.get(f"{API}/deployments/options", params={"model": serverless.id}).json()
    assert reported["options"] == []
    assert "reaches whoever asks" in reported["content_safety"]
    reported = client.get(f"{API}/deployments/options", params={"model": managed.id}).json()
    assert [each["name"] for each in reported["options"]] == ["instance_type", "instance_count"]
    assert reported["content_safety"] is None
    wrong = deployed(client, {"target": {"model": managed.id}, "options": {"instance_count": 99, "colour": "red"}})
    assert wrong.status_code == 422
    assert {each["pointer"] for each in wrong.json()["errors"]} == {"/options/instance_count", "/options/colour"}
    made = deployed(client, {"target": {"model": managed.id}, "options": {"instance_count": 2}}).json()
    assert made["options"] == {"instance_type": "Standard_NC24ads_A100_v4", "instance_count": 2}


def test_safety_ends_keys_and_counts(app_context: AzureHouse, client: TestClient) -> None:
    model = app_context.tuned()
    ends = (app_context.clock.now() + timedelta(hours=2)).isoformat()
    body = {"target": {"model": model.id}, "content_safety": False, "expires_at": ends, "expires_after_idle_s": 0}
    made = deployed(client, body).json()
    assert (made["content_safety"], made["expires_at"] is not None) == (False, True)
    address = f"{API}/deployments/{made['id']}"
    assert client.post(f"{address}/key").status_code == 409, "it is not ready"
    app_context.until(lambda: client.get(address).json()["status"] == "ready")
    endpoint = next(iter(app_context.served.project.serverless.values()))
    assert endpoint.properties["contentSafety"] == {"contentSafetyStatus": "Disabled"}
    shown = client.post(f"{address}/key")
    assert shown.json()["key"] == endpoint.keys["primaryKey"]
    assert shown.headers["cache-control"] == "no-store"
    assert endpoint.keys["primaryKey"] not in client.get(address).text + client.get(f"{address}/events").text
    question = {"messages": [{"role": "user", "content": "Hello"}]}
    assert client.post(f"{address}/chat", json=question).json()["choices"][0]["message"]["content"].endswith("Hello")
    assert "missing" in client.get(f"{address}/measured").json()


def test_a_refusal_of_the_filter_is_reported_and_counted(app_context: AzureHouse, client: TestClient) -> None:
    made = deployed(client, {"target": {"model": app_context.tuned().id}, "expires_after_idle_s": 0}).json()
    address = f"{API}/deployments/{made['id']}"
    app_context.until(lambda: client.get(address).json()["status"] == "ready")
    question = {"messages": [{"role": "user", "content": "a violence-probe"}]}
    answer = client.post(f"{address}/chat", json=question)
    assert answer.status_code == 424
    assert "content filter refused" in answer.json()["detail"]
    usage = client.get(address).json()["usage"]
    assert (usage["requests"], usage["refusals"], usage["errors"]) == (1, 1, 0)
    refused = client.delete(f"{API}/models/{made['target']['model']}")
    assert refused.status_code == 409
    assert "deployment triage, then model triage" in refused.json()["fix"]


def test_openais_clients_get_the_endpoints_refusals_in_their_own_shape(
    app_context: AzureHouse, client: TestClient
) -> None:
    made = deployed(client, {"target": {"model": app_context.tuned().id}, "expires_after_idle_s": 0}).json()
    address = f"{API}/deployments/{made['id']}"
    app_context.until(lambda: client.get(address).json()["status"] == "ready")
    shown = client.post(f"{address}/client-key").json()
    bearer = {"authorization": f"Bearer {shown['key']}"}

    def ask(path: str = "chat/completions", *, content: str = "Hello", **more: Any) -> Any:  # noqa: ANN401 -- an answer
        chat = {"messages": [{"role": "user", "content": content}]} if path.startswith("chat") else {}
        return client.post(f"{address}/v1/{path}", json={"model": shown["model"], **chat, **more}, headers=bearer)

    answer = ask(stop=["\n"], seed=3).json()
    assert answer["choices"][0]["message"]["content"] == "The tuned model heard: Hello"
    assert answer["usage"]["completion_tokens"] == 5
    function = {"type": "function", "function": {"name": "look_up"}}
    refusals = [
        (ask(content="a violence-probe"), 400, None, "content_filter"),
        (ask(tools=[function]), 400, "tools", "unsupported_value"),
        (ask("completions", prompt="Hello"), 400, None, "not_available"),
    ]
    for refused, status, param, code in refusals:
        error = refused.json()["error"]
        assert (refused.status_code, error["param"], error["code"]) == (status, param, code), error["message"]
        assert refused.headers["x-should-retry"] == "false"
    app_context.served.cloud.state.requests_per_minute = 0
    busy = ask()
    assert (busy.status_code, busy.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert 1 <= int(busy.headers["retry-after"]) <= 60


def test_what_was_left_behind_is_reported_and_removed(app_context: AzureHouse, client: TestClient) -> None:
    app_context.tuned()
    app_context.served.model("lost", tag="job-lost")
    address = f"{API}/connections/{app_context.connection.id}/orphans"
    reported = client.get(address).json()
    assert [(each["key"], each["removable"]) for each in reported["orphans"]] == [("model:lost:1", True)]
    assert {each["removable"] for each in reported["known"]} == {False}
    request = {"key": "model:lost:1", "confirm": "lost"}
    assert client.post(f"{address}/removal", json=request).status_code == 422
    assert client.post(f"{address}/removal", json={**request, "key": "model:triage:1"}).status_code == 409
    assert client.post(f"{address}/removal", json={**request, "key": "model:none:1"}).status_code == 404
    removed = client.post(f"{address}/removal", json={**request, "confirm": "lost:1"})
    assert removed.json() == {"outcome": "Deleted at Azure."}
    assert client.get(address).json()["orphans"] == []
