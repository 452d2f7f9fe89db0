"""Datasets, jobs, models, deployments and evaluations know each other; what is used cannot be deleted, and says why."""

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import event
from starlette.testclient import TestClient

from app.domain.datasets import Dataset
from app.domain.deployments import Deployment
from app.domain.evaluations import Evaluation
from app.domain.jobs import FineTuningJob
from app.store import jobs, usage
from app.store.database import Database
from tests.support.app_context import chats
from tests.support.billed import Continues, Made, house_of
from tests.support.door import visiting
from tests.support.older_database import brought_forward

API = "/api/v1"
SPLIT = {"kind": "split", "ratio": 0.2, "test_ratio": 0.2, "seed": 1}


@dataclass(frozen=True)
class Used:
    """An installation with a job on split rows, its model, a deployment, evaluations, and two more datasets."""

    client: TestClient
    job: FineTuningJob
    served: Deployment
    evaluated: list[Evaluation]
    held_out: Dataset
    unused: Dataset
    database: Database

    def soup(self, path: str) -> BeautifulSoup:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text[:2000]
        return BeautifulSoup(answer.text, "html.parser")

    def links(self, path: str, inside: str = "main") -> set[str]:
        part = self.soup(path).select_one(inside)
        assert part is not None
        return {str(each["href"]) for each in part.select("a[href]")}


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Used]:
    house = house_of(Continues, tmp_path_factory.mktemp("used"))
    job = house.until(house.job(validation=SPLIT).id)
    for _ in range(60):
        house.tick()
    held_out = house.upload(chats(30, ("yes", "no"), "held out {n}?"), "held out")
    unused = house.upload(chats(30, ("yes", "no"), "unused {n}?"), "unused")
    house.job("second", validation={"kind": "dataset", "dataset": held_out.id})
    served = Made(house, job).served(model=job.fine_tuned_model)
    with visiting(house.scopes) as client:
        yield Used(
            client, house.look(job.id), served, list(house.evaluations(job.id)), held_out, unused, house.database
        )
    house.close()


def test_a_dataset_links_to_all_that_rests_on_it(used: Used) -> None:
    dataset = used.job.spec.training_dataset
    expected = {
        f"/jobs/{used.job.id}",
        f"/models/{used.job.fine_tuned_model}",
        f"/deployments/{used.served.id}",
        *(f"/evaluations/{each.id}" for each in used.evaluated),
    }
    assert len(used.evaluated) == 2
    assert used.links(f"/datasets/{dataset}?tab=lineage", "#uses") >= expected
    text = used.soup(f"/datasets/{dataset}?tab=lineage").get_text(" ")
    assert "trained on it" in text
    assert used.job.parts is not None
    part = used.links(f"/datasets/{used.job.parts.test}?tab=lineage", "#uses")
    assert part >= {f"/jobs/{used.job.id}", *(f"/evaluations/{each.id}" for each in used.evaluated)}
    assert "validated with it" in used.soup(f"/datasets/{used.held_out.id}?tab=lineage").get_text(" ")
    assert "Nowhere yet." in used.soup(f"/datasets/{used.unused.id}?tab=lineage").get_text(" ")


def test_the_list_of_datasets_counts_its_users(used: Used) -> None:
    rows = {row.select_one("th a")["href"]: row.get_text(" ") for row in used.soup("/datasets").select("tbody tr")}  # type: ignore[index]
    assert "2 jobs, 2 evaluations" in rows[f"/datasets/{used.job.spec.training_dataset}"]
    assert "1 job" in rows[f"/datasets/{used.held_out.id}"]
    assert "job" not in rows[f"/datasets/{used.unused.id}"]


def test_uses_are_counted_without_a_look_at_every_job(used: Used) -> None:
    asked = [used.job.spec.training_dataset, used.held_out.id]
    with used.database.reading() as tx:
        said: list[tuple[str, object]] = []

        def note(_connection: object, _cursor: object, statement: str, values: object, *_: object) -> None:
            if statement != "BEGIN":
                said.append((statement, values))

        event.listen(tx, "before_cursor_execute", note)
        usage.counts(tx, asked)
        usage.users(tx, asked[0], limit=10)
        jobs.active(tx, used.job.spec.connection)
        jobs.followed(tx, used.job.spec.connection)
        driver = tx.connection.driver_connection
        assert driver is not None
        plans = [row[3] for each in said for row in driver.execute(f"EXPLAIN QUERY PLAN {each[0]}", each[1])]
    assert len(said) == 5
    assert "ix_jobs_connection_status" in str(plans)
    assert [each for each in plans if each.startswith(("SCAN jobs", "SCAN evaluations", "SCAN datasets"))] == []


