from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from app.services import projects
from tests.support.app_context import TestHouse

COUNT = 23


@pytest.fixture
def full(app_context: TestHouse) -> TestHouse:
    """A house with many projects, some made in the same instant."""
    for number in range(COUNT):
        with app_context.open() as scope:
            projects.create(scope, f"Project {number}")
        if number % 3 == 0:
            app_context.clock.turn(timedelta(microseconds=1))
    return app_context


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limit=st.integers(1, 200))
def test_pages_give_everything_once_whatever_their_size(client: TestClient, full: TestHouse, limit: int) -> None:
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        answer = client.get("/api/v1/projects", params=params).json()
        assert set(answer) == {"items", "next"}
        assert len(answer["items"]) <= limit
        seen += [item["id"] for item in answer["items"]]
        cursor = answer["next"]
        if cursor is None:
            break
    whole = client.get("/api/v1/projects", params={"limit": "200"}).json()
    assert seen == [item["id"] for item in whole["items"]]
    assert len(seen) == len(set(seen)) == COUNT


def test_what_is_made_meanwhile_moves_no_page(client: TestClient, full: TestHouse) -> None:
    first = client.get("/api/v1/projects", params={"limit": "10"}).json()
    full.clock.turn(timedelta(seconds=1))
    client.post("/api/v1/projects", json={"name": "newer"})
    second = client.get("/api/v1/projects", params={"limit": "10", "cursor": first["next"]}).json()
    ids = [item["id"] for page in (first, second) for item in page["items"]]
    assert len(set(ids)) == 20


@pytest.mark.parametrize("cursor", ["x", "e30", "bnVsbA", "WzFd", "WyJhIiwiYiJd", "A" * 400, "W10", "____"])
@pytest.mark.parametrize("noun", ["projects", "datasets", "drafts", "jobs", "models", "evaluations", "deployments"])
def test_a_cursor_that_is_none_of_ours(client: TestClient, noun: str, cursor: str) -> None:
    refused = client.get(f"/api/v1/{noun}", params={"cursor": cursor})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "?cursor"


@pytest.mark.parametrize("limit", ["0", "-1", "201", "1e3", "x", "", "9" * 30, "1.5", "NaN"])
def test_a_limit_out_of_range(client: TestClient, limit: str) -> None:
    refused = client.get("/api/v1/jobs", params={"limit": limit})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "?limit"
    assert refused.json()["detail"].endswith(".")
