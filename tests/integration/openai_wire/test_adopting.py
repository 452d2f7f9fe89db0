"""Jobs and files that others made over the wire, at OpenAI and at Azure, adopted into the record and followed."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from app.backends.openai_wire.training.jobs import Wire, WireTraining
from app.domain.adoption import Adopts
from app.domain.jobs import FineTuningJob, JobStatus, Method
from app.domain.models import ModelStatus
from app.services import adopting, connections, datasets, jobs, models
from tests.integration.openai_wire.deploying import plane as azures
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


def test_every_page_of_jobs_and_files_is_listed(tmp_path: Path) -> None:
    with openai_house(tmp_path, Script(page_cap=3)) as house:
        first = made_elsewhere(house)
        (file,) = house.plane.files
        for _ in range(70):  # more than twenty pages of each
            house.plane.jobs[f"ftjob-{house.plane.number()}"] = replace(house.plane.jobs[first], at=house.plane.now())
            house.plane.files[f"file-{house.plane.number()}"] = house.plane.files[file]
        for identifier, job in house.plane.jobs.items():
            job.id = identifier
        with house.open() as scope:
            seen = adopting.report(scope, house.connection.id)
        assert (len(seen.jobs), len(seen.files), seen.cut) == (71, 71, False)
        assert seen.jobs[-1].id == first, "the newest stand first"


def test_what_is_at_a_projects_resource_is_listed_and_followed_too(tmp_path: Path) -> None:
    with azure_house(tmp_path, AzureScript(apart=True)) as house:
        remote = made_elsewhere(house)
        endpoint = f"{house.connection.settings['endpoint']}/api/projects/p"
        with house.open() as scope:
            moved = {**house.connection.settings, "endpoint": endpoint}
            house.connection = connections.update(scope, house.connection.id, settings=moved)
        made_at_project = made_elsewhere(house, "rows of the project.jsonl")
        assert set(azures(house).homes.values()) == {True, False}
        with house.open() as scope:
            seen = adopting.report(scope, house.connection.id)
        assert [each.id for each in seen.jobs] == [made_at_project, remote]
        assert {each.name for each in seen.files} == {"their rows.jsonl", "rows of the project.jsonl"}
        over = house.until(adopted(house, remote).id)
        assert over.status is JobStatus.SUCCEEDED
        with house.open() as scope:
            file = next(each for each in adopting.report(scope, house.connection.id).adopted)
            adopting.remove_file(scope, house.connection.id, file.remote_id, file.name)
        assert file.remote_id not in house.plane.files


def test_a_reinforcement_job_is_adopted_under_its_providers_word_and_only_read(house: WireHouse) -> None:
    rows = house.folder / "prompts.jsonl"
    row = {"messages": [{"role": "user", "content": "2 + 2?"}], "reference_answer": "4"}
    rows.write_text("".join(json.dumps(row) + "\n" for _ in range(12)), encoding="utf-8")
    wire = wire_of(house)
    file = str(wire.plane.send_file("files", rows, name="prompts.jsonl", purpose="fine-tune")["id"])
    house.tick(every=120)
    grader = {"type": "string_check", "name": "exact", "operation": "eq", "input": "{{sample.output_text}}"}
    method = {"type": "reinforcement", "reinforcement": {"grader": grader, "hyperparameters": {"n_epochs": 1}}}
    further = {} if house.kind.profile.id == "openai" else AT_AZURE
    asked = {"model": house.base_model, "training_file": file, "method": method, "suffix": "theirs"}
    remote = str(wire.plane.create("fine_tuning/jobs", asked | further)["id"])
    own = house.upload(rows_file(30), "rows of any kind").id
    project = house.project("Theirs")
    with house.open() as scope:
        job = adopting.adopt_job(scope, house.connection.id, remote, project, training_dataset=own)
    assert (job.spec.method, job.spec.method_name) == (Method.OTHER, "reinforcement")
    over = house.until(job.id)
    assert over.status is JobStatus.SUCCEEDED
    with visiting(house.scopes) as client:
        page = client.get(f"/jobs/{job.id}").text
        assert "reinforcement" in page
        assert not any(f"/jobs/{job.id}/{verb}" in page for verb in ("clone", "retry", "run-again", "cancel"))
        assert "trained by reinforcement where it was made" in client.get(f"/jobs/{job.id}?tab=code").text
        seen = client.get(f"/api/v1/jobs/{job.id}").json()["spec"]
        assert (seen["method"], seen["options"]) == ("other", {"provider_method": "reinforcement"})
        again = client.post(f"/api/v1/jobs/{job.id}/retry", headers={"idempotency-key": "again"})
        assert again.status_code == 422
        listed = client.get("/v1/fine_tuning/jobs", headers={"authorization": "Bearer any"}).json()["data"]
        assert [("method" in each, each["status"]) for each in listed] == [(False, "succeeded")]
    assert len(house.plane.requests) == 1


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
            waiting = client.get(f"{here}/account")
            assert ("Reading the account" in waiting.text, remote in waiting.text) == (True, False), "it comes at once"
            assert f'hx-get="{here}/account?now=yes"' in waiting.text
            listed = client.get(f"{here}/account?now=yes")
            assert "None matches." in client.get(f"{here}/account?now=yes&q=nothing-like-it").text
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