def test_an_older_folder_learns_what_its_jobs_name(used: Used, tmp_path: Path) -> None:
    query = "SELECT dataset, job, project FROM job_datasets ORDER BY 1, 2"
    copy = tmp_path / "copy.sqlite3"
    with used.database.reading() as tx:
        before = tx.exec_driver_sql(query).all()
    brought_forward(used.database, copy, "0024")
    with contextlib.closing(sqlite3.connect(copy)) as newer:
        assert newer.execute(query).fetchall() == before
    parts = used.job.parts
    assert parts is not None
    named = {dataset for dataset, job, _project in before if job == used.job.id}
    assert named == {used.job.spec.training_dataset, parts.training, parts.validation, parts.test}


def test_by_rest_the_same(used: Used) -> None:
    found = used.client.get(f"{API}/datasets/{used.job.spec.training_dataset}/uses").json()
    assert found["counts"] == {"jobs": 2, "evaluations": 2}
    kinds = {each["id"]: (each["kind"], each["parts"], each["of"]) for each in found["uses"]}
    assert kinds[used.job.id] == ("job", ["training", "validation", "test"], None)
    assert kinds[used.job.fine_tuned_model] == ("model", [], used.job.id)
    assert kinds[used.served.id] == ("deployment", [], used.job.fine_tuned_model)
    assert kinds[used.evaluated[0].id] == ("evaluation", ["rows"], used.job.id)
    assert used.client.get(f"{API}/datasets/{used.unused.id}/uses").json()["uses"] == []


@pytest.mark.parametrize("which", ["training", "validation", "test"])
def test_what_is_used_cannot_be_deleted_and_says_by_what(used: Used, which: str) -> None:
    parts = used.job.parts
    assert parts is not None
    dataset = {"training": used.job.spec.training_dataset, "validation": used.held_out.id, "test": parts.test}[which]
    page = used.soup(f"/datasets/{dataset}")
    assert page.select_one(f'form[action="/datasets/{dataset}/delete"]') is None
    button = next(each for each in page.select("button") if each.get_text(strip=True) == "Delete")
    assert button.has_attr("disabled")
    reason = page.select_one(f"#{button['aria-describedby']}")
    assert reason is not None
    assert "so it cannot be deleted" in reason.text
    assert reason.select_one(f'a[href="/datasets/{dataset}?tab=lineage#uses"]') is not None
    refused = used.client.delete(f"{API}/datasets/{dataset}")
    assert refused.status_code == 409
    assert "is used by" in refused.json()["detail"]
    assert used.client.get(f"{API}/datasets/{dataset}").status_code == 200


def test_what_nothing_uses_can_be_deleted(used: Used) -> None:
    assert used.soup(f"/datasets/{used.unused.id}").select_one(f'form[action="/datasets/{used.unused.id}/delete"]')


def test_models_deployments_and_evaluations_link_to_each_other(used: Used) -> None:
    model, dataset = f"/models/{used.job.fine_tuned_model}", f"/datasets/{used.job.spec.training_dataset}"
    tuned = next(each for each in used.evaluated if each.target.is_tuned)
    deployment, evaluation, job = f"/deployments/{used.served.id}", f"/evaluations/{tuned.id}", f"/jobs/{used.job.id}"
    assert used.links("/models", "tbody") >= {model, dataset, deployment, evaluation}
    assert used.links(model) >= {job, deployment, evaluation, f"/datasets/{tuned.dataset}"}
    assert used.links("/deployments", "tbody") >= {deployment, model}
    assert used.links(deployment) >= {model, job, dataset, evaluation}
    assert used.links(evaluation) >= {model, f"{job}?tab=evaluation", f"/datasets/{tuned.dataset}"}
    assert used.links(job, "#timeline") >= {f"{job}?tab=data", model, f"{job}?tab=evaluation", deployment}


def test_a_project_and_a_connection_in_use_say_why_they_stay(used: Used) -> None:
    page = used.soup(f"/projects/{used.job.spec.project}").get_text(" ")
    assert "It cannot be deleted while it has 2 jobs, 1 model" in " ".join(page.split())


def test_a_refusal_leads_back_and_keeps_its_entry_of_the_rail(used: Used) -> None:
    address = f"/datasets/{used.job.spec.training_dataset}"
    came = {"referer": f"http://127.0.0.1:8000{address}?tab=rows"}
    refused = used.client.post(f"{address}/delete", headers=came)
    assert refused.status_code == 409
    page = BeautifulSoup(refused.text, "html.parser")
    assert page.select_one(f'main a[href="{address}?tab=rows"]') is not None
    assert page.select_one('.rail a[href="/datasets"][aria-current="page"]') is not None
    elsewhere = used.client.post(f"{address}/delete", headers={"referer": f"https://evil.example{address}"})
    assert "evil.example" not in elsewhere.text


def test_a_dataset_and_what_was_made_of_it_are_counted_for_themselves(used: Used) -> None:
    parts = used.job.parts
    assert parts is not None
    counted = used.soup(f"/datasets/{parts.validation}").select_one("#used")
    assert counted is not None
    assert "1 job" in counted.text
    assert "evaluation" not in counted.text, "the model was judged on the test rows"
