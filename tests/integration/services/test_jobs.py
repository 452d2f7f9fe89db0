"""What may be asked of a job, and what is refused with which sentence."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from app.domain.errors import Conflict, Invalid
from app.domain.jobs import JobGoal, JobStatus, TaskType
from app.services import jobs
from tests.support.app_context import TestHouse
from tests.support.connections import LOCAL_ID
from tests.support.local import STARTER, backend_over


def problems_of(app_context: TestHouse, fields: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(Invalid) as caught, app_context.open() as scope:
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
def test_a_wrong_field_is_named(app_context: TestHouse, change: dict[str, Any], pointer: str) -> None:
    assert pointer in problems_of(app_context, app_context.fields(**change))
    with app_context.open() as scope:
        assert not jobs.list_jobs(scope).items


def test_a_task_that_the_model_is_not_trained_for_is_refused(app_context: TestHouse) -> None:
    asked = app_context.fields(task_type="text_completion")
    with pytest.raises(Invalid) as caught, app_context.open() as scope:
        jobs.create(scope, asked)
    (problem,) = caught.value.problems
    assert (problem.pointer, problem.code) == ("/task_type", "unsupported")
    assert problem.message == "Rehearsal small is not trained for text_completion."
    assert problem.fix == "Choose chat_completion, or another base model."


def test_a_directory_without_a_chat_template_learns_texts_alone(tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    shutil.copytree(STARTER, folder, ignore=lambda _, names: [name for name in names if "template" in name])
    settings = folder / "tokenizer_config.json"
    kept = {name: each for name, each in json.loads(settings.read_bytes()).items() if name != "chat_template"}
    settings.write_text(json.dumps(kept))
    local = backend_over(tmp_path / "runs", Path(sys.executable))
    house = TestHouse(tmp_path, [local])
    pairs = house.upload(b'{"prompt": "1 + 1 =", "completion": " 2"}\n' * 20, "pairs").id
    texts = {
        "project": house.project(),
        "connection": LOCAL_ID,
        "base_model": f"path:{folder}",
        "training_dataset": pairs,
    }
    assert problems_of(house, house.fields(**texts, task_type="chat_completion")) == {"/task_type": "unsupported"}
    assert problems_of(house, house.fields(**texts | {"training_dataset": house.dataset().id})) == {
        "/task_type": "format"
    }
    with house.open() as scope:
        assert jobs.create(scope, house.fields(**texts)).spec.task_type is TaskType.TEXT_COMPLETION
    house.database.close()


def test_everything_that_is_wrong_is_reported_at_once(app_context: TestHouse) -> None:
    wrong = problems_of(app_context, app_context.fields(name="A B", method="magic", seed=-5))
    assert {"/name", "/method", "/seed"} <= set(wrong)


def test_a_job_is_recorded_and_the_engine_is_woken_after_the_commit(app_context: TestHouse) -> None:
    before = app_context.nudges
    with app_context.open() as scope:
        job = jobs.create(scope, app_context.fields())
        during = app_context.nudges
    assert app_context.nudges > before
    assert during <= app_context.nudges
    with app_context.open() as scope:
        stored = jobs.get(scope, job.id)
        assert stored == job
        assert jobs.counts(scope) == {JobStatus.PENDING: 1}
        assert [each.name for each in jobs.stages(scope, job.id)[:2]] == ["waiting", "data"]


def test_cancelling_writes_the_goal_and_leaves_the_status_to_the_engine(app_context: TestHouse) -> None:
    with app_context.open() as scope:
        job = jobs.create(scope, app_context.fields())
    for _ in range(2):
        with app_context.open() as scope:
            asked = jobs.cancel(scope, job.id)
    assert (asked.goal, asked.status) == (JobGoal.CANCELLED, JobStatus.PENDING)
    with app_context.open() as scope:
        requests = [event for event in jobs.events(scope, job.id).items if event.kind == "request"]
    assert len(requests) == 1


def test_a_job_under_way_is_not_retried(app_context: TestHouse) -> None:
    with app_context.open() as scope:
        job = jobs.create(scope, app_context.fields())
    with pytest.raises(Conflict), app_context.open() as scope:
        jobs.retry(scope, job.id)


def test_only_an_unknown_job_can_be_resolved(app_context: TestHouse) -> None:
    with app_context.open() as scope:
        job = jobs.create(scope, app_context.fields())
    with pytest.raises(Conflict), app_context.open() as scope:
        jobs.resolve(scope, job.id, not_submitted=True)


def test_pages_of_jobs_hold_each_once(app_context: TestHouse) -> None:
    made = []
    project, dataset = app_context.project(), app_context.dataset().id
    for _ in range(7):
        with app_context.open() as scope:
            made.append(jobs.create(scope, app_context.fields(project=project, training_dataset=dataset)).id)
    seen: list[str] = []
    cursor = None
    while True:
        with app_context.open() as scope:
            page = jobs.list_jobs(scope, limit=3, cursor=cursor)
        seen += [job.id for job in page.items]
        if page.next is None:
            break
        cursor = page.next
    assert sorted(seen) == sorted(made)
