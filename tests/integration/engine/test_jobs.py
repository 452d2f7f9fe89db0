"""A job from its recording to its end, and every way in which it may go on or end on the way."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from app.backends.rehearsal import Fault, FaultKind
from app.domain.actors import OWNER
from app.domain.errors import StorageFull
from app.domain.evaluations import UNKNOWN_MODEL, EvaluationStatus, Identity
from app.domain.events import EventLevel
from app.domain.jobs import JobReason, JobStatus
from app.domain.metrics import TRAIN_LOSS
from app.services import checkpoints, connections, evaluations, job_models, jobs, models
from app.store import evaluations as store
from app.store.files import FileStore
from tests.support.connections import REHEARSAL_ID
from tests.support.rehearsed import Rehearsed

Build = Callable[..., Rehearsed]
SPLIT = {"kind": "split", "ratio": 0.2, "test_ratio": 0.2, "seed": 1}


def statuses(app_context: Rehearsed, job: str) -> list[str]:
    return [event.message for event in app_context.journal(job, "status")]


def test_a_job_goes_all_the_way(build: Build) -> None:
    app_context = build()
    job = app_context.job(validation=SPLIT)
    done = app_context.until(job.id)
    assert done.status is JobStatus.SUCCEEDED
    assert statuses(app_context, job.id) == ["pending", "preparing", "queued", "running", "succeeded"]
    assert len(app_context.accepted(job.id)) == 1
    assert done.parts is not None
    assert done.parts.test is not None
    assert done.progress.step == done.progress.steps == 30
    with app_context.scopes.open(OWNER) as scope:
        series = {each.name: each for each in jobs.metrics(scope, job.id)}
        assert list(series[TRAIN_LOSS].steps) == list(range(1, 31))
        assert [each.step for each in checkpoints.of_job(scope, job.id)] == [10, 20, 30]
        assert jobs.sent_parameters(scope, job.id) == {}
        assert done.fine_tuned_model is not None
        model = models.get(scope, done.fine_tuned_model)
    assert model.job == job.id
    assert model.remote_id.startswith("rehearsal:ft:")


def test_base_and_tuned_are_evaluated_on_rows_that_neither_training_nor_validation_saw(build: Build) -> None:
    app_context = build()
    job = app_context.job(validation=SPLIT)
    done = app_context.until(job.id)
    app_context.tick(10)
    base, tuned = app_context.evaluations(job.id)
    assert [each.status for each in (base, tuned)] == [EvaluationStatus.SUCCEEDED] * 2
    assert done.parts is not None
    assert {base.dataset, tuned.dataset} == {done.parts.test}
    assert not base.selection_biased
    assert (base.target.model, tuned.target.model) == (None, done.fine_tuned_model)
    assert tuned.metrics is not None
    assert tuned.metrics.confusion is not None
    assert tuned.metrics.confusion.labels == ["billing", "delivery", "returns"]


def test_evaluating_by_the_validation_part_is_marked(build: Build) -> None:
    app_context = build()
    job = app_context.job(validation=SPLIT | {"test_ratio": None})
    app_context.until(job.id)
    assert [each.selection_biased for each in app_context.evaluations(job.id)] == [True, True]


def test_the_base_is_evaluated_once_for_the_same_question(build: Build) -> None:
    app_context = build()
    first, second = app_context.job(validation=SPLIT), app_context.job("again", validation=SPLIT)
    for job in (first, second):
        app_context.until(job.id)
        app_context.tick(10)
    third = app_context.job("third", validation=SPLIT)
    app_context.until(third.id)
    app_context.tick(10)
    base, tuned = app_context.evaluations(third.id)
    assert base.message.startswith("Taken over from evaluation evl_")
    assert base.metrics is not None
    assert tuned.message == ""
    assert [each.status for each in (base, tuned)] == [EvaluationStatus.SUCCEEDED] * 2
    assert not app_context.backend.made("start_evaluation", base.id)


def test_nothing_is_taken_over_from_another_rendering_or_other_files(build: Build) -> None:
    app_context = build()
    job = app_context.job(validation=SPLIT)
    app_context.until(job.id)
    app_context.tick(10)
    done = app_context.look(job.id)
    now, seen = Identity(rendering=2, model="a" * 64), []
    # The base answered without an identity, as an earlier release left it; then as `now` is, each time anew or not.
    for base in (now, now, replace(now, rendering=3), replace(now, model="b" * 64), UNKNOWN_MODEL):
        app_context.clock.turn(timedelta(seconds=1))
        with app_context.scopes.open(OWNER) as scope:
            before = {each.id for each in evaluations.list_evaluations(scope, job=job.id).items}
            job_models.register(scope, done, app_context.backend, name="again", size_bytes=None, base=base)
            asked = [each for each in evaluations.list_evaluations(scope, job=job.id).items if each.id not in before]
            (found,) = [each for each in asked if not each.target.is_tuned]
            if found.status is EvaluationStatus.PENDING:
                answered = replace(found, status=EvaluationStatus.SUCCEEDED, rendering=2, model_hash="a" * 64)
                store.MAPPER.save(scope.write, answered, due_at=None)
            seen.append(found)
    assert [each.status for each in seen].count(EvaluationStatus.SUCCEEDED) == 1
    assert seen[1].message == f"Taken over from evaluation {seen[0].id}, which asked the same."
    assert (seen[1].identity, seen[1].not_reused) == (now, "")
    reasons = ["an earlier release made it", "written in another way now", "not those of then", "not those of then"]
    for each, reason in zip((seen[0], *seen[2:]), reasons, strict=True):
        assert reason in each.not_reused
        assert [event.message for event in app_context.journal(each.id, "note")] == [each.not_reused]


def test_slots_are_counted_and_the_line_is_kept(build: Build) -> None:
    app_context = build(slots=2)
    made = [app_context.job(f"job-{number}") for number in range(4)]
    app_context.tick(3)
    seen = [app_context.look(job.id) for job in made]
    assert [each.status is JobStatus.PENDING for each in seen] == [False, False, True, True]
    assert seen[2].note == "Waits for job 'job-0' on this connection."
    ends = [app_context.until(job.id) for job in made]
    assert {each.status for each in ends} == {JobStatus.SUCCEEDED}
    accepted = [app_context.accepted(job.id)[0].at for job in made]
    assert accepted == sorted(accepted)


def test_a_younger_job_that_looks_first_waits_all_the_same(build: Build) -> None:
    app_context = build(slots=1)
    older, younger = app_context.job("older"), app_context.job("younger")
    with app_context.database.writing() as tx:
        tx.exec_driver_sql("UPDATE jobs SET due_at = due_at + 5 WHERE id = ?", (older.id,))
    app_context.tick(2)
    assert app_context.look(younger.id).note == "Waits its turn: another job on this connection was there first."
    app_context.until(younger.id)
    assert app_context.accepted(older.id)[0].at < app_context.accepted(younger.id)[0].at


def test_a_waiting_job_begins_as_soon_as_there_is_a_slot(build: Build) -> None:
    app_context = build(slots=1)
    first, second = app_context.job("first"), app_context.job("second")
    app_context.until(first.id)
    app_context.tick(2)
    assert app_context.look(second.id).status in {JobStatus.PREPARING, JobStatus.QUEUED}


def test_a_waiting_job_begins_as_soon_as_its_connection_has_more_slots(build: Build) -> None:
    app_context = build(slots=1)
    _, second = app_context.job("first"), app_context.job("second")
    app_context.tick(2)
    assert app_context.look(second.id).status is JobStatus.PENDING
    with app_context.scopes.open(OWNER) as scope:
        connections.update(scope, REHEARSAL_ID, slots=2)
    app_context.engine.tick()  # at the same moment: a person who gives it a slot need not wait for its next look
    assert app_context.look(second.id).status is not JobStatus.PENDING


def test_evaluations_go_before_the_next_training(build: Build) -> None:
    app_context = build(slots=1)
    first, second = app_context.job("first", validation=SPLIT), app_context.job("second")
    app_context.until(first.id)
    app_context.tick(2)
    assert app_context.look(second.id).status is JobStatus.PENDING
    assert "evaluation" in app_context.look(second.id).note
    app_context.until(second.id)
    assert {each.status for each in app_context.evaluations(first.id)} == {EvaluationStatus.SUCCEEDED}


def test_a_backend_that_cannot_yet_train_is_reported_as_a_note(build: Build) -> None:
    app_context = build(Fault(call="check", kind=FaultKind.NO_CAPACITY, times=3))
    job = app_context.job()
    app_context.tick()
    waiting = app_context.look(job.id)
    assert waiting.status is JobStatus.PENDING
    assert waiting.note.startswith("Rehearsal: no capacity")
    assert app_context.until(job.id).status is JobStatus.SUCCEEDED


def test_cancelling_a_pending_job_reaches_no_backend(build: Build) -> None:
    app_context = build()
    job = app_context.job()
    with app_context.scopes.open(OWNER) as scope:
        jobs.cancel(scope, job.id)
    app_context.tick()
    ended = app_context.look(job.id)
    assert (ended.status, ended.reason) == (JobStatus.CANCELLED, JobReason.REQUESTED)
    assert not app_context.accepted(job.id)


def test_cancelling_a_running_job_is_confirmed_by_the_backend(build: Build) -> None:
    app_context = build()
    job = app_context.job()
    app_context.until(job.id, JobStatus.RUNNING)
    with app_context.scopes.open(OWNER) as scope:
        jobs.cancel(scope, job.id)
    assert app_context.until(job.id).status is JobStatus.CANCELLED
    assert statuses(app_context, job.id)[-2:] == ["cancelling", "cancelled"]
    assert len([entry for entry in app_context.backend.ledger.of(job.id) if entry.call == "cancel"]) == 1


def test_a_job_that_was_faster_than_its_cancellation_has_succeeded(build: Build) -> None:
    app_context = build(look_s=30.0, train_s=60.0)
    job = app_context.job()
    app_context.until(job.id, JobStatus.RUNNING)
    app_context.clock.turn(timedelta(seconds=60))
    with app_context.scopes.open(OWNER) as scope:
        jobs.cancel(scope, job.id)
    assert app_context.until(job.id).status is JobStatus.SUCCEEDED


def test_an_interrupted_job_goes_on_from_its_checkpoint(build: Build) -> None:
    app_context = build(Fault(call="train", kind=FaultKind.INTERRUPTED, times=2))
    job = app_context.job()
    done = app_context.until(job.id)
    assert (done.status, done.resumptions) == (JobStatus.SUCCEEDED, 2)
    reported = [event.message for event in app_context.journal(job.id, "note") if "interrupted" in event.message]
    assert len(reported) == 2


def test_a_job_that_is_interrupted_again_and_again_fails_with_retry_offered(build: Build) -> None:
    app_context = build(Fault(call="train", kind=FaultKind.INTERRUPTED, times=9))
    job = app_context.job()
    done = app_context.until(job.id)
    assert (done.status, done.resumptions) == (JobStatus.FAILED, 3)
    assert "Retry" in done.message


def test_an_interrupted_job_that_nobody_wants_is_cancelled_not_resumed(build: Build) -> None:
    app_context = build(Fault(call="train", kind=FaultKind.INTERRUPTED), look_s=30.0, train_s=100.0)
    job = app_context.job()
    app_context.until(job.id, JobStatus.RUNNING)
    app_context.clock.turn(timedelta(seconds=60))
    with app_context.scopes.open(OWNER) as scope:
        jobs.cancel(scope, job.id)
    assert app_context.until(job.id).status is JobStatus.CANCELLED
    assert not [entry for entry in app_context.backend.ledger.of(job.id) if entry.call == "resume"]


def test_a_job_fails_with_the_backends_reason(build: Build) -> None:
    app_context = build(Fault(call="train", kind=FaultKind.FAILS))
    done = app_context.until(app_context.job().id)
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
    app_context = build(*faults)
    job = app_context.job()
    done = app_context.until(job.id)
    assert done.status is JobStatus.SUCCEEDED
    assert statuses(app_context, job.id) == ["pending", "preparing", "queued", "running", "succeeded"]
    warned = [event for event in app_context.journal(job.id, "note") if event.level is EventLevel.WARNING]
    assert any("That is not taken over." in event.message for event in warned)
    remote = [event.message for event in app_context.journal(job.id, "remote")]
    assert len(remote) == len(set(remote))
    with app_context.scopes.open(OWNER) as scope:
        assert list(jobs.metrics(scope, job.id, names=[TRAIN_LOSS])[0].steps) == list(range(1, 31))


def test_a_job_is_lost_only_after_three_looks_apart(build: Build) -> None:
    app_context = build(Fault(call="observe", kind=FaultKind.NOT_FOUND, times=None))
    job = app_context.job()
    app_context.until(job.id, JobStatus.QUEUED)
    began = app_context.clock.now()
    done = app_context.until(job.id)
    assert (done.status, done.reason) == (JobStatus.FAILED, JobReason.LOST)
    assert app_context.clock.now() - began >= timedelta(seconds=100)
    assert len(app_context.journal(job.id, "missing")) == 3


def test_two_misses_are_forgiven_once_the_job_is_seen_again(build: Build) -> None:
    app_context = build(Fault(call="observe", kind=FaultKind.NOT_FOUND, times=2))
    assert app_context.until(app_context.job().id).status is JobStatus.SUCCEEDED


def test_refused_credentials_pause_the_connection_and_fail_no_job(build: Build) -> None:
    app_context = build(Fault(call="observe", kind=FaultKind.NOT_AUTHORISED, times=3))
    running, waiting = app_context.job("running"), app_context.job("waiting")
    app_context.until(running.id, JobStatus.QUEUED)
    late = app_context.job("late")
    app_context.tick(3)
    with app_context.scopes.open(OWNER) as scope:
        assert (connections.get(scope, REHEARSAL_ID).paused_reason or "").startswith("Rehearsal: not authorised")
    assert app_context.look(late.id).status is JobStatus.PENDING
    assert "paused" in app_context.look(late.id).note
    ends = [app_context.until(job.id, limit=2000) for job in (running, waiting, late)]
    assert {each.status for each in ends} == {JobStatus.SUCCEEDED}
    with app_context.scopes.open(OWNER) as scope:
        assert connections.get(scope, REHEARSAL_ID).paused_reason is None


def test_passing_failure_is_a_note_and_then_forgotten(build: Build) -> None:
    app_context = build(Fault(call="observe", kind=FaultKind.UNAVAILABLE, times=3))
    job = app_context.job()
    app_context.until(job.id, JobStatus.QUEUED)
    app_context.tick()
    failing = app_context.look(job.id)
    assert (failing.status, failing.attempts) == (JobStatus.QUEUED, 1)
    assert failing.note.startswith("Rehearsal: unavailable")
    done = app_context.until(job.id)
    assert (done.status, done.note) == (JobStatus.SUCCEEDED, "")


def test_an_error_that_no_backend_may_raise_is_noted_and_tried_again(build: Build) -> None:
    app_context = build(Fault(call="observe", kind=FaultKind.BROKEN, times=2))
    job = app_context.job()
    app_context.until(job.id, JobStatus.QUEUED)
    app_context.tick()
    assert "TuneDesk met an error of its own (RuntimeError)" in app_context.look(job.id).note
    assert app_context.until(job.id).status is JobStatus.SUCCEEDED


def test_a_full_disk_is_reported_and_the_job_goes_on_by_itself(build: Build) -> None:
    class FullAtFirst(FileStore):
        """A disk that has no room for the first two files."""

        refusals = 2

        def temporary(self) -> Path:
            if self.refusals:
                self.refusals -= 1
                raise StorageFull("The disk is full.", fix="Free some space.")
            return super().temporary()

    app_context = build()
    job = app_context.job(validation=SPLIT)
    files = FullAtFirst(app_context.scopes.app_context.files.root, upload_limit=2**20, disk_reserve=0)
    app_context = app_context.again(files=files)
    app_context.until(job.id, JobStatus.PREPARING)
    app_context.tick()
    waiting = app_context.look(job.id)
    assert (waiting.status, waiting.note) == (JobStatus.PREPARING, "The disk is full. Free some space.")
    assert app_context.until(job.id).status is JobStatus.SUCCEEDED


def test_rows_that_cannot_be_split_fail_the_job_with_a_sentence(build: Build) -> None:
    app_context = build()
    job = app_context.job(validation=SPLIT | {"strategy": "grouped", "key": "customer"})
    done = app_context.until(job.id)
    assert (done.status, done.reason) == (JobStatus.FAILED, JobReason.INVALID_DATA)
    assert "customer" in done.message
