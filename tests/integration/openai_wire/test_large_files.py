"""Files that are too large for one request: in parts where the plane has that, else refused before anything begins."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import pytest

from app.backends.openai_wire.azure.backend import AzureOpenAIBackend
from app.backends.openai_wire.training.files import Files
from app.backends.openai_wire.training.jobs import JOBS
from app.backends.openai_wire.training.parts import AZURE_SIZES, PartedUploads, Sizes
from app.backends.openai_wire.transport.plane import Plane
from app.domain.backend import DataRejected, NotFound, OutcomeUnknown, Unavailable
from tests.support.clock import TurnedClock
from tests.support.openai_plane.azure import KEY as AZURE_KEY
from tests.support.openai_plane.azure import AzurePlane, AzureScript
from tests.support.openai_plane.bench import OUTGOING
from tests.support.openai_plane.house import WireHouse
from tests.support.openai_plane.official import SCHEMAS, deviations, is_here, schema_errors
from tests.support.openai_plane.plane import KEY
from tests.support.openai_plane.plane import Plane as Emulated
from tests.support.openai_plane.script import Script, Wrong
from tests.support.openai_plane.server import serving
from tests.support.rehearsed import rows_file

SMALL = Sizes(one_request=1_000, part=700, most=20_000)  # as a plane a hundred thousand times smaller has them
PARTS = "POST /uploads/*/parts"
DAY_S = 86_400
Open = Callable[..., tuple[Files, Emulated]]


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """The folder in which uploads under way are written down."""
    return tmp_path / "uploads"


@pytest.fixture
def opened(records: Path) -> Iterator[Open]:
    """Give the opener of files at a plane with small limits."""
    with ExitStack() as stack:

        def make(*wrongs: Wrong, azure: bool = False, **script: object) -> tuple[Files, Emulated]:
            limits = {"one_request": 1_000, "part": 700, "wrongs": wrongs, **script}
            clock = TurnedClock()
            emulated = (
                AzurePlane(clock, AzureScript(**limits)) if azure else Emulated(clock, Script(**limits))  # type: ignore[arg-type]
            )
            base = stack.enter_context(serving(emulated))
            headers = {"api-key": AZURE_KEY} if azure else {"authorization": f"Bearer {KEY}"}

            def plane(where: str, query: tuple[tuple[str, str], ...] = ()) -> Plane:
                return Plane(where, name="The plane", headers=lambda: headers, outgoing=OUTGOING, query=query)

            dated = plane(base.removesuffix("/v1"), (("api-version", "2024-10-21"),)) if azure else plane(base)
            parts = PartedUploads(dated, SMALL, records)
            return Files(plane(base), mark="here", waits=azure, parts=parts, clock=clock), emulated

        yield make


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Rows of some kilobytes."""
    path = tmp_path / "rows.jsonl"
    path.write_bytes(rows_file(30))
    assert 2_000 < path.stat().st_size < 20_000
    return path


def restarted(files: Files, records: Path) -> Files:
    """Return what another process has in its stead: the plane and the disk are all there is."""
    parts = PartedUploads(files.parts._plane, SMALL, records)
    return Files(files._plane, mark="here", waits=files._waits, parts=parts, clock=TurnedClock())


def sent(emulated: Emulated) -> list[object]:
    """Return the messages of the only file that is there."""
    (content,) = emulated.contents.values()
    return [json.loads(line)["messages"] for line in content.splitlines()]


