from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.app_context import MODEL, TestHouse
from tests.support.connections import REHEARSAL_ID
from tests.support.door import job_body, key

DRAFTS = "/api/v1/drafts"


@pytest.fixture
def draft(client: TestClient) -> dict[str, Any]:
    made: dict[str, Any] = client.post(DRAFTS).json()
    return made


def test_a_draft_begins_empty_and_carries_its_revision(client: TestClient, draft: dict[str, Any]) -> None:
    assert draft["values"] == {}
    got = client.get(f"{DRAFTS}/{draft['id']}")
    assert got.json() == draft
    assert got.headers["etag"] == f'"{draft["revision"]}"'


def test_an_answer_is_stored_right_or_wrong_and_reported(client: TestClient, draft: dict[str, Any]) -> None:
    answer = client.patch(f"{DRAFTS}/{draft['id']}/model", json={"base_model": "nonsense", "name": "Not A Name"})
    assert answer.status_code == 200
    assert answer.json()["values"] == {"base_model": "nonsense", "name": "Not A Name"}
    assert "/name" in {error["pointer"] for error in answer.json()["errors"]}
    assert all(error["message"] and error["fix"] for error in answer.json()["errors"])
    assert client.get(f"{DRAFTS}/{draft['id']}").json()["values"]["name"] == "Not A Name"


def test_a_change_on_an_old_revision_is_refused(client: TestClient, draft: dict[str, Any]) -> None:
    path = f"{DRAFTS}/{draft['id']}/model"
    etag = client.get(f"{DRAFTS}/{draft['id']}").headers["etag"]
    first = client.patch(path, json={"name": "one"}, headers={"if-match": etag})
    assert first.status_code == 200
    assert first.headers["etag"] != etag
    stale = client.patch(path, json={"name": "two"}, headers={"if-match": etag})
    assert stale.status_code == 412
    assert stale.json()["fix"]
    fresh = client.patch(path, json={"name": "two"}, headers={"if-match": first.headers["etag"]})
    assert fresh.json()["values"]["name"] == "two"
    assert client.patch(path, json={"name": "three"}, headers={"if-match": "*"}).status_code == 200
    for nonsense in ("1", '"x"', '"' + "9" * 40 + '"', "W/nothing"):
        assert client.patch(path, json={"name": "four"}, headers={"if-match": nonsense}).status_code == 412


def test_a_step_takes_its_own_fields_only(client: TestClient, draft: dict[str, Any]) -> None:
    refused = client.patch(f"{DRAFTS}/{draft['id']}/model", json={"training_dataset": "ds_1"})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/training_dataset"
    assert client.patch(f"{DRAFTS}/{draft['id']}/nonsense", json={}).status_code == 404


def test_step_by_step_to_a_job(client: TestClient, app_context: TestHouse, draft: dict[str, Any]) -> None:
    here = f"{DRAFTS}/{draft['id']}"
    missing = client.get(f"{here}/review").json()
    assert not missing["complete"]
    assert missing["blockers"]
    refused = client.post(f"{here}/submit", headers=key("early"))
    assert refused.status_code == 422
    assert len(refused.json()["errors"]) >= 3
    whole = job_body(app_context)
    steps = {
        "project": {"project": whole["project"], "connection": REHEARSAL_ID},
        "model": {"base_model": MODEL, "name": "tuned"},
        "data": {"training_dataset": whole["training_dataset"]},
        "validation": {"validation": whole["validation"]},
        "hyperparameters": {"hyperparameters": {}, "seed": 3},
    }
    for step, fields in steps.items():
        assert client.patch(f"{here}/{step}", json=fields).json()["errors"] == []
    review = client.get(f"{here}/review").json()
    assert review["complete"], review
    assert review["estimate"]["cost"] is None
    assert "curl" in client.get(f"{here}/code").text
    first = client.post(f"{here}/submit", headers=key("a"))
    second = client.post(f"{here}/submit", headers=key("b"))
    assert first.status_code == second.status_code == 201
    assert first.json()["id"] == second.json()["id"]
    assert client.get(here).json()["job"] == first.json()["id"]
    assert client.patch(f"{here}/data", json={}).status_code == 409
    assert client.delete(here).status_code == 409


def test_a_draft_may_begin_full_and_be_forgotten(client: TestClient, app_context: TestHouse) -> None:
    made = client.post(DRAFTS, json=job_body(app_context))
    assert client.get(f"{DRAFTS}/{made.json()['id']}/review").json()["complete"]
    assert client.delete(f"{DRAFTS}/{made.json()['id']}").status_code == 204
    assert client.get(f"{DRAFTS}/{made.json()['id']}").status_code == 404
