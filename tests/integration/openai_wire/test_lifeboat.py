"""A lifeboat brings home what was trained at a provider, goes on after every death, and is compared with afterwards."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.domain.errors import Conflict
from app.domain.jobs import JobStatus
from app.domain.lifeboats import LifeboatStatus, RescuedJob, RescueStage
from app.services import datasets, lifeboats, projects
from tests.support.app_context import MODEL
from tests.support.connections import REHEARSAL_ID
from tests.support.door import visiting
from tests.support.openai_plane.house import WireHouse, openai_house
from tests.support.openai_plane.script import Script, Wrong
from tests.support.rehearsed import rows_file

ROWS = 3


def trained(house: WireHouse, *names: str) -> None:
    """Train some models at the plane, as somebody else might have."""
    for name in names:
        held_out = house.upload(rows_file(12), "held out").id
        job = house.job(name, validation={"kind": "dataset", "dataset": held_out})
        assert house.until(job.id).status is JobStatus.SUCCEEDED


def project(house: WireHouse) -> str:
    with house.open() as scope:
        return projects.create(scope, "Rescued").id


def begin(house: WireHouse, into: str, rows: int = ROWS) -> str:
    with house.open() as scope:
        return lifeboats.begin(scope, house.connection.id, into, rows).id


def is_over(house: WireHouse, boat: str) -> bool:
    with house.open() as scope:
        return lifeboats.get(scope, boat).lifeboat.status is LifeboatStatus.DONE


def sail(house: WireHouse, boat: str, limit: int = 300) -> list[RescuedJob]:
    for _ in range(limit):
        if is_over(house, boat):
            break
        house.tick(every=2.0)
        house.engine.tasks.wait()
    with house.open() as scope:
        assert lifeboats.get(scope, boat).lifeboat.status is LifeboatStatus.DONE, lifeboats.get(scope, boat)
        return list(lifeboats.rescued_jobs(scope, boat).items)


def test_everything_comes_home_and_is_trained_again(tmp_path: Path) -> None:
    with openai_house(tmp_path, Script(page_cap=1)) as house:
        trained(house, "first", "second")
        into = project(house)
        with house.open() as scope:
            seen = lifeboats.foresee(scope, house.connection.id, ROWS)
        assert (seen.jobs, seen.models, seen.answers, seen.more) == (1, 1, ROWS, True)
        boat = begin(house, into)
        assert begin(house, into) == boat, "one at a time at a connection"
        found = sail(house, boat)
        assert [each.job.name for each in found] == ["second", "first"]
        for each in found:
            assert (each.stage, each.notes) == (RescueStage.DONE, ())
            assert {point.name for point in each.curves} >= {"train_loss"}
            assert [answer.line for answer in each.answers] == [1, 2, 3]
            assert all(answer.answer and answer.expected for answer in each.answers)
        with house.open() as scope:
            rows = datasets.get(scope, str(found[0].training_dataset))
            again = lifeboats.train_again(scope, found[0].id).values
        assert (rows.is_ready, rows.rows, rows.project) == (True, len(rows_file().splitlines()), into)
        assert (again["training_dataset"], again["name"]) == (rows.id, "second")
        assert again["validation"] == {"kind": "dataset", "dataset": found[0].validation_dataset}
        removed = [name for name, _ in house.plane.bodies if "delete" in name.lower()]
        assert removed == [], "nothing there is removed"


def test_it_goes_on_after_any_death_and_fetches_nothing_twice(tmp_path: Path) -> None:
    with openai_house(tmp_path, Script()) as house:
        trained(house, "only")
        boat = begin(house, project(house))
        for _ in range(60):
            if is_over(house, boat):
                break
            house.tick(every=2.0)
            house.engine.tasks.wait()
            house.restart()  # what was fetched and not written down is fetched again
            house.tick(every=2.0)
            house.engine.tasks.wait()
            house.tick(every=2.0)
        (found,) = sail(house, boat)
        assert (found.stage, len(found.answers)) == (RescueStage.DONE, ROWS)
        with house.open() as scope:
            kept = datasets.list_datasets(scope, project=scope_project(house, boat)).items
        assert len(kept) == 2


def scope_project(house: WireHouse, boat: str) -> str | None:
    with house.open() as scope:
        return lifeboats.get(scope, boat).lifeboat.project


def test_what_is_gone_is_said_and_stops_nothing(tmp_path: Path) -> None:
    limited = Wrong(call="GET /fine_tuning/jobs", kind="429", times=2, headers={"retry-after": "5"})
    with openai_house(tmp_path, Script()) as house:
        trained(house, "only")
        (job,) = house.plane.jobs.values()
        del house.plane.files[job.body["training_file"]]
        house.plane.deleted_models.add(job.model())
        house.plane.script = replace(house.plane.script, wrongs=[limited])
        (found,) = sail(house, begin(house, project(house)))
        assert found.training_dataset is None
        assert [note.partition(":")[0] for note in found.notes] == [
            f"The training file {job.body['training_file']} could not be had",
            "The model does not answer any more",
        ]
        assert found.answers == ()
        with house.open() as scope, pytest.raises(Conflict, match="rows of this job are not here"):
            lifeboats.train_again(scope, found.id)


def test_by_rest_and_by_page(tmp_path: Path) -> None:
    with openai_house(tmp_path, Script()) as house, visiting(house.scopes) as client:
        trained(house, "only")
        address, into = f"/connections/{house.connection.id}/lifeboats", project(house)
        assert "One job was found" in client.get(address).text
        assert "Bring home" in client.get(f"/connections/{house.connection.id}").text
        refused = client.post(address, data={"project": into, "rows": "many"})
        assert refused.status_code == 422
        begun = client.post(address, data={"project": into, "rows": str(ROWS)})
        assert begun.status_code == 303
        boat = begun.headers["location"].rpartition("/")[2]
        (found,) = sail(house, boat)
        shown = client.get(f"/api/v1/lifeboats/{boat}").json()
        assert (shown["found"], shown["home"], shown["lifeboat"]["status"]) == (1, 1, "done")
        assert "1 of 1 jobs are home" in client.get(f"/lifeboats/{boat}").text
        listed = client.get(f"/api/v1/lifeboats/{boat}/jobs").json()["items"]
        assert [each["id"] for each in listed] == [found.id]
        assert "Train again" in client.get(f"/rescued-jobs/{found.id}").text
        draft = client.post(f"/rescued-jobs/{found.id}/draft")
        assert draft.headers["location"].startswith("/wizard/dft_")
        made = client.post("/api/v1/evaluations", json=evaluation(found), headers={"idempotency-key": "e"})
        assert made.status_code == 201, made.text
        identifier = made.json()["id"]
        for _ in range(60):
            house.tick(every=5.0)
            if client.get(f"/api/v1/evaluations/{identifier}").json()["status"] == "succeeded":
                break
        compared = client.get(f"/api/v1/rescued-jobs/{found.id}/comparison", params={"evaluation": identifier}).json()
        assert [each["line"] for each in compared["rows"]] == [1, 2, 3]
        assert (
            "the model at the provider answered" in client.get(f"/rescued-jobs/{found.id}?evaluation={identifier}").text
        )
        other = client.post("/api/v1/lifeboats", json={"connection": REHEARSAL_ID, "project": into})
        assert other.status_code == 409


def evaluation(found: RescuedJob) -> dict[str, Any]:
    target = {"connection": REHEARSAL_ID, "base_model": MODEL}
    return {"target": target, "dataset": found.validation_dataset}
