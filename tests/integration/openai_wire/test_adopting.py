"""Jobs and files that others made over the wire, at OpenAI and at Azure, adopted into the record and followed."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.backends.openai_wire.training.jobs import Wire, WireTraining
from app.domain.adoption import Adopts
from app.domain.jobs import FineTuningJob, JobStatus
from app.domain.models import ModelStatus
from app.services import adopting, datasets, jobs, models
from tests.support.door import visiting
from tests.support.openai_plane.azure import AzureScript
from tests.support.openai_plane.azure_bench import azure_house
from tests.support.openai_plane.house import WireHouse, openai_house
from tests.support.openai_plane.script import Script
from tests.support.rehearsed import rows_file

AT_AZURE = {"trainingType": "GlobalStandard"}


@pytest.fixture(params=["openai", "azure"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WireHouse]:
    """A house that is connected to one of both."""
    build: Callable[[], object] = {
        "openai": lambda: openai_house(tmp_path, Script()),
        "azure": lambda: azure_house(tmp_path, AzureScript()),
    }[request.param]
    with ExitStack() as stack:
        yield stack.enter_context(build())  # type: ignore[arg-type]


def made_elsewhere(house: WireHouse, name: str = "their rows.jsonl") -> str:
    """Train on the account as another program does; return the provider's id of the job."""
    rows = house.folder / "theirs.jsonl"
    rows.write_bytes(rows_file(30))
    wire = wire_of(house)
    file = str(wire.plane.send_file("files", rows, name=name, purpose="fine-tune")["id"])
    house.tick(every=120)  # Azure takes files in slowly
    method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}}
    body = {"model": house.base_model, "training_file": file, "method": method, "seed": 7, "suffix": "theirs"}
    further = {} if house.kind.profile.id == "openai" else AT_AZURE
    return str(wire.plane.create("fine_tuning/jobs", body | further)["id"])


def wire_of(house: WireHouse) -> Wire:
    backend = house.app_context.backends.of(house.connection)
    assert isinstance(backend, WireTraining)
    return backend.wire


def adopted(house: WireHouse, remote: str) -> FineTuningJob:
    project = house.project(f"P {remote}")
    with house.open() as scope:
        return adopting.adopt_job(scope, house.connection.id, remote, project)


def test_a_job_of_another_program_is_followed_and_left_alone(house: WireHouse) -> None:
    remote = made_elsewhere(house)
    with house.open() as scope:
        seen = adopting.report(scope, house.connection.id)
    assert [(each.id, each.job.name, each.tag) for each in seen.jobs] == [(remote, "theirs", "")]
    assert [each.name for each in seen.files] == ["their rows.jsonl"]
    job = adopted(house, remote)
    assert (job.spec.name, job.spec.base_model, job.spec.seed) == ("theirs", house.base_model, 7)
    created = len(house.plane.requests)
    over = house.until(job.id)
    assert (over.status, over.adopted, len(house.plane.requests)) == (JobStatus.SUCCEEDED, True, created)
    with house.open() as scope:
        assert jobs.metrics(scope, over)
        assert datasets.get(scope, over.spec.training_dataset).rows == len(rows_file(30).splitlines())
        model = models.get(scope, str(over.fine_tuned_model))
        assert not adopting.report(scope, house.connection.id).jobs
        models.teardown(scope, model.id, model.name)
    until_gone(house, model.id)
    assert remote in house.plane.jobs
    assert not house.plane.deleted_models
    assert len(house.plane.files) >= 1


def test_its_model_goes_there_too_once_its_name_there_is_typed(house: WireHouse) -> None:
    over = house.until(adopted(house, made_elsewhere(house)).id)
    with house.open() as scope:
        model = models.get(scope, str(over.fine_tuned_model))
        models.teardown(scope, model.id, model.remote_id)
    until_gone(house, model.id)
    assert house.plane.deleted_models == {model.remote_id} or over.remote_id not in house.plane.jobs
    assert house.plane.files, "the file has a name of its own"


def until_gone(house: WireHouse, model: str) -> None:
    for _ in range(60):
        with house.open() as scope:
            if models.get(scope, model).status is ModelStatus.DELETED:
                return
        house.tick()
        house.engine.tasks.wait()
    raise AssertionError("it was never torn down")


def test_what_we_made_is_known_by_its_mark_also_without_metadata(house: WireHouse) -> None:
    job = house.until(house.job().id)
    for each in house.plane.jobs.values():
        each.body.pop("metadata", None)
    with house.open() as scope:
        seen = adopting.report(scope, house.connection.id)
        assert (list(seen.jobs), list(seen.files)) == ([], [])
        with scope.ask(house.connection.id, Adopts) as backend:
            assert backend.account_job(str(job.remote_id)).tag == job.id


def test_a_deleted_file_is_named_and_the_pages_and_rest_say_the_same(tmp_path: Path) -> None:
    with openai_house(tmp_path, Script()) as house:
        remote = made_elsewhere(house, "<b>hostile</b>.jsonl")
        other = made_elsewhere(house)
        here, rows = f"/connections/{house.connection.id}", house.upload(rows_file(30), "the same").id
        project = house.project("Theirs")
        with visiting(house.scopes) as client:
            listed = client.get(f"{here}/account")
            assert "&lt;b&gt;hostile" in listed.text
            assert "<b>hostile" not in listed.text
            form = client.get(f"{here}/account/adopt?kind=job&remote={remote}&label=x")
            assert form.status_code == 200
            shown = client.get(f"/api/v1{here}/account").json()
            assert {each["id"] for each in shown["jobs"]} == {remote, other}
            wire_of(house).plane.delete(f"files/{shown['jobs'][-1]['training_file']}")
            asked = {"remote": remote, "project": project}
            refused = client.post(f"{here}/account/jobs", data=asked)
            assert (refused.status_code, "Choose the dataset" in refused.text) == (422, True)
            again = client.post(f"/api/v1{here}/account/jobs", json={"job": remote, "project": project})
            assert again.json()["errors"][0]["pointer"] == "/training_dataset"
            done = client.post(f"{here}/account/jobs", data={**asked, "training_dataset": rows})
            page = client.get(done.headers["location"])
            assert "adopted" in page.text
            assert "/cancel" not in page.text
            job = client.post(f"/api/v1{here}/account/jobs", json={"job": other, "project": project}).json()
            assert (job["adopted"], job["remote_id"], job["status"]) == (True, other, "queued")
            file = client.get(f"/api/v1{here}/account").json()["adopted"][0]
            assert (
                file["name"]
                in client.get(f"{here}/account/remove?remote={file['remote_id']}&label={file['name']}").text
            )
            wrong = client.post(f"{here}/account/remove", data={"remote": file["remote_id"], "confirm": "no"})
            assert wrong.status_code == 422
            house.until(job["id"])
            body = {"file": file["remote_id"], "confirm": file["name"]}
            gone = client.post(f"/api/v1{here}/account/files/removal", json=body)
            assert "rows stay here" in gone.json()["outcome"]
            cancelled = client.post(f"/api/v1/jobs/{job['id']}/cancel")
            assert (cancelled.status_code, "made elsewhere" in cancelled.json()["detail"]) == (409, True)
