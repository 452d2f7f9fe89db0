from datetime import timedelta

import pytest
from starlette.responses import Response
from starlette.testclient import TestClient

from app.domain.errors import Conflict, KeyMissing, KeyReused
from app.http.idempotency import AlreadyAnswered, once
from app.services import projects
from app.services.scope import Scope
from app.store import idempotency as store
from tests.support.app_context import TestHouse
from tests.support.door import job_body, key

JOBS = "/api/v1/jobs"


def test_the_same_key_and_body_get_the_same_answer(client: TestClient, app_context: TestHouse) -> None:
    body = job_body(app_context)
    first = client.post(JOBS, json=body, headers=key("one"))
    again = client.post(JOBS, json=body, headers=key("one"))
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert len(client.get(JOBS).json()["items"]) == 1


def test_another_key_is_another_request(client: TestClient, app_context: TestHouse) -> None:
    body = job_body(app_context)
    answers = [client.post(JOBS, json=body, headers=key(text)).json()["id"] for text in ("one", "two")]
    assert answers[0] != answers[1]


def test_the_same_key_with_another_body_is_refused(client: TestClient, app_context: TestHouse) -> None:
    body = job_body(app_context)
    client.post(JOBS, json=body, headers=key("one"))
    refused = client.post(JOBS, json={**body, "name": "another"}, headers=key("one"))
    assert refused.status_code == 422
    assert refused.json()["type"] == "urn:tunedesk:problem:key-reused"
    assert refused.json()["fix"]


def test_the_same_key_for_another_thing_is_refused(client: TestClient, app_context: TestHouse) -> None:
    body = job_body(app_context)
    ids = [client.post(JOBS, json=body, headers=key(text)).json()["id"] for text in ("one", "two")]
    for job in ids:
        client.post(f"{JOBS}/{job}/cancel")
    app_context.clock.turn(timedelta(seconds=1))
    first = client.post(f"{JOBS}/{ids[0]}/retry", headers=key("r"))
    other = client.post(f"{JOBS}/{ids[1]}/retry", headers=key("r"))
    assert {first.status_code, other.status_code} <= {201, 409, 422}
    if first.status_code == 201:
        assert other.status_code == 422


@pytest.mark.parametrize(
    "path",
    [
        JOBS,
        f"{JOBS}/job_1/retry",
        f"{JOBS}/job_1/checkpoints/3/model",
        "/api/v1/drafts/dft_1/submit",
        "/api/v1/deployments",
        "/api/v1/evaluations",
    ],
)
def test_a_costly_request_needs_a_key(client: TestClient, path: str) -> None:
    for headers in ({}, key(""), key("x" * 201), key("with space")):
        refused = client.post(path, headers=headers)
        assert refused.status_code == 400, (path, headers)
        assert refused.json()["type"] == "urn:tunedesk:problem:key-missing"
        assert "Idempotency-Key" in refused.json()["fix"]


def test_a_failure_is_not_kept(client: TestClient, app_context: TestHouse) -> None:
    body = job_body(app_context)
    assert client.post(JOBS, json={**body, "project": "prj_none"}, headers=key("one")).status_code == 422
    assert client.post(JOBS, json=body, headers=key("one")).status_code == 201


def test_keys_are_kept_for_thirty_days(client: TestClient, app_context: TestHouse) -> None:
    body = job_body(app_context)
    first = client.post(JOBS, json=body, headers=key("one")).json()["id"]
    app_context.clock.turn(timedelta(days=29, hours=23))
    assert client.post(JOBS, json=body, headers=key("one")).json()["id"] == first
    app_context.clock.turn(timedelta(hours=2))
    assert client.post(JOBS, json=body, headers=key("one")).json()["id"] != first


def test_old_answers_are_forgotten(app_context: TestHouse, client: TestClient) -> None:
    client.post(JOBS, json=job_body(app_context), headers=key("one"))
    with app_context.open() as scope:
        assert store.forget(scope.write, before=app_context.clock.now()) == 0
        assert store.forget(scope.write, before=app_context.clock.now() + timedelta(seconds=1)) == 1


# ----------------------------------------------------------------------------------------- two at once, step by step
def making(scope: Scope, name: str) -> Response:
    made = projects.create(scope, name)
    return Response(made.id, 201)


def test_whoever_comes_second_takes_the_first_one_s_answer(app_context: TestHouse) -> None:
    """The second looks, finds nothing, begins to work; meanwhile the first one is done and commits."""
    request = once("POST /things", "k", b"same")
    answers = []

    def meanwhile(scope: Scope) -> Response:
        with app_context.open() as other:
            answers.append(request(other, lambda: making(other, "first")).body)
        return making(scope, "second")

    with pytest.raises(AlreadyAnswered) as reported, app_context.open() as scope:
        request(scope, lambda: meanwhile(scope))
    assert reported.value.response().body == answers[0]
    with app_context.open() as scope:
        assert [project.name for project in projects.list_projects(scope).items] == ["first"]


def test_a_second_one_that_fails_because_of_the_first_takes_its_answer(app_context: TestHouse) -> None:
    request = once("POST /things", "k", b"same")

    def meanwhile(_scope: Scope) -> Response:
        with app_context.open() as other:
            request(other, lambda: making(other, "first"))
        raise Conflict("It is there already.")

    with pytest.raises(AlreadyAnswered) as reported, app_context.open() as scope:
        request(scope, lambda: meanwhile(scope))
    assert reported.value.response().status_code == 201


def test_a_second_one_with_another_body_is_refused_even_then(app_context: TestHouse) -> None:
    def meanwhile(scope: Scope) -> Response:
        with app_context.open() as other:
            once("POST /things", "k", b"one")(other, lambda: making(other, "first"))
        return making(scope, "second")

    with pytest.raises(KeyReused), app_context.open() as scope:
        once("POST /things", "k", b"another")(scope, lambda: meanwhile(scope))


def test_keys_of_another_route_do_not_meet(app_context: TestHouse) -> None:
    with app_context.open() as scope:
        once("POST /things", "k", b"x")(scope, lambda: making(scope, "one"))
    with app_context.open() as scope:
        assert once("POST /others", "k", b"x")(scope, lambda: making(scope, "two")).status_code == 201


@pytest.mark.parametrize("text", [None, "", " ", "a b", "ä", "x" * 201, "\n"])
def test_what_is_no_key(text: str | None) -> None:
    with pytest.raises(KeyMissing):
        once("POST /things", text, b"")
