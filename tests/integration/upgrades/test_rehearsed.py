"""A data folder that an earlier server left in the middle of everything opens with the present code, whole."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.azure.cloud import AzureCloud
from tests.support.azure.seed import SECRET
from tests.support.older import rehearsed
from tests.support.older.client import Client
from tests.support.older.contract import promises
from tests.support.older.documents import Documents, differences, documents
from tests.support.older.installation import stand_in
from tests.support.older.rehearsed import Furnished
from tests.support.older.release import ROOT

FOUND_IN_LINE = ("running", "queued", "submitted", "unknown")  # accepted by the provider before the upgrade
PAGE_OF_ITS_OWN = re.compile("/(projects|datasets|jobs|models|evaluations|deployments)/[^/]+")
PAGES = ("", "/jobs", "/datasets", "/models", "/evaluations", "/deployments", "/connections", "/settings/engine")


# What that document called optional, and that code refused to do without.
NEVER_KEPT = ("does without header idempotency-key", "does without query ids")


@dataclass
class Reopened:
    """What the present code says of the folder while nothing at the provider moves."""

    older: Furnished
    child: int  # the process of the training under way, as the earlier server left it
    halves: int  # half-written files, as it left them
    submits: list[str]  # for which jobs the provider had accepted a submit by then
    documents: Documents
    promises: set[str]
    pages: dict[str, int]
    halves_left: int
    child_now: int
    interpreter: Path


@pytest.fixture(scope="module")
def reopened(older: Furnished) -> Reopened:
    """Open the folder with the present code; the provider's day goes on as it was."""
    installation, files = older.installation, older.installation.data / "files"
    child, halves = installation.child(older.jobs["under-way"]), len(rehearsed.half_written(files))
    submits = [each["tag"] for each in installation.entries("submit")]
    trainer = ROOT / "tests" / "support" / "stand_in_trainer.py"
    interpreter = stand_in(installation.folder / "interpreter", trainer=trainer)
    with installation.start(ROOT, script=rehearsed.slow(older.jobs), interpreter=interpreter) as client:
        whole = documents(client)
        addresses = (
            *PAGES,
            *(path for path in whole if PAGE_OF_ITS_OWN.fullmatch(path)),
            f"/wizard/{older.draft}/data",
        )
        pages = {path: client.http.get(path, follow_redirects=True).status_code for path in addresses}
        found = Reopened(
            older=older,
            child=child,
            halves=halves,
            submits=submits,
            documents=whole,
            promises=promises(client.http.get("/openapi.json").json()),
            pages=pages,
            halves_left=len(rehearsed.half_written(files)),
            child_now=installation.child(older.jobs["under-way"]),
            interpreter=interpreter,
        )
        client.until(f"/jobs/{older.jobs['submitted']}", status="running")
        installation.kill()
    return found


@pytest.fixture(scope="module")
def upgraded(reopened: Reopened, cloud: AzureCloud) -> Iterator[Client]:
    """Open it once more, an hour later at the provider, which works quickly now."""
    installation = reopened.older.installation
    installation.an_hour_passes()
    with installation.start(
        ROOT, script=rehearsed.QUICK, interpreter=reopened.interpreter, environment=cloud.environment()
    ) as client:
        yield client


def job(older: Furnished, name: str) -> str:
    return f"/jobs/{older.jobs[name]}"


def test_everything_is_there_as_it_was(reopened: Reopened) -> None:
    older = reopened.older
    assert differences(older.documents, reopened.documents, rehearsed.changing(older)) == []
    assert older.documents.keys() == reopened.documents.keys()


def test_the_contract_keeps_what_it_promised(reopened: Reopened) -> None:
    assert len(reopened.older.promises) > 1000
    lost = reopened.older.promises - reopened.promises
    assert {line for line in lost if not line.endswith(NEVER_KEPT)} == set()


def test_every_page_of_it_opens(reopened: Reopened) -> None:
    assert len(reopened.pages) >= 25
    assert {path: code for path, code in reopened.pages.items() if code != 200} == {}


def test_what_came_by_half_is_removed(reopened: Reopened, upgraded: Client) -> None:
    assert (reopened.halves, reopened.halves_left) == (1, 0)
    assert "half" not in {each["name"] for each in upgraded.items("/datasets")}
    made = upgraded.upload("half", reopened.older.upload, reopened.older.project)
    assert upgraded.get(f"/datasets/{made}")["bytes"] == len(reopened.older.upload)


def test_the_training_under_way_ends_as_if_nothing_had_been(reopened: Reopened, upgraded: Client) -> None:
    older, under_way = reopened.older, reopened.older.jobs["under-way"]
    assert reopened.child_now == reopened.child
    rehearsed.steps(older.installation, under_way, rehearsed.STAND_IN_STEPS - rehearsed.REACHED - 2)
    ended = upgraded.until(job(older, "under-way"), status="succeeded")
    assert older.installation.starts(under_way) == 1
    assert [each["message"] for each in upgraded.items(f"{job(older, 'under-way')}/events")].count(
        "The backend accepted the job."
    ) == 1
    assert series(upgraded, older, "under-way") == {step: 1 / step for step in range(1, rehearsed.STAND_IN_STEPS + 1)}
    assert upgraded.ask("GET", f"/models/{ended['fine_tuned_model']}/download").content.startswith(b"PK")


