"""A job from its recording to its end, and every way in which it may go on or end on the way."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from app.backends.rehearsal import Fault, FaultKind
from app.domain.actors import OWNER
from app.domain.connections import REHEARSAL_ID
from app.domain.errors import StorageFull
from app.domain.evaluations import EvaluationStatus
from app.domain.events import EventLevel
from app.domain.jobs import JobReason, JobStatus
from app.domain.metrics import TRAIN_LOSS
from app.services import connections, jobs, models
from app.services.files import FileStore
from tests.support.rehearsed import Rehearsed

Build = Callable[..., Rehearsed]
SPLIT = {"kind": "split", "ratio": 0.2, "test_ratio": 0.2, "seed": 1}


def statuses(house: Rehearsed, job: str) -> list[str]:
    return [event.message for event in house.journal(job, "status")]


def test_a_job_goes_all_the_way(build: Build) -> None:
    house = build()
    job = house.job(validation=SPLIT)
    done = house.until(job.id)
    assert done.status is JobStatus.SUCCEEDED
    assert statuses(house, job.id) == ["pending", "preparing", "queued", "running", "succeeded"]
    assert len(house.accepted(job.id)) == 1
    assert done.parts is not None
    assert done.parts.test is not None
    assert done.progress.step == done.progress.steps == 30
    with house.scopes.open(OWNER) as scope:
        series = {each.name: each for each in jobs.metrics(scope, job.id)}
        assert list(series[TRAIN_LOSS].steps) == list(range(1, 31))
        assert [each.step for each in jobs.checkpoints(scope, job.id)] == [10, 20, 30]
        assert jobs.sent_parameters(scope, job.id) == {}
        assert done.fine_tuned_model is not None
        model = models.get(scope, done.fine_tuned_model)
    assert model.job == job.id
    assert model.remote_id.startswith("rehearsal:ft:")


def test_base_and_tuned_are_judged_on_rows_that_neither_training_nor_validation_saw(build: Build) -> None:
    house = build()
    job = house.job(validation=SPLIT)
    done = house.until(job.id)
    house.tick(10)
    base, tuned = house.evaluations(job.id)
    assert [each.status for each in (base, tuned)] == [EvaluationStatus.SUCCEEDED] * 2
    assert done.parts is not None
    assert {base.dataset, tuned.dataset} == {done.parts.test}
    assert not base.selection_biased
    assert (base.target.model, tuned.target.model) == (None, done.fine_tuned_model)
    assert tuned.metrics is not None
    assert tuned.metrics.confusion is not None
    assert tuned.metrics.confusion.labels == ["billing", "delivery", "returns"]


def test_judging_by_the_validation_part_is_marked(build: Build) -> None:
    house = build()
    job = house.job(validation=SPLIT | {"test_ratio": None})
    house.until(job.id)
    assert [each.selection_biased for each in house.evaluations(job.id)] == [True, True]


def test_the_base_is_judged_once_for_the_same_question(build: Build) -> None:
    house = build()
    first, second = house.job(validation=SPLIT), house.job("again", validation=SPLIT)
    for job in (first, second):
        house.until(job.id)
        house.tick(10)
    third = house.job("third", validation=SPLIT)
    house.until(third.id)
    house.tick(10)
    base, tuned = house.evaluations(third.id)
    assert base.message.startswith("Taken over from evaluation evl_")
    assert base.metrics is not None
    assert tuned.message == ""
    assert [each.status for each in (base, tuned)] == [EvaluationStatus.SUCCEEDED] * 2
    assert not house.backend.made("start_evaluation", base.id)


def test_places_are_counted_and_the_line_is_kept(build: Build) -> None:
    house = build(slots=2)
    made = [house.job(f"job-{number}") for number in range(4)]
    house.tick(3)
    seen = [house.look(job.id) for job in made]
    assert [each.status is JobStatus.PENDING for each in seen] == [False, False, True, True]
    assert seen[2].note == "Waits for job 'job-0' on this connection."
    ends = [house.until(job.id) for job in made]
    assert {each.status for each in ends} == {JobStatus.SUCCEEDED}
    accepted = [house.accepted(job.id)[0].at for job in made]
    assert accepted == sorted(accepted)


def test_a_younger_job_that_looks_first_waits_all_the_same(build: Build) -> None:
    house = build(slots=1)
    older, younger = house.job("older"), house.job("younger")
    with house.database.writing() as tx:
        tx.exec_driver_sql("UPDATE jobs SET due_at = due_at + 5 WHERE id = ?", (older.id,))
    house.tick(2)
    assert house.look(younger.id).note == "Waits its turn: another job on this connection was there first."
    house.until(younger.id)
    assert house.accepted(older.id)[0].at < house.accepted(younger.id)[0].at


def test_a_waiting_job_begins_as_soon_as_there_is_a_place(build: Build) -> None:
    house = build(slots=1)
    first, second = house.job("first"), house.job("second")
    house.until(first.id)
    house.tick(2)
    assert house.look(second.id).status in {JobStatus.PREPARING, JobStatus.QUEUED}


def test_evaluations_go_before_the_next_training(build: Build) -> None:
    house = build(slots=1)
    first, second = house.job("first", validation=SPLIT), house.job("second")
    house.until(first.id)
    house.tick(2)
    assert house.look(second.id).status is JobStatus.PENDING
    assert "evaluation" in house.look(second.id).note
    house.until(second.id)
    assert {each.status for each in house.evaluations(first.id)} == {EvaluationStatus.SUCCEEDED}


def test_a_backend_that_cannot_yet_train_is_told_as_a_note(build: Build) -> None:
    house = build(Fault(call="check", kind=FaultKind.NO_CAPACITY, times=3))
    job = house.job()
    house.tick()
    waiting = house.look(job.id)
    assert waiting.status is JobStatus.PENDING
    assert waiting.note.startswith("Rehearsal: no capacity")
    assert house.until(job.id).status is JobStatus.SUCCEEDED


def test_cancelling_a_pending_job_reaches_no_backend(build: Build) -> None:
    house = build()
    job = house.job()
    with house.scopes.open(OWNER) as scope:
        jobs.cancel(scope, job.id)
    house.tick()
    ended = house.look(job.id)
    assert (ended.status, ended.reason) == (JobStatus.CANCELLED, JobReason.REQUESTED)
    assert not house.accepted(job.id)


def test_cancelling_a_running_job_is_confirmed_by_the_backend(build: Build) -> None:
    house = build()
    job = house.job()
    house.until(job.id, JobStatus.RUNNING)
    with house.scopes.open(OWNER) as scope:
        jobs.cancel(scope, job.id)
    assert house.until(job.id).status is JobStatus.CANCELLED
    assert statuses(house, job.id)[-2:] == ["cancelling", "cancelled"]
    assert len([entry for entry in house.backend.ledger.of(job.id) if entry.call == "cancel"]) == 1


def test_a_job_that_was_faster_than_its_cancellation_has_succeeded(build: Build) -> None:
    house = build(look_s=30.0, train_s=60.0)
    job = house.job()
    house.until(job.id, JobStatus.RUNNING)
    house.clock.turn(timedelta(seconds=60))
    with house.scopes.open(OWNER) as scope:
        jobs.cancel(scope, job.id)
    assert house.until(job.id).status is JobStatus.SUCCEEDED


def test_an_interrupted_job_goes_on_from_its_checkpoint(build: Build) -> None:
    house = build(Fault(call="train", kind=FaultKind.INTERRUPTED, times=2))
    job = house.job()
    done = house.until(job.id)
    assert (done.status, done.resumptions) == (JobStatus.SUCCEEDED, 2)
    told = [event.message for event in house.journal(job.id, "note") if "interrupted" in event.message]
    assert len(told) == 2


def test_a_job_that_is_interrupted_again_and_again_fails_with_retry_offered(build: Build) -> None:
    house = build(Fault(call="train", kind=FaultKind.INTERRUPTED, times=9))
    job = house.job()
    done = house.until(job.id)
    assert (done.status, done.resumptions) == (JobStatus.FAILED, 3)
    assert "Retry" in done.message


def test_an_interrupted_job_that_nobody_wants_is_cancelled_not_resumed(build: Build) -> None:
    house = build(Fault(call="train", kind=FaultKind.INTERRUPTED), look_s=30.0, train_s=100.0)
    job = house.job()
    house.until(job.id, JobStatus.RUNNING)
    house.clock.turn(timedelta(seconds=60))
    with house.scopes.open(OWNER) as scope:
        jobs.cancel(scope, job.id)
    assert house.until(job.id).status is JobStatus.CANCELLED
    assert not [entry for entry in house.backend.ledger.of(job.id) if entry.call == "resume"]


def test_a_job_fails_with_the_backends_reason(build: Build) -> None:
    house = build(Fault(call="train", kind=FaultKind.FAILS))
    done = house.until(house.job().id)
    assert (done.status, done.reason) == (JobStatus.FAILED, JobReason.BACKEND_ERROR)
    assert done.message == "Rehearsal: a bad end, on request."
    assert done.fine_tuned_model is None


def test_observations_in_the_wrong_order_move_nothing_backwards(build: Build) -> None:
    faults = [
        Fault(call="observe", kind=FaultKind.REPEATED, times=6),
        Fault(call="observe", kind=FaultKind.BACKWARDS, times=9),
        Fault(call="observe", kind=FaultKind.STRANGE, times=12),
        Fault(call="observe", kind=FaultKind.REPEATED, times=15),
    ]
    house = build(*faults)
    job = house.job()
    done = house.until(job.id)
    assert done.status is JobStatus.SUCCEEDED
    assert statuses(house, job.id) == ["pending", "preparing", "queued", "running", "succeeded"]
    warned = [event for event in house.journal(job.id, "note") if event.level is EventLevel.WARNING]
    assert any("That is not taken over." in event.message for event in warned)
    remote = [event.message for event in house.journal(job.id, "remote")]
    assert len(remote) == len(set(remote))
    with house.scopes.open(OWNER) as scope:
        assert list(jobs.metrics(scope, job.id, names=[TRAIN_LOSS])[0].steps) == list(range(1, 31))


def test_a_job_is_lost_only_after_three_looks_apart(build: Build) -> None:
    house = build(Fault(call="observe", kind=FaultKind.NOT_FOUND, times=None))
    job = house.job()
    house.until(job.id, JobStatus.QUEUED)
    began = house.clock.now()
    done = house.until(job.id)
    assert (done.status, done.reason) == (JobStatus.FAILED, JobReason.LOST)
    assert house.clock.now() - began >= timedelta(seconds=100)
    assert len(house.journal(job.id, "missing")) == 3


def test_two_misses_are_forgiven_once_the_job_is_seen_again(build: Build) -> None:
    house = build(Fault(call="observe", kind=FaultKind.NOT_FOUND, times=2))
    assert house.until(house.job().id).status is JobStatus.SUCCEEDED


def test_refused_credentials_pause_the_connection_and_fail_no_job(build: Build) -> None:
    house = build(Fault(call="observe", kind=FaultKind.NOT_AUTHORISED, times=3))
    running, waiting = house.job("running"), house.job("waiting")
    house.until(running.id, JobStatus.QUEUED)
    late = house.job("late")
    house.tick(3)
    with house.scopes.open(OWNER) as scope:
        assert (connections.get(scope, REHEARSAL_ID).paused_reason or "").startswith("Rehearsal: not authorised")
    assert house.look(late.id).status is JobStatus.PENDING
    assert "paused" in house.look(late.id).note
    ends = [house.until(job.id, limit=2000) for job in (running, waiting, late)]
    assert {each.status for each in ends} == {JobStatus.SUCCEEDED}
    with house.scopes.open(OWNER) as scope:
        assert connections.get(scope, REHEARSAL_ID).paused_reason is None


def test_passing_trouble_is_a_note_and_then_forgotten(build: Build) -> None:
    house = build(Fault(call="observe", kind=FaultKind.UNAVAILABLE, times=3))
    job = house.job()
    house.until(job.id, JobStatus.QUEUED)
    house.tick()
    troubled = house.look(job.id)
    assert (troubled.status, troubled.attempts) == (JobStatus.QUEUED, 1)
    assert troubled.note.startswith("Rehearsal: unavailable")
    done = house.until(job.id)
    assert (done.status, done.note) == (JobStatus.SUCCEEDED, "")


def test_an_error_that_no_backend_may_raise_is_noted_and_tried_again(build: Build) -> None:
    house = build(Fault(call="observe", kind=FaultKind.BROKEN, times=2))
    job = house.job()
    house.until(job.id, JobStatus.QUEUED)
    house.tick()
    assert "TuneDesk met an error of its own (RuntimeError)" in house.look(job.id).note
    assert house.until(job.id).status is JobStatus.SUCCEEDED


def test_a_full_disk_is_told_and_the_job_goes_on_by_itself(build: Build) -> None:
    class FullAtFirst(FileStore):
        """A disk that has no room for the first two files."""

        refusals = 2

        def temporary(self) -> Path:
            if self.refusals:
                self.refusals -= 1
                raise StorageFull("The disk is full.", fix="Free some space.")
            return super().temporary()

    house = build()
    job = house.job(validation=SPLIT)
    files = FullAtFirst(house.scopes.house.files.root, upload_limit=2**20, disk_reserve=0)
    house = house.again(files=files)
    house.until(job.id, JobStatus.PREPARING)
    house.tick()
    waiting = house.look(job.id)
    assert (waiting.status, waiting.note) == (JobStatus.PREPARING, "The disk is full. Free some space.")
    assert house.until(job.id).status is JobStatus.SUCCEEDED


def test_rows_that_cannot_be_split_fail_the_job_with_a_sentence(build: Build) -> None:
    house = build()
    job = house.job(validation=SPLIT | {"strategy": "grouped", "key": "customer"})
    done = house.until(job.id)
    assert (done.status, done.reason) == (JobStatus.FAILED, JobReason.INVALID_DATA)
    assert "customer" in done.message
