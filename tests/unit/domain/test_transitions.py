"""The state tables: no traps, everything reachable, an end always in reach; and `advance` obeys them to the letter."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import deployments, evaluations, jobs
from app.domain.deployments import Deployment, DeploymentStatus, Target
from app.domain.evaluations import Evaluation, EvaluationStatus
from app.domain.jobs import ACTIVE, OPEN, FineTuningJob, JobReason, JobSpec, JobStatus
from docs.state_diagrams import TABLES

S = TypeVar("S", bound=StrEnum)
Table = Mapping[S, frozenset[S]]
START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
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
def test_nothing_follows_itself(table: Table[StrEnum]) -> None:
    assert all(status not in following for status, following in table.items())


def test_a_job_can_be_cancelled_from_every_open_status() -> None:
    others = {JobStatus.SUCCEEDED, JobStatus.FAILED}
    for status in OPEN:
        assert JobStatus.CANCELLED in reachable(jobs.TRANSITIONS, status, without=others)


def test_a_job_can_fail_from_every_open_status() -> None:
    assert all(JobStatus.FAILED in jobs.TRANSITIONS[status] for status in OPEN)


def test_a_job_never_goes_back_but_for_a_person() -> None:
    """Only `unknown`, which a person resolves, leads back to where the submit has yet to come."""
    order = [JobStatus.PENDING, JobStatus.PREPARING, JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.SUCCEEDED]
    for later, status in enumerate(order):
        assert not set(order[:later]) & reachable(jobs.TRANSITIONS, status, without={JobStatus.UNKNOWN})


def test_what_may_exist_at_a_backend_holds_a_slot_there() -> None:
    assert {JobStatus.PENDING} == OPEN - ACTIVE
    assert not {status for status in ACTIVE if status.is_final}


def test_a_deployment_can_be_deleted_from_every_status() -> None:
    for status in set(DeploymentStatus) - {DeploymentStatus.DELETED, DeploymentStatus.DELETING}:
        assert DeploymentStatus.DELETING in deployments.TRANSITIONS[status]
    assert DeploymentStatus.DELETED in deployments.TRANSITIONS[DeploymentStatus.DELETING]


def test_an_evaluation_can_be_cancelled_while_it_is_open() -> None:
    for status in (EvaluationStatus.PENDING, EvaluationStatus.RUNNING):
        assert EvaluationStatus.CANCELLED in evaluations.TRANSITIONS[status]


@given(st.lists(st.sampled_from(JobStatus), max_size=30))
def test_a_job_follows_its_table_whatever_it_is_reported(requests: list[JobStatus]) -> None:
    job = replace(JOB, note="waits", attempts=3)
    for number, request in enumerate(requests):
        at = START + timedelta(seconds=number + 1)
        if request is job.status:
            assert job.advance(request, at=at) is job
        elif request in jobs.TRANSITIONS[job.status]:
            moved = job.advance(request, at=at, reason=JobReason.REQUESTED, message="said")
            assert (moved.status, moved.changed_at, moved.note, moved.attempts) == (request, at, "", 0)
            assert (moved.reason, moved.message) == (JobReason.REQUESTED, "said")
            assert (moved.ended_at == at) is request.is_final
            assert moved.started_at == (job.started_at or (at if request is JobStatus.RUNNING else None))
            assert (moved.id, moved.spec, moved.goal, moved.created_at) == (job.id, job.spec, job.goal, job.created_at)
            job = moved
        else:
            with pytest.raises(jobs.IllegalTransition):
                job.advance(request, at=at)


@given(st.lists(st.sampled_from(DeploymentStatus), max_size=30))
def test_a_deployment_follows_its_table_whatever_it_is_reported(requests: list[DeploymentStatus]) -> None:
    deployment = DEPLOYMENT
    for number, request in enumerate(requests):
        at = START + timedelta(seconds=number + 1)
        if request is deployment.status:
            assert deployment.advance(request, at=at) is deployment
        elif request in deployments.TRANSITIONS[deployment.status]:
            moved = deployment.advance(request, at=at)
            assert (moved.status, moved.goal) == (request, deployment.goal)
            assert (moved.ended_at == at) is request.is_final
            assert moved.ready_at == (at if request is DeploymentStatus.READY else deployment.ready_at)
            deployment = moved
        else:
            with pytest.raises(deployments.IllegalTransition):
                deployment.advance(request, at=at)


@given(st.lists(st.sampled_from(EvaluationStatus), max_size=10))
def test_an_evaluation_follows_its_table_whatever_it_is_reported(requests: list[EvaluationStatus]) -> None:
    evaluation = EVALUATION
    for number, request in enumerate(requests):
        at = START + timedelta(seconds=number + 1)
        if request is evaluation.status:
            assert evaluation.advance(request, at=at) is evaluation
        elif request in evaluations.TRANSITIONS[evaluation.status]:
            moved = evaluation.advance(request, at=at)
            assert (moved.status, moved.goal) == (request, evaluation.goal)
            assert (moved.ended_at == at) is request.is_final
            evaluation = moved
        else:
            with pytest.raises(evaluations.IllegalTransition):
                evaluation.advance(request, at=at)