@pytest.mark.parametrize("azure", [False, True])
def test_a_large_file_goes_up_in_parts_and_is_whole(opened: Open, rows: Path, *, azure: bool) -> None:
    files, emulated = opened(azure=azure)
    made = files.upload(rows, "job_1-training")
    assert len(sent(emulated)) == 30
    assert emulated.calls["upload"] == 0
    assert emulated.calls["add_part"] == -(-len(next(iter(emulated.contents.values()))) // 700)
    assert [each.id for each in files.of_tag("job_1-training")] == [made.id], "it is found by its name like any"
    assert files.upload(rows, "job_1-training").id == made.id
    assert emulated.calls["complete_upload"] == 1
    if is_here():
        bodies = [(name, body) for name, body in emulated.bodies if "upload" in name or name == "add_part"]
        assert len(bodies) > 3
        types = {"add_part": "UploadPartResource"}
        for name, body in bodies:
            if azure:
                whole = types.get(name, "UploadResource")
                assert not list(schema_errors("azure-authoring-2024-10-21.json", whole, body))
            else:
                assert not list(deviations("openai-finetune-files.json", SCHEMAS[name], body))


def test_a_small_file_goes_up_at_once(opened: Open, tmp_path: Path) -> None:
    files, emulated = opened()
    path = tmp_path / "few.jsonl"
    path.write_bytes(b"".join(rows_file(30).splitlines(keepends=True)[:2]))
    files.upload(path, "job_1-training")
    assert (emulated.calls["upload"], emulated.calls["begin_upload"]) == (1, 0)


@pytest.mark.parametrize("kind", ["500", "cut", "accepted_cut"])
def test_a_part_that_fails_is_sent_again_and_no_other(opened: Open, rows: Path, kind: str) -> None:
    files, emulated = opened(Wrong(call="POST /files", kind="500"), Wrong(call=PARTS, kind=kind))
    with pytest.raises(Unavailable):
        files.upload(rows, "job_1-training")
    files.upload(rows, "job_1-training")
    assert len(sent(emulated)) == 30
    assert emulated.calls["begin_upload"] == 1, "it went on with the same upload"


@pytest.mark.parametrize(("kind", "made_twice"), [("500", 0), ("accepted_cut", 1)])
@pytest.mark.parametrize("azure", [False, True])
def test_after_a_restart_it_goes_on_behind_the_last_part(
    opened: Open, rows: Path, records: Path, kind: str, made_twice: int, *, azure: bool
) -> None:
    call = "POST */uploads/*/parts" if azure else PARTS
    files, emulated = opened(Wrong(call=call, kind=kind, after=3), azure=azure)
    with pytest.raises(Unavailable):
        files.upload(rows, "job_1-training")
    made = emulated.calls["add_part"]
    assert made == 3 + made_twice
    again = restarted(files, records)
    again.upload(rows, "job_1-training")
    assert len(sent(emulated)) == 30
    assert emulated.calls["begin_upload"] == 1, "it went on with the same upload"
    parts = -(-len(next(iter(emulated.contents.values()))) // 700)
    assert emulated.calls["add_part"] - made_twice == parts, "only the part whose id got lost went up twice"
    assert list(records.iterdir()) == []


def test_an_upload_whose_file_or_record_is_another_is_begun_anew(opened: Open, rows: Path, records: Path) -> None:
    files, emulated = opened(Wrong(call="POST /uploads/*/complete", kind="500", times=2))
    with pytest.raises(Unavailable):
        files.upload(rows, "job_1-training")
    rows.write_bytes(rows_file(40))  # as a newer version of ours might write the same rows
    named_alike = rows.rename(rows.with_name("0123456789ab.jsonl"))
    (record,) = records.iterdir()
    record.rename(record.with_name(f"{files._name(named_alike, 'job_1-training')}.json"))
    with pytest.raises(Unavailable):
        restarted(files, records).upload(named_alike, "job_1-training")
    assert emulated.calls["begin_upload"] == 2
    (record,) = records.iterdir()
    record.write_text('{"id": "upload_1"')
    restarted(files, records).upload(named_alike, "job_1-training")
    assert emulated.calls["begin_upload"] == 3
    assert len(sent(emulated)) == 40


def test_records_of_what_nobody_wanted_any_more_go_after_a_day(opened: Open, rows: Path, records: Path) -> None:
    files, _ = opened(Wrong(call="POST /uploads/*/complete", kind="500", times=3))
    for name in ("job_1", "job_2"):
        with pytest.raises(Unavailable):
            files.upload(rows, f"{name}-training")
    assert len(list(records.iterdir())) == 2
    (old,) = [each for each in records.iterdir() if "job_1" in each.name]
    then = old.stat().st_mtime - 2 * DAY_S
    os.utime(old, (then, then))
    with pytest.raises(Unavailable):
        files.upload(rows, "job_3-training")
    assert sorted(each.name.split("-")[2] for each in records.iterdir()) == ["job_2", "job_3"]


def test_a_record_that_cannot_be_written_is_said_and_tried_again(opened: Open, rows: Path, records: Path) -> None:
    files, emulated = opened()
    records.write_text("in the way of the folder")
    with pytest.raises(Unavailable, match="How far the upload is cannot be written down"):
        files.upload(rows, "job_1-training")
    records.unlink()
    files.upload(rows, "job_1-training")
    assert len(sent(emulated)) == 30


@pytest.mark.parametrize("restarts", [False, True])
def test_an_upload_that_has_run_out_is_begun_anew(opened: Open, rows: Path, records: Path, *, restarts: bool) -> None:
    files, emulated = opened(Wrong(call="POST /uploads/*/complete", kind="500"))
    with pytest.raises(Unavailable):
        files.upload(rows, "job_1-training")
    if restarts:
        files = restarted(files, records)
    (first,) = emulated.uploads.values()
    first.at -= 4_000
    with pytest.raises(Unavailable, match="is expired"):
        files.upload(rows, "job_1-training")
    files.upload(rows, "job_1-training")
    assert len(sent(emulated)) == 30


def test_a_completion_whose_answer_is_lost_is_found_by_its_name(opened: Open, rows: Path, records: Path) -> None:
    files, emulated = opened(Wrong(call="POST /uploads/*/complete", kind="accepted_cut"))
    with pytest.raises(Unavailable):
        files.upload(rows, "job_1-training")
    restarted(files, records).upload(rows, "job_1-training")
    assert len(emulated.files) == 1
    assert list(records.iterdir()) == []


def test_more_than_the_plane_takes_is_refused_before_anything_is_sent(opened: Open, tmp_path: Path) -> None:
    files, emulated = opened()
    path = tmp_path / "many.jsonl"
    path.write_bytes(rows_file(30) * 20)
    with pytest.raises(DataRejected, match=r"The rows come to 0\.\d MB; The plane takes 0\.0 MB a file"):
        files.upload(path, "job_1-training")
    assert set(emulated.calls) == {"list_files"}, "looked for, and nothing sent"


def test_a_server_without_parts_is_named_with_its_limit(opened: Open, rows: Path) -> None:
    files, emulated = opened(Wrong(call="POST /uploads", kind="404"))
    with pytest.raises(DataRejected, match="in one request, and has no uploads in parts"):
        files.upload(rows, "job_1-training")
    assert not emulated.files


def test_azure_takes_too_much_in_one_request_and_fails_the_job(opened: Open, rows: Path) -> None:
    files, emulated = opened(azure=True, file_s=0.0)
    made = files._plane.send_file("files", rows, name="rows.jsonl", purpose="fine-tune")["id"]
    body = {"model": "gpt-4.1-mini-2025-04-14", "training_file": made, "trainingType": "GlobalStandard"}
    with pytest.raises(OutcomeUnknown):
        files._plane.create(JOBS, body)
    with pytest.raises(NotFound):
        files._plane.post("uploads", {})
    whole = files.upload(rows, "job_1-training")
    assert files._plane.create(JOBS, {**body, "training_file": whole.id})["id"] in emulated.jobs


def test_azures_own_limits_and_plane_are_used(build_azure: Callable[..., WireHouse]) -> None:
    house = build_azure()
    backend = cast("AzureOpenAIBackend", house.app_context.backends.of(house.connection))
    assert backend.wire.files.parts.sizes == AZURE_SIZES
    assert backend.wire.files.parts.base == backend.dated.base != backend.wire.plane.base
