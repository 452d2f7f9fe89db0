"""What may be asked of a job, and what is refused with which sentence."""

from typing import Any

import pytest

from app.domain.errors import Conflict, Invalid
from app.domain.jobs import JobGoal, JobStatus
from app.services import jobs
from tests.support.house import TestHouse


def problems_of(house: TestHouse, fields: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(Invalid) as caught, house.open() as scope:
        jobs.create(scope, fields)
    assert all(problem.message and problem.fix for problem in caught.value.problems)
    return {problem.pointer: problem.code for problem in caught.value.problems}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"project": "prj_missing"}, "/project"),
        ({"connection": "con_missing"}, "/connection"),
        ({"base_model": "no-such-model"}, "/base_model"),
        ({"name": "Has Spaces"}, "/name"),
        ({"name": ""}, "/name"),
        ({"task_type": "poetry"}, "/task_type"),
        ({"method": "magic"}, "/method"),
        ({"training_dataset": "ds_missing"}, "/training_dataset"),
        ({"validation": {"kind": "split", "ratio": 1.5}}, "/validation/ratio"),
        ({"validation": {"kind": "split", "ratio": "much"}}, "/validation/ratio"),
        ({"validation": {"kind": "sometimes"}}, "/validation/kind"),
        ({"validation": {"kind": "dataset"}}, "/validation/dataset"),
        ({"validation": {"kind": "split", "ratio": 0.1, "typo": 1}}, "/validation/typo"),
        ({"validation": "split"}, "/validation"),
        ({"seed": -1}, "/seed"),
        ({"seed": 2**63}, "/seed"),
        ({"hyperparameters": {"learning_rate": -1}}, "/hyperparameters/learning_rate"),
        ({"hyperparameters": {"learning_rate": float("nan")}}, "/hyperparameters/learning_rate"),
        ({"hyperparameters": {"learning_rate": "1e999"}}, "/hyperparameters/learning_rate"),
        ({"hyperparameters": {"n_epochs": 1.5}}, "/hyperparameters/n_epochs"),
        ({"hyperparameters": {"n_epoch": 1}}, "/hyperparameters/n_epoch"),
        ({"hyperparameters": "fast"}, "/hyperparameters"),
        ({"colour": "red"}, "/colour"),
    ],
)
def test_a_wrong_field_is_named(house: TestHouse, change: dict[str, Any], pointer: str) -> None:
    assert pointer in problems_of(house, house.fields(**change))
    with house.open() as scope:
        assert not jobs.list_jobs(scope).items


def test_everything_that_is_wrong_is_told_at_once(house: TestHouse) -> None:
    wrong = problems_of(house, house.fields(name="A B", method="magic", seed=-5))
    assert {"/name", "/method", "/seed"} <= set(wrong)


def test_a_job_is_recorded_and_the_engine_is_woken_after_the_commit(house: TestHouse) -> None:
    before = house.nudges
    with house.open() as scope:
        job = jobs.create(scope, house.fields())
        during = house.nudges
    assert house.nudges > before
    assert during <= house.nudges
    with house.open() as scope:
        stored = jobs.get(scope, job.id)
        assert stored == job
        assert jobs.counts(scope) == {JobStatus.PENDING: 1}
        assert jobs.stages(scope, job.id)[0].name == "data"


def test_cancelling_writes_the_goal_and_leaves_the_status_to_the_engine(house: TestHouse) -> None:
    with house.open() as scope:
        job = jobs.create(scope, house.fields())
    for _ in range(2):
        with house.open() as scope:
            asked = jobs.cancel(scope, job.id)
    assert (asked.goal, asked.status) == (JobGoal.CANCELLED, JobStatus.PENDING)
    with house.open() as scope:
        requests = [event for event in jobs.events(scope, job.id).items if event.kind == "request"]
    assert len(requests) == 1


def test_a_job_under_way_is_not_retried(house: TestHouse) -> None:
    with house.open() as scope:
        job = jobs.create(scope, house.fields())
    with pytest.raises(Conflict), house.open() as scope:
        jobs.retry(scope, job.id)


def test_only_an_unknown_job_can_be_resolved(house: TestHouse) -> None:
    with house.open() as scope:
        job = jobs.create(scope, house.fields())
    with pytest.raises(Conflict), house.open() as scope:
        jobs.resolve(scope, job.id, not_submitted=True)


def test_pages_of_jobs_hold_each_once(house: TestHouse) -> None:
    made = []
    project, dataset = house.project(), house.dataset().id
    for _ in range(7):
        with house.open() as scope:
            made.append(jobs.create(scope, house.fields(project=project, training_dataset=dataset)).id)
    seen: list[str] = []
    cursor = None
    while True:
        with house.open() as scope:
            page = jobs.list_jobs(scope, limit=3, cursor=cursor)
        seen += [job.id for job in page.items]
        if page.next is None:
            break
        cursor = page.next
    assert sorted(seen) == sorted(made)
