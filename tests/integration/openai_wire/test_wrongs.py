"""Every wrong of the list (`wrongs.py`) has a test; and here are those that no other file has."""

import ast
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import cast

import pytest

from app.backends.openai_wire.azure.backend import AzureOpenAIBackend
from app.backends.openai_wire.training.jobs import JOBS
from app.backends.openai_wire.transport.plane import Plane
from app.domain.backend import (
    BackendError,
    DeploymentRequest,
    NoCapacity,
    NotFound,
    OutcomeUnknown,
    Rejected,
    RemoteJob,
    Unavailable,
)
from app.domain.deployments import DeploymentStatus
from app.domain.jobs import JobReason, JobStatus
from app.services import deployments, pausing
from app.settings import ROOT
from tests.integration.openai_wire.deploying import deploy, plane, tuned, until
from tests.integration.openai_wire.wrongs import AZURE, OPENAI
from tests.support.clock import TurnedClock
from tests.support.openai_plane.azure import KEY as AZURE_KEY
from tests.support.openai_plane.azure import Deployed
from tests.support.openai_plane.bench import OUTGOING
from tests.support.openai_plane.house import WireHouse, openai_house
from tests.support.openai_plane.plane import KEY
from tests.support.openai_plane.plane import Plane as Emulated
from tests.support.openai_plane.script import Script, Wrong
from tests.support.openai_plane.server import serving
from tests.support.rehearsed import rows_file

Build = Callable[..., WireHouse]
CREATE = f"POST /{JOBS}"
EVERY = {**OPENAI, **AZURE}


@pytest.mark.parametrize("wrong", EVERY)
def test_every_wrong_has_a_test(wrong: str) -> None:
    assert EVERY[wrong], f"nothing holds our client against: {wrong}"
    for node in EVERY[wrong]:
        path, _, name = node.partition("::")
        written = ast.parse((ROOT / path).read_text(encoding="utf-8")).body
        assert name in [each.name for each in written if isinstance(each, ast.FunctionDef)], node


def test_the_list_is_whole_and_no_test_here_stands_outside_it() -> None:
    assert (len(OPENAI), len(AZURE)) == (23, 24)
    named = {each.partition("::")[2] for nodes in EVERY.values() for each in nodes if "test_wrongs.py" in each}
    written = ast.parse(Path(__file__).read_text(encoding="utf-8")).body
    tests = {each.name for each in written if isinstance(each, ast.FunctionDef) and each.name.startswith("test_")}
    others = {"test_every_wrong_has_a_test", test_the_list_is_whole_and_no_test_here_stands_outside_it.__name__}
    assert tests - others == named


# At OpenAI, and wherever its wire is spoken