def test_an_interrupted_training_goes_on_from_where_it_was(reopened: Reopened, upgraded: Client) -> None:
    older, interrupted = reopened.older, reopened.older.jobs["interrupted"]
    rehearsed.steps(older.installation, interrupted, rehearsed.STAND_IN_STEPS - rehearsed.REACHED)
    upgraded.until(job(older, "interrupted"), status="succeeded")
    assert older.installation.starts(interrupted) == 2
    assert series(upgraded, older, "interrupted") == {step: 1 / step for step in range(1, rehearsed.STAND_IN_STEPS + 1)}


def test_jobs_in_every_state_end_and_nothing_is_submitted_again(reopened: Reopened, upgraded: Client) -> None:
    older, jobs = reopened.older, reopened.older.jobs
    assert set(reopened.submits) == {
        jobs[name] for name in (*FOUND_IN_LINE, "succeeded", "queued", "cancelled", "cancelling")
    }
    remote = {each["tag"]: each["id"] for each in older.installation.entries("submit")}
    unknown = upgraded.get(job(older, "unknown"))
    assert unknown["status"] == "unknown"
    upgraded.post(f"{job(older, 'unknown')}/resolve", {"remote_id": remote[jobs["unknown"]]})
    for name in (*FOUND_IN_LINE, "preparing", "pending"):
        upgraded.until(job(older, name), status="succeeded")
    for name in ("cancelled", "cancelling"):
        upgraded.until(job(older, name), status="cancelled")
    for name in ("succeeded", "failed"):
        now, path = upgraded.get(job(older, name)), job(older, name)
        assert differences({path: older.documents[path]}, {path: now}, {}) == []
        assert now["billing"] == "free"
    tags = [each["tag"] for each in older.installation.entries("submit")]
    assert {name: tags.count(jobs[name]) for name in (*FOUND_IN_LINE, *rehearsed.STATUSES)} == {
        **dict.fromkeys((*FOUND_IN_LINE, *rehearsed.STATUSES), 1),
        "failed": 0,  # it was refused
    }
    assert sorted(series(upgraded, older, "running")) == list(range(1, rehearsed.STEPS + 1))


def test_the_deployments_answer(reopened: Reopened, upgraded: Client) -> None:
    older = reopened.older
    assert rehearsed.QUESTION in upgraded.says(older.served, rehearsed.QUESTION)
    assert upgraded.says(older.served_here, rehearsed.QUESTION) == "yes"
    for path in (f"/deployments/{older.served}", f"/deployments/{older.served_here}"):
        now = upgraded.until(path, status="ready")
        assert now["restarts"] == 0
        assert now["usage"]["requests"] == older.documents[path]["usage"]["requests"] + 1
    assert len(older.installation.entries("deploy")) == 1


def test_the_sealed_secret_signs_in(reopened: Reopened, upgraded: Client, cloud: AzureCloud) -> None:
    checks = {each["id"]: each for each in upgraded.post(f"/connections/{reopened.older.connection}/doctor")["checks"]}
    assert checks["sign_in"]["status"] == "pass", checks
    assert cloud.seed.app.app_id in checks["sign_in"]["detail"]
    assert SECRET.encode() not in (reopened.older.installation.data / "tunedesk.sqlite3").read_bytes()


def test_an_old_key_gives_the_old_answer(reopened: Reopened, upgraded: Client) -> None:
    older = reopened.older
    again = upgraded.ask("POST", "/jobs", json=older.body, headers={"idempotency-key": rehearsed.KEY})
    assert again.content == older.answer
    assert again.headers["idempotency-replayed"] == "true"
    other = upgraded.http.post(
        "/api/v1/jobs", json={**older.body, "name": "another"}, headers={"idempotency-key": rehearsed.KEY}
    )
    assert other.is_client_error


def test_the_draft_and_the_capsule_run(reopened: Reopened, upgraded: Client) -> None:
    older = reopened.older
    made = [
        upgraded.post(f"/drafts/{older.draft}/submit"),
        upgraded.post("/jobs/from-capsule", {"capsule": older.capsule, "project": older.project}),
    ]
    for each in made:
        upgraded.until(f"/jobs/{each['id']}", status="succeeded")
    capsule = upgraded.get(f"/jobs/{made[1]['id']}/capsule")
    assert {name: capsule[name] for name in ("recipe", "data")} == {
        name: older.capsule[name] for name in ("recipe", "data")
    }


def series(client: Client, older: Furnished, name: str) -> dict[int, float]:
    """Return a job's training loss by step; a step that came twice, or in another order, fails the test."""
    listed = client.items(f"{job(older, name)}/metrics", points=5000, name="train_loss")
    (found,) = listed
    assert found["steps"] == sorted(set(found["steps"]))
    return dict(zip(found["steps"], found["values"], strict=True))
