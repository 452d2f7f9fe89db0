"""A training that stands still: when people want it, when its provider does, and how it goes on."""

from collections.abc import Callable

import pytest

from app.backends.rehearsal import Fault, FaultKind
from app.domain.backend import RemoteJob
from app.domain.errors import Conflict
from app.domain.jobs import FineTuningJob, JobStatus
from app.services import job_lookup, jobs, pausing
from tests.support.rehearsed import Rehearsed

Build = Callable[..., Rehearsed]


def asked(app_context: Rehearsed, job: str, verb: Callable[..., FineTuningJob]) -> FineTuningJob:
    with app_context.open() as scope:
        return verb(scope, job)


def running(app_context: Rehearsed, name: str = "tuned") -> FineTuningJob:
    job = app_context.job(name)
    return app_context.until(job.id, JobStatus.RUNNING)


def test_a_job_is_paused_waits_and_goes_on(build: Build) -> None:
    app_context = build()
    job = running(app_context)
    assert asked(app_context, job.id, pausing.pause).is_pausing
    paused = app_context.until(job.id, JobStatus.PAUSED)
    assert paused.raw_status == "Standing still"
    app_context.tick(60)
    assert app_context.look(job.id).progress == paused.progress
    assert asked(app_context, job.id, pausing.resume).is_resuming
    assert app_context.until(job.id).status is JobStatus.SUCCEEDED
    words = [event.message for event in app_context.journal(job.id, "status")]
    assert words == ["pending", "preparing", "queued", "running", "paused", "running", "succeeded"]


def test_what_its_provider_paused_waits_for_a_person_each_time(build: Build) -> None:
    app_context = build()
    job = running(app_context)
    remote = RemoteJob(str(job.remote_id))
    for _ in range(2):
        app_context.backend.pause(remote)
        app_context.until(job.id, JobStatus.PAUSED)
        app_context.tick(10)
        assert app_context.look(job.id).status is JobStatus.PAUSED
        asked(app_context, job.id, pausing.resume)
        app_context.until(job.id, JobStatus.RUNNING)
    assert app_context.until(job.id).status is JobStatus.SUCCEEDED


def test_a_refused_pause_is_said_and_asked_again(build: Build) -> None:
    app_context = build(Fault(call="pause", kind=FaultKind.REJECTED, times=2))
    job = running(app_context)
    asked(app_context, job.id, pausing.pause)
    app_context.tick(1)
    assert "rejected, on request" in app_context.look(job.id).note
    assert app_context.until(job.id, JobStatus.PAUSED).note == ""


def test_a_paused_job_lets_the_next_one_train(build: Build) -> None:
    app_context = build(slots=1)
    first = running(app_context)
    second = app_context.job("second")
    asked(app_context, first.id, pausing.pause)
    app_context.until(first.id, JobStatus.PAUSED)
    assert app_context.until(second.id).status is JobStatus.SUCCEEDED


def test_a_paused_job_can_be_cancelled_and_neither_pauses_nor_resumes_then(build: Build) -> None:
    app_context = build()
    job = running(app_context)
    asked(app_context, job.id, pausing.pause)
    app_context.until(job.id, JobStatus.PAUSED)
    asked(app_context, job.id, jobs.cancel)
    for verb in (pausing.pause, pausing.resume):
        with pytest.raises(Conflict):
            asked(app_context, job.id, verb)
    assert app_context.until(job.id).status is JobStatus.CANCELLED


def test_what_does_not_train_yet_is_not_paused(build: Build) -> None:
    app_context = build()
    job = app_context.job()
    with pytest.raises(Conflict):
        asked(app_context, job.id, pausing.pause)
    with pytest.raises(Conflict):
        asked(app_context, job.id, pausing.resume)


def test_a_pause_can_be_taken_back_before_it_comes(build: Build) -> None:
    app_context = build(Fault(call="pause", kind=FaultKind.REJECTED, times=None))
    job = running(app_context)
    asked(app_context, job.id, pausing.pause)
    app_context.tick(1)
    assert not asked(app_context, job.id, pausing.resume).is_pausing
    app_context.tick(3)
    assert not app_context.look(job.id).note


def test_jobs_are_found_by_their_metadata(build: Build) -> None:
    app_context = build()
    both = app_context.job("both", metadata={"run": "7", "team": "a"})
    one = app_context.job("one", metadata={"run": "7"})
    none = app_context.job("none")
    with app_context.open() as scope:

        def found(**pairs: str) -> set[str]:
            return {each.id for each in job_lookup.with_metadata(scope, pairs).items}

        assert found(run="7") == {both.id, one.id}
        assert found(run="7", team="a") == {both.id}
        assert found(run="8") == set()
        assert found() == {none.id}
        assert jobs.get(scope, both.id).spec.metadata == {"run": "7", "team": "a"}
