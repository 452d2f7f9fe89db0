"""The wizard's memory: stored at every step, submitted once."""

from dataclasses import replace

import pytest

from app.domain.drafts import Step
from app.domain.errors import Conflict, Invalid, Stale
from app.services import datasets, drafts, jobs
from tests.support.app_context import TestHouse


def test_an_answer_is_stored_although_it_is_wrong(app_context: TestHouse) -> None:
    with app_context.open() as scope:
        draft = drafts.create(scope)
    with app_context.open() as scope:
        _, checked = drafts.update_step(scope, draft.id, Step.MODEL, {"name": "Not A Name!", "base_model": "x"})
    assert [problem.pointer for problem in checked.problems if problem.pointer == "/name"] == ["/name"]
    with app_context.open() as scope:
        assert drafts.get(scope, draft.id).values["name"] == "Not A Name!"


def test_a_field_of_another_step_is_refused_and_nothing_is_stored(app_context: TestHouse) -> None:
    with app_context.open() as scope:
        draft = drafts.create(scope)
    with pytest.raises(Invalid) as caught, app_context.open() as scope:
        drafts.update_step(scope, draft.id, Step.DATA, {"name": "x"})
    assert caught.value.problems[0].pointer == "/name"
    with app_context.open() as scope:
        assert drafts.get(scope, draft.id).revision == draft.revision


def test_the_second_of_two_editors_is_reported(app_context: TestHouse) -> None:
    with app_context.open() as scope:
        draft = drafts.create(scope)
    with app_context.open() as scope:
        drafts.update_step(scope, draft.id, Step.MODEL, {"name": "first"}, revision=draft.revision)
    with pytest.raises(Stale), app_context.open() as scope:
        drafts.update_step(scope, draft.id, Step.MODEL, {"name": "second"}, revision=draft.revision)
    with app_context.open() as scope:
        assert drafts.get(scope, draft.id).values["name"] == "first"


def test_a_review_lists_everything_that_is_missing_with_its_step(app_context: TestHouse) -> None:
    with app_context.open() as scope:
        draft = drafts.create(scope)
        found = drafts.review(scope, draft.id)
    assert not found.complete
    assert {notice.step for notice in found.blockers} >= {"project", "model", "data"}


def test_a_complete_draft_becomes_one_job_however_often_it_is_submitted(app_context: TestHouse) -> None:
    with app_context.open() as scope:
        draft = drafts.create(scope, app_context.fields())
    with app_context.open() as scope:
        review = drafts.review(scope, draft.id)
        assert review.complete, review.blockers
    submitted = []
    for _ in range(3):
        with app_context.open() as scope:
            submitted.append(drafts.submit(scope, draft.id).id)
    with app_context.open() as scope:
        assert [job.id for job in jobs.list_jobs(scope).items] == [submitted[0]]
    assert set(submitted) == {submitted[0]}
    with pytest.raises(Conflict), app_context.open() as scope:
        drafts.update_step(scope, draft.id, Step.MODEL, {"name": "later"})


def test_a_clone_asks_for_the_same_job(app_context: TestHouse) -> None:
    with app_context.open() as scope:
        job = jobs.create(scope, app_context.fields(hyperparameters={"n_epochs": 2}))
    with app_context.open() as scope:
        draft = drafts.of_job(scope, job.id)
        again = drafts.submit(scope, draft.id)
    assert again.id != job.id
    assert again.spec == replace(job.spec, name=f"{job.spec.name}-2")


def test_a_clone_has_a_name_that_no_job_has(app_context: TestHouse) -> None:
    first = app_context.fields(name="triage")
    second = {**first, "name": "triage-2"}
    with app_context.open() as scope:
        job = jobs.create(scope, first)
    with app_context.open() as scope:
        jobs.create(scope, second)
    with app_context.open() as scope:
        draft = drafts.of_job(scope, job.id)
        assert draft.values["name"] == "triage-3"
    with app_context.open() as scope:
        assert drafts.of_job(scope, drafts.submit(scope, draft.id).id).values["name"] == "triage-4"


def test_rows_of_preferences_begin_a_draft_of_the_method_that_learns_from_them(app_context: TestHouse) -> None:
    rows = b"".join(b'{"prompt": "%d?", "chosen": "yes", "rejected": "no"}\n' % n for n in range(12))
    chat_rows = app_context.fields()["training_dataset"]
    with app_context.open() as scope:
        pairs = datasets.upload(scope, name="pairs", filename="pairs.jsonl", chunks=[rows])
    with app_context.open() as scope:
        chats = drafts.create(scope, {"training_dataset": chat_rows})
        assert drafts.create(scope, {"training_dataset": pairs.id}).values["method"] == "dpo"
        assert drafts.create(scope, {"training_dataset": pairs.id, "method": "sft"}).values["method"] == "sft"
        assert "method" not in chats.values
        assert "method" not in drafts.create(scope, {"training_dataset": "ds_gone"}).values
