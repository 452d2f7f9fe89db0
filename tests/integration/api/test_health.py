"""Health and figures: the beat for anybody, all else for whoever may read the engine."""

from datetime import timedelta

from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from app.engine.engine import Engine
from app.http.application import GuardedApp
from app.services import jobs
from tests.support.app_context import TestHouse
from tests.support.door import client_of


def test_the_beat_is_for_anybody_and_says_nothing_else(app: GuardedApp, engine: Engine) -> None:
    with client_of(app, peer=("10.0.0.7", 1)) as stranger:
        assert stranger.get("/healthz/live").json() == {"status": "ok"}
        starting = stranger.get("/healthz/ready")
        assert (starting.status_code, starting.json()) == (503, {"status": "starting"})
        for path in ("/healthz", "/healthz/deep", "/metrics"):
            assert stranger.get(path).status_code == 401


def test_deep_health_says_what_needs_somebody(client: TestClient) -> None:
    found = client.get("/healthz/deep")
    assert found.status_code == 503  # nothing turns the engine here
    assert found.json()["well"] is False
    assert found.json()["connections_paused"] == 0
    assert found.json()["disk_free_bytes"] > 0


def test_figures_are_what_prometheus_reads(client: TestClient, app_context: TestHouse, engine: Engine) -> None:
    with app_context.open() as scope:
        jobs.create(scope, app_context.fields())
    app_context.clock.turn(timedelta(seconds=9))
    client.get("/api/v1/jobs")
    client.get("/api/v1/jobs/job_none")
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    found = {each.name: each for each in text_string_to_metric_families(answer.text)}
    things = {(each.labels["noun"], each.labels["status"]): each.value for each in found["tunedesk_things"].samples}
    assert things["jobs", "pending"] == 1
    (overdue,) = found["tunedesk_engine_overdue_seconds"].samples
    assert overdue.value == 9
    counted = {
        (each.labels["route"], each.labels["status"]): each.value
        for each in found["tunedesk_http_request_seconds"].samples
        if each.name.endswith("_count")
    }
    assert counted["/api/v1/jobs", "200"] == 1
    assert counted["/api/v1/jobs/{identifier}", "404"] == 1
    assert not [route for route, _ in counted if "job_none" in route]
    assert "process_resident_memory_bytes" in found
