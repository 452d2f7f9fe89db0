"""A run written down whole, brought back elsewhere, and refused with every reason at once where that cannot be."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from starlette.testclient import TestClient

from app.engine.engine import Engine
from app.services import jobs
from tests.support import handed_out
from tests.support.app_context import TestHouse, chats
from tests.support.door import key, turn, visiting

ROWS = chats(60, ("yes", "no"), "question number {n}, is it so?")


@dataclass
class DemoClient:
    """A house with its door open."""

    app_context: TestHouse
    client: TestClient

    def bring(self, capsule: Any, status: int = 201, **more: str) -> dict[str, Any]:  # noqa: ANN401
        request = {"capsule": capsule, "project": self.project, **more}
        answer = self.client.post("/api/v1/jobs/from-capsule", json=request, headers=key(f"k{id(request)}"))
        assert answer.status_code == status, answer.text
        return dict(answer.json())

    @property
    def project(self) -> str:
        made = self.client.get("/api/v1/projects").json()["items"]
        return str(made[0]["id"] if made else self.app_context.project())

    def capsule(self, job: str) -> dict[str, Any]:
        return dict(self.client.get(f"/api/v1/jobs/{job}/capsule").json())

    def journal(self, job: str) -> list[str]:
        return [each["message"] for each in self.client.get(f"/api/v1/jobs/{job}/events").json()["items"]]


def opened(app_context: TestHouse) -> Iterator[DemoClient]:
    with visiting(app_context.scopes) as client:
        yield DemoClient(app_context, client)
    app_context.database.close()


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoClient]:
    """Where the run was made."""
    yield from opened(TestHouse(tmp_path_factory.mktemp("there")))


@pytest.fixture(scope="module")
def job(there: DemoClient) -> str:
    data = there.app_context.upload(ROWS, "rows").id
    with there.app_context.open() as scope:
        made = jobs.create(scope, there.app_context.fields(training_dataset=data, hyperparameters={"n_epochs": 2}))
    turn(there.app_context, Engine(there.app_context.scopes))
    return made.id


def test_it_says_nothing_of_where_it_was_written(there: DemoClient, job: str) -> None:
    text = there.client.get(f"/api/v1/jobs/{job}/capsule").content
    paths = [there.app_context.folder, Path.home(), Path.cwd()]
    assert handed_out.faults([("capsule", text)], paths=paths) == []


@pytest.fixture
def here(tmp_path: Path) -> Iterator[DemoClient]:
    """Another installation, empty."""
    yield from opened(TestHouse(tmp_path))


def problems(answer: dict[str, Any]) -> dict[str, str]:
    return {each["pointer"]: each["message"] for each in answer["errors"]}


def test_the_capsule_holds_the_whole_run(there: DemoClient, job: str) -> None:
    answer = there.client.get(f"/jobs/{job}/capsule")
    assert answer.headers["content-disposition"] == f'attachment; filename="{job}.capsule.json"'
    capsule, reported = answer.json(), there.client.get(f"/api/v1/jobs/{job}").json()
    assert (capsule["format"], capsule["version"], capsule["tunedesk"]) == ("tunedesk.capsule", 1, "test")
    assert capsule["job"]["id"] == job
    hashes = {part: rows["sha256"] for part, rows in capsule["data"].items()}
    for part, identifier in reported["parts"].items():
        assert hashes[part] == there.client.get(f"/api/v1/datasets/{identifier}").json()["sha256"]
    split = capsule["recipe"]["validation"]
    assert (split["seed"], split["strategy"], split["ratio"]) == (7, "random", 0.2)
    assert capsule["recipe"]["hyperparameters"] == {"n_epochs": 2}
    assert capsule["sent"]["n_epochs"] == 2
    assert set(capsule["outcome"]["evaluations"]) == {"base", "tuned"}
    assert capsule["outcome"]["evaluations"]["tuned"]["rows_sha256"] == hashes["test"]
    series = there.client.get(f"/api/v1/jobs/{job}/metrics?name=train_loss").json()["items"][0]
    assert capsule["outcome"]["final"]["train_loss"] == {"step": series["steps"][-1], "value": series["values"][-1]}
    assert capsule["price"] is None
    assert "question number" not in answer.text, "no row leaves with the capsule"


def test_a_run_again_takes_the_seed_that_was_taken(there: DemoClient, job: str) -> None:
    again = there.client.post(f"/api/v1/jobs/{job}/run-again", headers=key("again")).json()
    assert there.client.post(f"/api/v1/jobs/{job}/run-again", headers=key("again")).json() == again
    assert again["cloned_from"] == job
    assert again["spec"]["validation"]["seed"] == 7
    early = there.client.post(f"/api/v1/jobs/{again['id']}/run-again", headers=key("early"))
    assert early.status_code == 409
    turn(there.app_context, Engine(there.app_context.scopes))
    page = BeautifulSoup(there.client.get(f"/jobs/{again['id']}?tab=parameters").text, "html.parser")
    card = page.select_one("#capsule")
    assert card is not None
    assert "This run repeats" in card.text
    assert card.select_one(f'a[href="/jobs/compare?ids={job},{again["id"]}"]') is not None


def test_elsewhere_the_same_rows_make_the_same_job(there: DemoClient, here: DemoClient, job: str) -> None:
    capsule = there.capsule(job)
    refused = problems(here.bring(capsule, 422))
    assert list(refused) == ["/capsule/data/source"]
    assert f"the SHA-256 {capsule['data']['source']['sha256'][:12]}…" in refused["/capsule/data/source"]
    here.app_context.upload(ROWS, "under another name")
    made = here.bring(capsule)
    assert made["cloned_from"] is None
    assert made["spec"]["hyperparameters"] == capsule["recipe"]["hyperparameters"]
    assert any(line.startswith(f"Made from the capsule of job {job}") for line in here.journal(made["id"]))
    turn(here.app_context, Engine(here.app_context.scopes))
    again = here.capsule(made["id"])
    assert {part: rows["sha256"] for part, rows in again["data"].items()} == {
        part: rows["sha256"] for part, rows in capsule["data"].items()
    }


def test_the_parts_alone_will_do(there: DemoClient, here: DemoClient, job: str) -> None:
    capsule = there.capsule(job)
    for part, identifier in there.client.get(f"/api/v1/jobs/{job}").json()["parts"].items():
        here.app_context.upload(there.client.get(f"/api/v1/datasets/{identifier}/download").content, part)
    made = here.bring(capsule)
    assert made["spec"]["validation"]["kind"] == "dataset"
    turn(here.app_context, Engine(here.app_context.scopes))
    data = here.capsule(made["id"])["data"]
    assert {part: data[part]["sha256"] for part in ("training", "validation", "test")} == {
        part: capsule["data"][part]["sha256"] for part in ("training", "validation", "test")
    }


def test_a_split_that_deals_otherwise_is_reported(there: DemoClient, job: str) -> None:
    capsule = there.capsule(job)
    capsule["data"]["validation"]["sha256"] = "0" * 64
    assert "/capsule/data/validation" in problems(there.bring(capsule, 422))


def test_a_job_whose_rows_are_not_assigned_yet_can_be_brought_back(here: DemoClient) -> None:
    data = here.app_context.upload(ROWS, "rows").id
    with here.app_context.open() as scope:
        waiting = jobs.create(scope, here.app_context.fields(training_dataset=data)).id
    capsule = here.capsule(waiting)
    assert capsule["data"]["source"]["sha256"]
    assert capsule["data"]["training"] is None, "which rows those are is known once the split is made"
    again = here.bring(capsule)
    assert again["spec"]["training_dataset"] == data
    as_before = capsule["data"] | {"training": capsule["data"]["source"]}  # what 8b96ff6 wrote of such a job
    assert here.bring(capsule | {"data": as_before})["spec"]["training_dataset"] == data


def test_everything_that_is_missing_is_reported_at_once(there: DemoClient, here: DemoClient, job: str) -> None:
    capsule = there.capsule(job)
    capsule["recipe"]["base_model"] = "rehearsal:no-such-model"
    refused = here.bring(capsule, 422)
    assert {"/capsule/data/source", "/base_model"} <= set(problems(refused))
    capsule["backend"] = "azure_foundry"
    assert "/connection" in problems(here.bring(capsule, 422))


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"format": "mlflow"}, "/capsule/format"),
        ({"version": 99}, "/capsule/version"),
        ({"version": "1; drop"}, "/capsule/version"),
        ({"recipe": {"name": "x"}}, "/capsule/recipe"),
        ({"recipe": {"base_model": 3, "name": "x"}}, "/capsule/recipe/base_model"),
        ({"data": {}}, "/capsule/data"),
        (
            {"data": {"source": {"sha256": "<script>", "name": "x", "filename": "y", "bytes": 1}}},
            "/capsule/data/source",
        ),
        ({"job": None}, "/capsule/job"),
    ],
)
def test_what_is_no_capsule_is_refused_with_its_position(
    there: DemoClient, job: str, change: dict[str, Any], pointer: str
) -> None:
    refused = problems(there.bring({**there.capsule(job), **change}, 422))
    assert list(refused) == [pointer]


def test_the_form_tells_the_same_and_makes_the_job_once(there: DemoClient, job: str) -> None:
    address, text = "/jobs/from-capsule", there.client.get(f"/jobs/{job}/capsule").content

    def send(body: bytes, used: str) -> Any:  # noqa: ANN401
        given = {"project": there.project, "connection": "", "idempotency_key": used}
        return there.client.post(address, data=given, files={"file": ("run.capsule.json", body)})

    form = BeautifulSoup(there.client.get(address).text, "html.parser")
    assert form.select_one("input[type=file][name=file]") is not None
    first, second = send(text, "once"), send(text, "once")
    assert first.status_code == 303
    assert first.headers["location"] == second.headers["location"]
    assert first.headers["location"].startswith("/jobs/job_")
    for body, sentence in (
        (b"{", "not valid JSON"),
        (b"[1]", "not a capsule"),
        (b'{"a": 1, "a": 2}', "stands twice"),
        (json.dumps({"format": "tunedesk.capsule", "version": 1}).encode(), "damaged"),
        (b"", "not valid JSON"),
    ):
        answer = send(body, f"other{len(body)}")
        assert answer.status_code in {400, 413, 422}, body[:20]
        errors = BeautifulSoup(answer.text, "html.parser").select_one("#errors")
        assert errors is not None, (body[:20], answer.text)
        assert sentence in errors.text
    assert send(b"x" * 2**20, "large").status_code == 413
