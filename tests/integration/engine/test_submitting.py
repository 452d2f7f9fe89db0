"""One job is submitted once, whatever becomes of the answer and whenever the process dies."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from app.backends.rehearsal import Died, Fault, FaultKind
from app.domain.actors import OWNER
from app.domain.jobs import JobReason, JobStatus
from app.engine.engine import LEASE_S
from app.services import jobs
from tests.support.rehearsed import Rehearsed

Build = Callable[..., Rehearsed]
LAG = 3.0
GRACE = 8.0


def house_with(build: Build, *faults: Fault) -> Rehearsed:
    """Build a house whose provider makes a second job of every second submit, as providers do."""
    return build(*faults, repeats_doubles=True, acceptance_grace_s=GRACE)


@pytest.mark.parametrize(
    ("kind", "seconds", "submits"),
    [
        (FaultKind.LOST_ANSWER, 0.0, 1),  # accepted, and the answer lost: found again, not repeated
        (FaultKind.LATE_ACCEPTANCE, LAG, 1),  # accepted only after the answer failed to come
        (FaultKind.OUTCOME_UNKNOWN, 0.0, 2),  # never accepted, but the caller cannot know
        (FaultKind.UNAVAILABLE, 0.0, 2),  # surely not accepted
        (FaultKind.RATE_LIMITED, 7.0, 2),
    ],
)
def test_an_unanswered_submit_makes_exactly_one_job(
    build: Build, kind: FaultKind, seconds: float, submits: int
) -> None:
    app_context = house_with(build, Fault(call="submit", kind=kind, seconds=seconds))
    job = app_context.job()
    assert app_context.until(job.id).status is JobStatus.SUCCEEDED
    assert len(app_context.accepted(job.id)) == 1
    tried = [entry for entry in app_context.backend.ledger.of(job.id) if entry.call == "submit"]
    assert len(tried) == submits


def test_a_doubtful_submit_is_not_looked_up_before_the_grace_is_over(build: Build) -> None:
    app_context = house_with(build, Fault(call="submit", kind=FaultKind.LATE_ACCEPTANCE, seconds=LAG))
    job = app_context.job()
    app_context.until(job.id, JobStatus.PREPARING)
    app_context.tick(2)
    doubtful = app_context.look(job.id)
    assert doubtful.submit_in_doubt
    assert doubtful.status is JobStatus.PREPARING
    assert doubtful.submit_started_at is not None
    found = app_context.until(job.id, JobStatus.QUEUED)
    assert found.changed_at - doubtful.submit_started_at >= timedelta(seconds=GRACE)


@pytest.mark.parametrize(("kind", "submits"), [(FaultKind.DIES_BEFORE, 2), (FaultKind.DIES_AFTER, 1)])
def test_a_process_that_dies_within_a_submit_leaves_a_doubt_and_not_a_second_job(
    build: Build, kind: FaultKind, submits: int
) -> None:
    """The intent is on the disk before the call; the next process looks up what came of it, and does not try again."""
    app_context = house_with(build, Fault(call="submit", kind=kind))
    job = app_context.job()
    with pytest.raises(Died):
        app_context.tick(5)
    left = app_context.look(job.id)
    assert (left.status, left.submit_in_doubt) == (JobStatus.PREPARING, True)
    heir = app_context.again()
    heir.engine.take_over()
    assert heir.until(job.id).status is JobStatus.SUCCEEDED
    assert len(heir.accepted(job.id)) == 1
    assert len([entry for entry in heir.backend.ledger.of(job.id) if entry.call == "submit"]) == submits


def test_the_next_process_waits_for_what_is_still_on_its_way(build: Build) -> None:
    """It finds the intent at once after its start, while the provider has yet to accept what the dead one sent."""
    app_context = house_with(build, Fault(call="submit", kind=FaultKind.DIES_AFTER, seconds=LAG))
    job = app_context.job()
    with pytest.raises(Died):
        app_context.tick(5)
    heir = app_context.again()
    heir.engine.take_over()
    assert heir.until(job.id).status is JobStatus.SUCCEEDED
    assert len(heir.accepted(job.id)) == 1


def test_a_process_that_was_thought_dead_records_nothing_and_submits_nothing(build: Build) -> None:
    """A worker that was paused longer than its lease wakes up: its number is old, so it stops before the call."""
    app_context = house_with(build)
    job = app_context.job()
    app_context.until(job.id, JobStatus.PREPARING)
    app_context.tick()  # the parts are named
    app_context.clock.turn(timedelta(seconds=1))
    (late,) = app_context.engine.claim(10)
    app_context.clock.turn(timedelta(seconds=LEASE_S + 1))
    app_context.engine.reconcile(late)
    assert not app_context.accepted(job.id)
    heir = app_context.again()
    assert heir.until(job.id).status is JobStatus.SUCCEEDED
    assert len(heir.accepted(job.id)) == 1


def test_a_late_result_is_dropped(build: Build) -> None:
    app_context = house_with(build)
    job = app_context.job()
    app_context.until(job.id, JobStatus.RUNNING)
    app_context.clock.turn(timedelta(seconds=2))
    (late,) = app_context.engine.claim(10)
    app_context.clock.turn(timedelta(seconds=LEASE_S + 1))
    done = app_context.again().until(job.id)
    before = app_context.journal(job.id)
    app_context.engine.reconcile(late)
    assert app_context.look(job.id) == done
    assert app_context.journal(job.id) == before


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (FaultKind.QUOTA_EXCEEDED, JobReason.QUOTA),
        (FaultKind.REJECTED, JobReason.INVALID_REQUEST),
        (FaultKind.DATA_REJECTED, JobReason.INVALID_DATA),
    ],
)
def test_a_refusal_fails_the_job_with_its_reason(build: Build, kind: FaultKind, reason: JobReason) -> None:
    app_context = house_with(build, Fault(call="submit", kind=kind))
    done = app_context.until(app_context.job().id)
    assert (done.status, done.reason) == (JobStatus.FAILED, reason)
    assert done.message.startswith("Rehearsal: ")


def test_an_error_that_no_backend_may_raise_leaves_a_doubt(build: Build) -> None:
    app_context = house_with(build, Fault(call="submit", kind=FaultKind.BROKEN))
    job = app_context.job()
    assert app_context.until(job.id).status is JobStatus.SUCCEEDED
    assert len(app_context.accepted(job.id)) == 1


def test_a_cancelled_job_in_doubt_is_found_first_and_then_cancelled(build: Build) -> None:
    app_context = house_with(build, Fault(call="submit", kind=FaultKind.LOST_ANSWER))
    job = app_context.job()
    app_context.until(job.id, JobStatus.PREPARING)
    app_context.tick(2)
    with app_context.scopes.open(OWNER) as scope:
        jobs.cancel(scope, job.id)
    assert app_context.until(job.id).status is JobStatus.CANCELLED
    assert [entry.call for entry in app_context.backend.ledger.of(job.id)].count("cancel") == 1


def test_a_cancelled_job_that_was_never_accepted_is_cancelled_after_the_look_up(build: Build) -> None:
    app_context = house_with(build, Fault(call="submit", kind=FaultKind.OUTCOME_UNKNOWN))
    job = app_context.job()
    app_context.until(job.id, JobStatus.PREPARING)
    app_context.tick(2)
    with app_context.scopes.open(OWNER) as scope:
        jobs.cancel(scope, job.id)
    assert app_context.until(job.id).status is JobStatus.CANCELLED
    assert not app_context.accepted(job.id)


def unknown(build: Build) -> tuple[Rehearsed, str]:
    app_context = house_with(
        build, Fault(call="submit", kind=FaultKind.LOST_ANSWER), Fault(call="find", kind=FaultKind.UNSUPPORTED)
    )
    job = app_context.job()
    assert app_context.until(job.id, JobStatus.UNKNOWN).submit_in_doubt
    assert app_context.tick(200) == 0  # it waits for a person, and costs nothing meanwhile
    return app_context, job.id


def test_where_nothing_can_be_looked_up_a_person_names_the_job(build: Build) -> None:
    app_context, job = unknown(build)
    with app_context.scopes.open(OWNER) as scope:
        jobs.resolve(scope, job, remote_id=app_context.accepted(job)[0].id)
    assert app_context.until(job).status is JobStatus.SUCCEEDED
    assert len(app_context.accepted(job)) == 1


def test_where_nothing_can_be_looked_up_a_person_says_that_it_was_not_submitted(build: Build) -> None:
    app_context, job = unknown(build)
    with app_context.scopes.open(OWNER) as scope:
        jobs.resolve(scope, job, not_submitted=True)
    assert app_context.until(job).status is JobStatus.SUCCEEDED


def test_where_nothing_can_be_looked_up_a_person_gives_up(build: Build) -> None:
    app_context, job = unknown(build)
    with app_context.scopes.open(OWNER) as scope:
        jobs.cancel(scope, job)
    ended = app_context.until(job)
    assert ended.status is JobStatus.CANCELLED
    assert "have a look there" in ended.message


def test_without_the_grace_a_late_acceptance_would_be_doubled(build: Build) -> None:
    """The tests above can fail: looked up at once, the late job is not there yet, and is made a second time."""
    late = Fault(call="submit", kind=FaultKind.LATE_ACCEPTANCE, seconds=LAG)
    app_context = build(late, repeats_doubles=True, acceptance_grace_s=0.0)
    job = app_context.job()
    app_context.until(job.id)
    assert len(app_context.accepted(job.id)) == 2
