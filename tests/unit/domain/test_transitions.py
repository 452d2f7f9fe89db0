"""The state tables: no traps, everything reachable, an end always in reach; and `advance` obeys them to the letter."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import deployments, evaluations, jobs
from app.domain.deployments import Deployment, DeploymentStatus, Target
from app.domain.evaluations import Evaluation, EvaluationStatus
from app.domain.jobs import ACTIVE, OPEN, FineTuningJob, JobReason, JobSpec, JobStatus
from app.domain.state_machine import IllegalTransition, Stateful
from docs.state_diagrams import TABLES

S = TypeVar("S", bound=StrEnum)
Table = Mapping[S, frozenset[S]]
START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
ENDS = {"succeeded", "failed", "cancelled"}
TARGET = Target(connection="con_1", base_model="m")
JOB = FineTuningJob(
    id="job_1",
    spec=JobSpec(project="prj_1", connection="con_1", base_model="m", name="n", training_dataset="ds_1"),
    created_at=START,
    changed_at=START,
)
DEPLOYMENT = Deployment(id="dep_1", name="d", target=TARGET, created_at=START, changed_at=START)
EVALUATION = Evaluation(id="evl_1", target=TARGET, dataset="ds_1", created_at=START, changed_at=START)

tables = pytest.mark.parametrize("table", list(TABLES.values()), ids=list(TABLES))


def reachable(table: Table[S], start: S, *, without: Iterable[S] = ()) -> set[S]:
    """Return the statuses that can follow `start`, at any distance, without passing through some."""
    barred, seen, waiting = set(without), set[S](), [start]
    while waiting:
        for following in table[waiting.pop()]:
            if following not in seen and following not in barred:
                seen.add(following)
                waiting.append(following)
    return seen


@tables
def test_every_status_has_its_line_and_names_only_known_ones(table: Table[StrEnum]) -> None:
    kind = type(next(iter(table)))
    assert set(table) == set(kind)
    assert set().union(*table.values()) <= set(kind)


@tables
def test_every_status_can_be_reached_from_pending(table: Table[StrEnum]) -> None:
    first = next(status for status in table if status.value == "pending")
    assert reachable(table, first) | {first} == set(table)


@tables
def test_from_every_status_an_end_can_be_reached(table: Table[StrEnum]) -> None:
    ends = {status for status in table if not table[status]}
    assert ends
    for status in table.keys() - ends:
        assert reachable(table, status) & ends, f"{status} is a trap"


@tables
def test_everything_can_fail(table: Table[StrEnum]) -> None:
    assert "failed" in set(table)


@tables
def test_nothing_follows_itself(table: Table[StrEnum]) -> None:
    assert all(status not in following for status, following in table.items())


def test_a_job_can_be_cancelled_from_every_open_status() -> None:
    others = {JobStatus.SUCCEEDED, JobStatus.FAILED}
    for status in OPEN:
        assert JobStatus.CANCELLED in reachable(jobs.TRANSITIONS, status, without=others)


def test_a_job_can_fail_from_every_open_status() -> None:
    assert all(JobStatus.FAILED in jobs.TRANSITIONS[status] for status in OPEN)


def test_a_job_never_goes_back_but_for_a_person() -> None:
    """Only `unknown`, which a person resolves, leads back to where the submit has yet to come.

    And only a pause leads back to waiting at the backend.
    """
    order = [JobStatus.PENDING, JobStatus.PREPARING, JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.SUCCEEDED]
    for later, status in enumerate(order):
        passed = {JobStatus.UNKNOWN, JobStatus.PAUSED}
        assert not set(order[:later]) & reachable(jobs.TRANSITIONS, status, without=passed)
    resumed = reachable(jobs.TRANSITIONS, JobStatus.PAUSED, without={JobStatus.UNKNOWN})
    assert not {JobStatus.PENDING, JobStatus.PREPARING} & resumed


def test_what_may_exist_at_a_backend_holds_a_slot_there_unless_it_is_paused() -> None:
    assert {JobStatus.PENDING, JobStatus.PAUSED} == OPEN - ACTIVE
    assert not {status for status in ACTIVE if status.is_final}


def test_a_deployment_can_be_deleted_from_every_status() -> None:
    for status in set(DeploymentStatus) - {DeploymentStatus.DELETED, DeploymentStatus.DELETING}:
        assert DeploymentStatus.DELETING in deployments.TRANSITIONS[status]
    assert DeploymentStatus.DELETED in deployments.TRANSITIONS[DeploymentStatus.DELETING]


def test_an_evaluation_can_be_cancelled_while_it_is_open() -> None:
    for status in (EvaluationStatus.PENDING, EvaluationStatus.RUNNING):
        assert EvaluationStatus.CANCELLED in evaluations.TRANSITIONS[status]


MACHINES: Sequence[tuple[Stateful[Any], Table[Any], set[str], tuple[str, str, bool]]] = [
    (JOB, jobs.TRANSITIONS, ENDS, ("running", "started_at", False)),
    (DEPLOYMENT, deployments.TRANSITIONS, {"deleted"}, ("ready", "ready_at", True)),
    (EVALUATION, evaluations.TRANSITIONS, ENDS, ("running", "started_at", False)),
]


@pytest.mark.parametrize(("first", "table", "ends", "noted"), MACHINES, ids=["job", "deployment", "evaluation"])
@given(data=st.data())
def test_each_follows_its_table_whatever_it_is_reported(
    first: Stateful[Any], table: Table[Any], ends: set[str], noted: tuple[str, str, bool], data: st.DataObject
) -> None:
    """`noted`: the status whose moment is kept, the field that keeps it, and whether the last time counts."""
    value = replace(first, note="waits", attempts=3)
    history: list[tuple[str, datetime]] = []
    for number, request in enumerate(data.draw(st.lists(st.sampled_from(list(table)), max_size=30))):
        at = START + timedelta(seconds=number + 1)
        if request is value.status:
            assert value.advance(request, at=at) is value
        elif request not in table[value.status]:
            with pytest.raises(IllegalTransition):
                value.advance(request, at=at)
        else:
            value = value.advance(request, at=at, reason=JobReason.REQUESTED, message="said")
            history.append((request.value, at))
            assert (value.reason, value.message) == (JobReason.REQUESTED, "said")
    assert (value.id, value.created_at) == (first.id, first.created_at)
    assert value.status.value == (history[-1][0] if history else "pending")
    assert value.changed_at == (history[-1][1] if history else START)
    assert (value.note, value.attempts) == (("", 0) if history else ("waits", 3))
    assert value.ended_at == (history[-1][1] if value.status.value in ends else None)
    status, field, last = noted
    moments = [at for reached, at in history if reached == status]
    assert getattr(value, field) == (moments[-1 if last else 0] if moments else None)


def test_a_deployment_that_is_made_again_is_ready_anew_and_a_job_starts_once() -> None:
    times = [START + timedelta(minutes=number) for number in range(6)]
    deployment = DEPLOYMENT
    for at, status in zip(times, ("creating", "ready", "creating", "ready"), strict=False):
        deployment = deployment.advance(DeploymentStatus(status), at=at)
    assert deployment.ready_at == times[3]
    job = JOB
    for at, status in zip(times, ("preparing", "running", "cancelling", "cancelled"), strict=False):
        job = job.advance(JobStatus(status), at=at)
    assert (job.started_at, job.ended_at) == (times[1], times[3])
