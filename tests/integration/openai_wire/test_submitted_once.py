"""A job is created once, whatever becomes of the answer; and what is refused is said in a sentence that helps."""

import copy
from collections.abc import Callable

import pytest

from app.domain.backend_abilities import TellsHistory
from app.domain.jobs import JobReason, JobStatus
from app.services import jobs
from tests.support.openai_plane.house import WireHouse
from tests.support.openai_plane.script import Wrong
from tests.support.rehearsed import rows_file

Build = Callable[..., WireHouse]
CREATE = "POST /fine_tuning/jobs"
DAILY: dict[str, object] = {
    "error": {
        "message": "This fine-tune request has been rate-limited. You have reached the maximum of 12 a day.",
        "type": "invalid_request_error",
        "param": None,
        "code": "daily_rate_limit_exceeded",
    }
}


@pytest.mark.parametrize(
    ("kind", "script"),
    [
        ("accepted_500", {}),
        ("accepted_cut", {"filters": False}),
        ("accepted_half", {}),
        ("accepted_409", {"lag_reads": 2}),
    ],
)
def test_what_was_accepted_is_not_created_again(build: Build, kind: str, script: dict[str, object]) -> None:
    house = build(Wrong(call=CREATE, kind=kind), **script)
    job = house.job()
    done = house.until(job.id, every=20)
    assert done.status is JobStatus.SUCCEEDED
    assert len(house.plane.jobs) == 1
    assert "lag_reads" in script or "although its answer was lost" in house.said(job.id)


@pytest.mark.parametrize("kind", ["500", "cut"])
def test_what_was_not_accepted_is_created_after_a_look(build: Build, kind: str) -> None:
    house = build(Wrong(call=CREATE, kind=kind))
    job = house.job()
    assert house.until(job.id, every=20).status is JobStatus.SUCCEEDED
    assert len(house.plane.jobs) == 1
    assert "it is submitted again" in house.said(job.id)


def test_a_limit_is_waited_for(build: Build) -> None:
    house = build(
        Wrong(call=CREATE, kind="429", headers={"retry-after": "30"}),
        Wrong(call=CREATE, kind="429", body=DAILY),
    )
    job = house.job()
    house.tick(80)
    assert "maximum of 12 a day" in house.look(job.id).note
    assert not house.plane.jobs
    assert house.until(job.id, every=600).status is JobStatus.SUCCEEDED


def test_a_second_job_on_the_same_file_is_cancelled_and_said(build: Build) -> None:
    house = build(Wrong(call=CREATE, kind="accepted_500"), train_s=2000.0)
    job = house.job()
    while not house.plane.jobs:
        house.tick()
    first = next(iter(house.plane.jobs.values()))
    twin = copy.deepcopy(first)  # as a client that repeats would have made it
    twin.id, twin.at = "ftjob-999999999999999999999999", first.at + 1
    house.plane.jobs[twin.id] = twin
    done = house.until(job.id, every=30)
    assert (done.status, done.remote_id) == (JobStatus.SUCCEEDED, first.id)
    assert [verb for verb, _ in twin.steers] == ["cancel"]
    assert "A second job ftjob-999" in house.said(job.id)


def test_a_server_without_the_filter_gives_no_strangers_job(build: Build) -> None:
    house = build(filters=False)
    first = house.job("first")
    while not house.plane.jobs:
        house.tick()
    second = house.job("second", training_dataset=house.upload(rows_file(20), "others").id)
    ends = [house.until(each.id) for each in (first, second)]
    assert {each.status for each in ends} == {JobStatus.SUCCEEDED}
    assert {str(each.remote_id) for each in ends} == set(house.plane.jobs)
    assert len(house.plane.jobs) == 2


def test_a_lost_upload_is_found_by_its_name(build: Build) -> None:
    house = build(Wrong(call="POST /files", kind="accepted_cut"))
    job = house.job()
    assert house.until(job.id).status is JobStatus.SUCCEEDED
    assert len(house.plane.files) == 1


def test_a_restart_at_any_turn_creates_nothing_twice(build: Build) -> None:
    house = build(Wrong(call=CREATE, kind="accepted_half"))
    job = house.job()
    for _ in range(60):
        house.tick(every=10)
        house.restart()
    assert house.until(job.id).status is JobStatus.SUCCEEDED
    assert len(house.plane.jobs) == 1


def test_a_bad_file_and_a_failed_moderation_are_the_rows_fault(build: Build) -> None:
    house = build(ends="bad_file")
    failed = house.until(house.job().id)
    assert failed.reason is JobReason.INVALID_DATA
    assert "Line 3, message 1: missing role" in failed.message


def test_moderation_at_the_end_says_that_it_may_be_billed(build: Build) -> None:
    house = build(ends="moderation")
    failed = house.until(house.job().id)
    assert failed.reason is JobReason.INVALID_DATA
    assert "may be billed" in failed.message


def test_an_unknown_word_is_kept_and_no_end(build: Build) -> None:
    house = build(words={"queued": "warming_up"}, queue_s=100.0)
    job = house.job()
    house.tick(30)
    seen = house.look(job.id)
    assert seen.raw_status == "warming_up"
    assert "a word that is not known here" in seen.note
    assert house.until(job.id).status is JobStatus.SUCCEEDED


def test_pages_of_events_are_read_to_the_end(build: Build) -> None:
    house = build(steps=900, page_cap=20, train_s=2.0)
    job = house.job()
    assert house.until(job.id, every=10).status is JobStatus.SUCCEEDED
    with house.open() as scope:
        (series,) = jobs.metrics(scope, job.id, names=["train_loss"], points=5000)
    assert list(series.steps) == list(range(1, 901))
    pages = house.plane.calls["list_events"]
    assert pages >= 20, f"{pages} pages in one look: the figures are those of the result file alone"


@pytest.mark.parametrize("trained_s", [2.0, pytest.param(60.0, marks=pytest.mark.slow)])
def test_no_event_of_a_job_that_ended_between_two_looks_is_lost(build: Build, trained_s: float) -> None:
    house = build(steps=900, page_cap=20, train_s=trained_s)
    job = house.job()
    done = house.until(job.id, every=25)
    said = [each.message for each in house.journal(job.id)]
    assert done.status is JobStatus.SUCCEEDED
    assert any("Created fine-tuning job" in each for each in said), "the first of 1,000 events"
    assert len({each for each in said if each.startswith("Step ")}) == 900
    assert any("has successfully completed" in each for each in said), "the last, which came while others were read"
    history = house.app_context.backends.of(house.connection)
    assert isinstance(history, TellsHistory)
    (there,) = house.plane.jobs
    assert {each.step for each in history.past_curves(there)} == set(range(1, 901))


def test_a_wrong_key_pauses_the_connection(build: Build) -> None:
    house = build(Wrong(call="GET /files", kind="401", times=2))
    job = house.job()
    house.tick(3)
    assert "The connection is paused" in house.look(job.id).note
    assert house.until(job.id, every=30).status is JobStatus.SUCCEEDED