def test_an_answer_that_never_comes_is_a_doubt(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(rows_file())
    emulated = Emulated(TurnedClock(), Script(wrongs=[Wrong(call=CREATE, kind="accepted_silent")]))
    with serving(emulated) as base:
        headers = {"authorization": f"Bearer {KEY}"}
        wire = Plane(base, name="Server", headers=lambda: headers, outgoing=OUTGOING, call_s=0.5)
        file = wire.send_file("files", rows, name="rows.jsonl", purpose="fine-tune")["id"]
        with pytest.raises(OutcomeUnknown, match="Server gave no whole answer"):
            wire.create(JOBS, {"model": "open-model-8b", "training_file": file})
    assert len(emulated.jobs) == 1


def test_a_limit_that_names_no_time_is_waited_for(build: Build) -> None:
    house = build(Wrong(call=CREATE, kind="429", times=2))
    job = house.job()
    assert house.until(job.id, every=30).status is JobStatus.SUCCEEDED
    assert len(house.plane.requests) == 1


def test_the_end_of_fine_tuning_is_said_and_pauses_nothing(tmp_path: Path) -> None:
    said = {"message": "You are not allowed to do this.", "type": "invalid_request_error", "param": None, "code": None}
    script = Script(wrongs=[Wrong(call=CREATE, kind="403", body={"error": said})])
    with openai_house(tmp_path, script, itself=True) as house:
        failed = house.until(house.job().id)
        assert (failed.status, failed.reason) == (JobStatus.FAILED, JobReason.INVALID_REQUEST)
        assert "You are not allowed to do this." in failed.message
        assert "from 6 January 2027 none" in failed.message
        assert house.until(house.job("next").id).status is JobStatus.SUCCEEDED, "the connection is usable on"


def test_a_file_that_is_refused_ends_its_job_in_the_providers_words(build: Build) -> None:
    house = build(file_ends="error")
    failed = house.until(house.job().id)
    assert (failed.status, failed.reason) == (JobStatus.FAILED, JobReason.INVALID_DATA)
    assert "Line 3 is not a chat." in failed.message
    assert not house.plane.jobs


def test_a_job_that_is_pausing_is_not_paused_yet(build: Build) -> None:
    house = build(train_s=400.0, pause_s=60.0)
    job = house.job()
    house.until(job.id, JobStatus.RUNNING)
    house.tick(4, every=10)
    with house.open() as scope:
        pausing.pause(scope, job.id)
    words = set()
    while house.look(job.id).status is not JobStatus.PAUSED:
        house.tick(every=10)
        words.add(house.look(job.id).raw_status)
    assert words >= {"pausing", "paused"}


@pytest.mark.parametrize("plain", [False, True])
def test_result_files_are_read_in_both_forms(build: Build, *, plain: bool) -> None:
    house = build(plain_results=plain)
    job = house.job()
    assert house.until(job.id).status is JobStatus.SUCCEEDED
    assert house.plane.calls["file_content"] == 1
    assert "was left out" not in house.said(job.id)


def test_a_list_of_models_has_no_pages(build: Build) -> None:
    house = build()
    listed = house.app_context.backends.of(house.connection).base_models()
    (answer,) = [body for name, body in house.plane.bodies if name == "list_models"]
    assert "has_more" not in answer
    assert house.base_model in {each.id for each in listed}


def test_a_model_that_comes_late_is_awaited(build: Build) -> None:
    house = build(models_late_reads=3)
    served = deploy(house, tuned(house))
    assert until(house, served, DeploymentStatus.READY).raw_status == "listed"
    assert house.plane._model_reads.total() == 4, "refused three times, and looked at again"


# At Azure


def azure(house: WireHouse) -> AzureOpenAIBackend:
    return cast("AzureOpenAIBackend", house.app_context.backends.of(house.connection))


def bare(
    house: WireHouse, *, query: tuple[tuple[str, str], ...] = (), more: Mapping[str, str] = MappingProxyType({})
) -> Plane:
    """Return a client of Azure's v1 plane with a query or headers of its own."""
    headers = {"api-key": AZURE_KEY, **more}
    known = azure(house).wire.plane
    return Plane(known.base, name="Azure", headers=lambda: headers, outgoing=known._outgoing, query=query)


def test_azures_words_after_a_create_are_understood(build_azure: Build) -> None:
    house = build_azure()
    job = house.job()
    while not house.look(job.id).raw_status:
        house.tick(every=2)
    assert house.look(job.id).raw_status == "pending"
    (there,) = house.plane.jobs.values()
    assert (there.body["trainingType"], house.plane.job_body(there)["trainingType"]) == (
        "GlobalStandard",
        "globalStandard",
    )
    seen = azure(house).observe(RemoteJob(there.id), since=None)
    assert (seen.status, (seen.sent or {})["batch_size"], seen.fine_tuned_model) == (JobStatus.QUEUED, "auto", None)
    assert house.until(job.id).status is JobStatus.SUCCEEDED


def test_a_create_may_be_answered_by_201(build_azure: Build) -> None:
    house = build_azure(created=201)
    assert house.until(house.job().id).status is JobStatus.SUCCEEDED
    assert len(house.plane.requests) == 1


def test_a_create_waits_until_its_file_is_processed(build_azure: Build) -> None:
    house = build_azure(file_s=120.0)
    job = house.job()
    house.tick(8, every=10)
    assert (house.plane.requests, len(house.plane.files)) == ([], 1)
    assert house.plane.calls["refused"] == 0, "it was not even tried"
    (file,) = house.plane.files
    with pytest.raises(Unavailable, match="is not ready"):
        bare(house).create(JOBS, {"model": house.base_model, "training_file": file})
    assert house.until(job.id).status is JobStatus.SUCCEEDED


def test_without_its_kind_of_training_a_create_is_refused(build_azure: Build) -> None:
    house = build_azure(file_s=0.0)
    house.until(house.job().id)
    (file,) = house.plane.files
    body = {"model": "gpt-4o-2024-08-06", "training_file": file}
    with pytest.raises(Rejected, match="does not support fine-tuning") as refused:
        bare(house).create(JOBS, body)
    assert "Global Standard" in str(refused.value.fix)
    assert bare(house).create(JOBS, body | {"trainingType": "globalstandard"})["id"]


def test_uploads_in_parts_are_not_there(build_azure: Build) -> None:
    house = build_azure()
    base = azure(house).wire.plane.base
    for where in (base, base.replace("/openai/v1", "/api/projects/p/openai/v1")):
        with pytest.raises(NotFound):
            bare(house).post(f"{where}/uploads", {"filename": "rows.jsonl", "purpose": "fine-tune", "bytes": 1})
    refused = house.plane.calls["refused"]
    assert house.until(house.job().id).status is JobStatus.SUCCEEDED
    assert house.plane.calls["refused"] == refused, "our client asks for nothing that is not there"


def test_an_api_version_on_v1_is_explained(build_azure: Build) -> None:
    house = build_azure()
    with pytest.raises(Rejected, match="api-version") as refused:
        bare(house, query=(("api-version", "2024-10-21"),)).get("files")
    assert "Enter the endpoint without api-version" in str(refused.value.fix)


def test_eleven_headers_are_too_many_and_ours_are_few(build_azure: Build) -> None:
    house = build_azure()
    bare(house, more={f"x-own-{number}": "1" for number in range(10)}).get("files")
    with pytest.raises(Rejected, match="header fields too large"):
        bare(house, more={f"x-own-{number}": "1" for number in range(11)}).get("files")


def test_a_deployment_goes_by_resource_managers_words(build_azure: Build) -> None:
    house = build_azure(accept_s=20.0)
    served = deploy(house, tuned(house))
    words = []
    for _ in range(50):
        with house.open() as scope:
            seen = deployments.get(scope, served)
        words += [seen.raw_status] if seen.raw_status and seen.raw_status not in words else []
        if seen.status is DeploymentStatus.READY:
            break
        house.tick(every=10)
    assert words == ["Accepted", "Creating", "Succeeded"]


def test_a_base_model_gets_no_developer_tier(build_azure: Build) -> None:
    house = build_azure()
    assert "DeveloperTier" not in str(azure(house).deployment_offer(house.base_model, tuned=False).options)
    request = DeploymentRequest(
        tag="dep_1", base_model=house.base_model, model=None, name="x", options={"sku": "DeveloperTier"}
    )
    with pytest.raises(Rejected, match="DeveloperTier is not supported for base models"):
        azure(house).deploy(request)


def test_a_wrong_format_is_explained(build_azure: Build) -> None:
    house = build_azure(formats={"gpt-oss-20b": "Somebody"})
    house.base_model = "gpt-oss-20b"
    served = deploy(house, tuned(house), capacity=100)
    house.tick(3, every=20)
    with house.open() as scope:
        said = deployments.get(scope, served).note
    assert "HTTP 500 without a message" in said
    assert "which is tried as Microsoft" in said


def test_a_name_that_is_taken_is_said(build_azure: Build) -> None:
    house = build_azure()
    job = tuned(house)
    served = deploy(house, job)
    other = {"sku": {"name": "Standard", "capacity": 1}, "properties": {"model": {"format": "OpenAI", "name": "other"}}}
    now = house.plane.now()
    plane(house).deployments["tunedesk-" + served.replace("_", "-")] = Deployed(body=other, at=now, asked=now)
    refused = until(house, served, DeploymentStatus.FAILED)
    assert "already, of other. Azure says: The deployment" in refused.message
    assert "deploy again, which takes another name" in refused.message
    house.tick(3, every=400)
    with house.open() as scope:
        assert deployments.get(scope, served).status is DeploymentStatus.FAILED, "another's is never taken for ours"
        deployments.delete(scope, served)
    until(house, served, DeploymentStatus.DELETED)
    assert [each.body for each in plane(house).deployments.values()] == [other], "and never removed"


def test_quota_that_was_just_freed_is_waited_for(build_azure: Build) -> None:
    house = build_azure(quota=10)
    job = tuned(house)
    first = deploy(house, job, capacity=10)
    until(house, first, DeploymentStatus.READY)
    with house.open() as scope:
        deployments.delete(scope, first)
    until(house, first, DeploymentStatus.DELETED, DeploymentStatus.DELETING, every=1.0)
    request = DeploymentRequest(
        tag="dep_2",
        base_model=house.base_model,
        model=house.plane.tuned()[0].model(),
        name="x",
        options={"capacity": 10},
    )
    with pytest.raises(NoCapacity, match="new capacity in quota"):
        azure(house).deploy(request)
    house.clock.turn(timedelta(seconds=20))
    house.plane_clock.turn(timedelta(seconds=20))
    azure(house).deploy(request)
    assert list(plane(house).deployments) == ["tunedesk-dep-2"]


def test_a_deployment_that_azure_deletes_for_idleness_is_made_again(build_azure: Build) -> None:
    house = build_azure()
    served = deploy(house, tuned(house))
    until(house, served, DeploymentStatus.READY)
    house.tick(every=timedelta(days=16).total_seconds())
    house.tick(2, every=1)
    assert until(house, served, DeploymentStatus.READY).restarts == 1


def test_the_request_id_of_each_plane_is_kept(build_azure: Build) -> None:
    house = build_azure()
    with pytest.raises(BackendError, match=r"\(request req_emulated\)"):
        azure(house).wire.plane.get("files/file-none")
    with pytest.raises(BackendError, match=r"\(request req_emulated\)"):
        azure(house).observe_deployment("dep_none")
