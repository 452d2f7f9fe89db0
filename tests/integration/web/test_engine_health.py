"""How the engine is, on its page and over REST: what is due, held and tried again, and another try at once."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.backends.rehearsal import Fault, FaultKind
from app.domain.jobs import JobStatus
from app.engine.engine import Engine
from app.services import deployments, models
from tests.support.door import visiting
from tests.support.rehearsed import Rehearsed

DOWN = Fault(call="observe", kind=FaultKind.UNAVAILABLE, times=4)
REFUSED = Fault(call="discard_model", kind=FaultKind.UNAVAILABLE, times=1)
OVERLOADED = Fault(call="deploy", kind=FaultKind.RATE_LIMITED, times=None, seconds=60)


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Rehearsed]:
    """Give a house whose provider does not answer looks for a while, and deploys nothing."""
    made = Rehearsed(tmp_path, DOWN, OVERLOADED, REFUSED, train_s=100.0)
    yield made
    made.close()


@pytest.fixture
def visitor(installation: Rehearsed) -> Iterator[TestClient]:
    """Give somebody at this machine who asks for pages and for REST."""
    with visiting(installation.scopes) as client:
        yield client


def test_an_engine_with_nothing_to_do_says_so(visitor: TestClient) -> None:
    reported = visitor.get("/api/v1/engine").json()
    assert (reported["last_tick_s"], reported["overdue_s"], reported["held"], reported["retrying"]) == (
        None,
        0.0,
        [],
        [],
    )
    assert {level["table"]: level["open"] for level in reported["levels"]} == {
        "deployments": 0, "evaluations": 0, "jobs": 0, "datasets": 0, "models": 0,
        "connections": 0, "webhook_messages": 0, "lifeboats": 0,
    }  # fmt: skip
    page = visitor.get("/settings/engine").text
    assert "Nothing: every last attempt succeeded." in page
    assert "Nothing is held at the moment." in page


def test_what_is_tried_again_is_reported_with_its_reason_and_since_when(
    visitor: TestClient, installation: Rehearsed
) -> None:
    job = installation.job()
    installation.until(job.id, JobStatus.QUEUED)
    begun = installation.clock.now()
    installation.tick(4)
    (row,) = visitor.get("/api/v1/engine").json()["retrying"]
    assert (row["table"], row["id"], row["attempts"] > 0) == ("jobs", job.id, True)
    assert "unavailable" in row["note"]
    seen = installation.look(job.id)
    assert seen.failing_since is not None
    assert begun <= seen.failing_since <= installation.clock.now()
    assert "Try again now" in visitor.get(f"/jobs/{job.id}").text
    assert job.id in visitor.get("/settings/engine").text
    installation.until(job.id, JobStatus.RUNNING, JobStatus.SUCCEEDED)
    assert installation.look(job.id).failing_since is None
    assert visitor.get("/api/v1/engine").json()["retrying"] == []


def test_a_try_at_once_begins_the_backoff_anew(visitor: TestClient, installation: Rehearsed) -> None:
    with installation.open() as scope:
        served = deployments.create(scope, target={"base_model": "rehearsal:small", "connection": "con_rehearsal"}).id
    installation.tick(3)
    before = len([entry for entry in installation.backend.ledger.of(served) if entry.call == "deploy"])
    assert installation.tick(3) == 0, "the provider asked to wait a minute"
    answer = visitor.post("/settings/engine/look", data={"table": "deployments", "id": served})
    assert answer.headers["location"] == f"/deployments/{served}"
    assert installation.deployment(served).attempts == 0
    installation.tick(every=timedelta(0))
    assert len([entry for entry in installation.backend.ledger.of(served) if entry.call == "deploy"]) == before + 1
    assert visitor.post(f"/api/v1/engine/look/deployments/{served}").status_code == 202


def test_a_refused_teardown_says_why_and_can_be_tried_at_once(visitor: TestClient, installation: Rehearsed) -> None:
    job = installation.until(installation.job().id)
    with installation.open() as scope:
        model = models.get(scope, job.fine_tuned_model or "")
        models.teardown(scope, model.id, model.name)
    installation.tick()
    installation.engine.tasks.wait()
    installation.tick(2)
    for path in (f"/models/{model.id}/teardown", "/settings/engine"):
        page = visitor.get(path).text
        assert "Rehearsal: unavailable" in page
        assert "Try again now" in page
        assert f"/models/{model.id}" in page
    assert visitor.post(f"/api/v1/engine/look/models/{model.id}").status_code == 202
    looking = visitor.post("/settings/engine/look", data={"table": "models", "id": model.id}, follow_redirects=False)
    assert looking.headers["location"].startswith(f"/models/{model.id}")
    installation.tick()
    installation.engine.tasks.wait()
    installation.tick(2)
    assert "All removed." in visitor.get(f"/models/{model.id}/teardown").text


@pytest.mark.parametrize(
    ("path", "data", "status"),
    [
        ("/settings/engine/look", {"table": "jobs", "id": "job_none"}, 404),
        ("/settings/engine/look", {"table": "projects", "id": "prj_1"}, 404),
        ("/settings/engine/look", {}, 404),
        ("/settings/engine/clear", {"tag": "job_none"}, 404),
        ("/settings/engine/clear", {"tag": "../.."}, 404),
        ("/api/v1/engine/look/jobs/job_none", None, 404),
    ],
)
def test_a_request_for_what_is_not_there_is_refused(
    visitor: TestClient, path: str, data: dict[str, str] | None, status: int
) -> None:
    assert visitor.post(path, data=data).status_code == status


def test_what_is_over_is_not_tried_again(visitor: TestClient, installation: Rehearsed) -> None:
    job = installation.job()
    installation.until(job.id)
    answer = visitor.post(f"/api/v1/engine/look/jobs/{job.id}")
    assert (answer.status_code, answer.json()["fix"]) == (409, "Begin a new one.")


def test_leases_and_lateness_are_reported(visitor: TestClient, installation: Rehearsed) -> None:
    job = installation.job()
    installation.clock.turn(timedelta(seconds=90))
    assert visitor.get("/api/v1/engine").json()["overdue_s"] >= 90
    (claim,) = installation.engine.claim(10)
    (held,) = visitor.get("/api/v1/engine").json()["held"]
    assert (held["table"], held["id"]) == ("jobs", job.id)
    assert claim.id in visitor.get("/settings/engine").text


def test_counters_survive_the_process(visitor: TestClient, installation: Rehearsed) -> None:
    installation.job()
    installation.tick(3)
    installation.engine.claim(10)
    turns = visitor.get("/api/v1/engine").json()["counters"]["turns"]
    assert turns >= 3
    heir = Engine(installation.scopes)
    heir.take_over()
    heir.tick()
    heir.tasks.close()
    counted = visitor.get("/api/v1/engine").json()["counters"]
    assert (counted["taken_over"], counted["turns"] > turns) == (1, True)


def test_a_page_says_since_when_its_word_is_old(visitor: TestClient, installation: Rehearsed) -> None:
    job = installation.job()
    installation.until(job.id, JobStatus.RUNNING)
    for path in (f"/jobs/{job.id}", "/jobs"):
        assert "stale since" not in visitor.get(path).text
    seen = installation.look(job.id).observed_at
    assert seen is not None
    installation.clock.turn(timedelta(minutes=10))  # and nobody turns the engine
    for path in (f"/jobs/{job.id}", "/jobs"):
        page = visitor.get(path).text
        assert "stale since" in page
        assert f">{seen:%H:%M}</time>" in page
