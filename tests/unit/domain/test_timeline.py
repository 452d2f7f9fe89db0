from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.deployments import Target
from app.domain.evaluations import Evaluation, EvaluationStatus
from app.domain.events import Event, EventLevel
from app.domain.jobs import FineTuningJob, JobSpec, JobStatus
from app.domain.timeline import StageState, timeline

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SPEC = JobSpec(project="p", connection="c", base_model="b", name="n", training_dataset="d")
JOB = FineTuningJob(
    id="job_1", spec=SPEC, status=JobStatus.SUCCEEDED, fine_tuned_model="mdl_1", created_at=NOW, changed_at=NOW
)
ASKED = Evaluation(
    id="evl_1", target=Target(connection="c", base_model="b"), dataset="d", job=JOB.id, created_at=NOW, changed_at=NOW
)
WAITING = replace(ASKED, note="Deploy it first.")
UNDER_WAY = replace(ASKED, status=EvaluationStatus.RUNNING, done_rows=4, started_at=NOW)
DONE = replace(ASKED, status=EvaluationStatus.SUCCEEDED, done_rows=9, started_at=NOW, ended_at=NOW)


@pytest.mark.parametrize(
    ("evaluations", "state", "detail"),
    [
        ((), StageState.SKIPPED, ""),
        ((WAITING, WAITING), StageState.WAITING, "Deploy it first."),
        ((DONE, WAITING), StageState.CURRENT, "Deploy it first."),
        ((UNDER_WAY, WAITING), StageState.CURRENT, "4 rows answered"),
        ((DONE, DONE), StageState.DONE, ""),
    ],
)
def test_an_evaluation_says_what_it_waits_for(
    evaluations: tuple[Evaluation, ...], state: StageState, detail: str
) -> None:
    (stage,) = [each for each in timeline(JOB, (), evaluations, ()) if each.name == "evaluation"]
    assert (stage.state, stage.detail) == (state, detail)


def test_what_was_cancelled_on_the_way_was_not_skipped() -> None:
    job = replace(JOB, status=JobStatus.CANCELLED, fine_tuned_model=None, started_at=NOW, ended_at=NOW)
    states = {each.name: each.state for each in timeline(job, (), (), ())}
    assert (states["training"], states["model"]) == (StageState.CANCELLED, StageState.SKIPPED)


def test_what_was_taken_over_from_an_earlier_job_took_this_one_no_time() -> None:
    earlier, later = NOW - timedelta(minutes=10), NOW + timedelta(seconds=12)
    base = replace(DONE, started_at=earlier, ended_at=earlier)
    tuned = replace(DONE, id="evl_2", started_at=NOW, ended_at=later)
    (stage,) = [each for each in timeline(JOB, (), (base, tuned), ()) if each.name == "evaluation"]
    assert (stage.started_at, stage.ended_at) == (NOW, later)
    (alone,) = [each for each in timeline(JOB, (), (base,), ()) if each.name == "evaluation"]
    assert (alone.state, alone.started_at, alone.ended_at) == (StageState.DONE, None, None)


def test_waiting_for_its_turn_is_no_work_on_data() -> None:
    job = replace(JOB, status=JobStatus.PENDING, fine_tuned_model=None, note="It waits for another job.")
    states = {each.name: (each.state, each.detail) for each in timeline(job, (), (), ())}
    assert states["waiting"] == (StageState.CURRENT, "It waits for another job.")
    assert states["data"] == (StageState.WAITING, "")
    began = NOW + timedelta(seconds=53)
    change = Event(
        number=1, subject=JOB.id, at=began, level=EventLevel.INFO, kind="status", message=JobStatus.PREPARING.value
    )
    going = {each.name: each for each in timeline(replace(job, status=JobStatus.PREPARING), (change,), (), ())}
    assert (going["waiting"].state, going["waiting"].ended_at) == (StageState.DONE, began)
    assert (going["data"].state, going["data"].started_at) == (StageState.CURRENT, began)
