"""What others made on an account is adopted into the record: followed and compared, never submitted or steered."""

from collections.abc import Callable

import pytest

from app.backends.rehearsal import Fault, FaultKind
from app.domain.backend import RemoteFile, TrainingRequest
from app.domain.errors import Conflict, Invalid, NotFound, ProviderFailed
from app.domain.jobs import FineTuningJob, JobGoal, JobStatus, Method
from app.domain.models import ModelStatus
from app.domain.prices import Billing
from app.services import adopting, capsules, comparing, datasets, drafts, evaluations, jobs, models, pausing
from app.services.models import KEPT_THERE
from app.store import events
from tests.support.app_context import MODEL
from tests.support.connections import REHEARSAL_ID
from tests.support.rehearsed import Rehearsed, rows_file

Build = Callable[..., Rehearsed]


def made_elsewhere(house: Rehearsed, tag: str = "elsewhere", *, rows: bytes | None = None, method: str = "sft") -> str:
    """Train at the provider without the record knowing of it; return the provider's id of the job."""
    file = house.folder / f"{tag}.jsonl"
    file.write_bytes(rows or rows_file(30))
    sent = [house.backend.upload(file, tag=f"{tag}-{part}") for part in ("training", "validation")]
    return house.backend.submit(request(tag, *sent, method=method)).id


def request(tag: str, training: RemoteFile, validation: RemoteFile | None, *, method: str = "sft") -> TrainingRequest:
    return TrainingRequest(
        tag=tag,
        base_model=MODEL,
        method=method,
        task_type="chat_completion",
        training_file=training,
        validation_file=validation,
        hyperparameters={"n_epochs": 2},
        options={},
        seed=1,
        suffix="others",
    )


def adopted(house: Rehearsed, remote: str, project: str, **fields: str) -> FineTuningJob:
    with house.open() as scope:
        return adopting.adopt_job(scope, REHEARSAL_ID, remote, project, **fields)


def calls(house: Rehearsed, *names: str) -> list[str]:
    return [each.call for each in house.backend.ledger.entries() if each.call in names]


def test_an_adopted_job_is_followed_to_its_end_and_compared_like_any(build: Build) -> None:
    house = build(train_s=3)
    remote, project = made_elsewhere(house), house.project("Others")
    ours = house.job()
    house.until(ours.id)
    with house.open() as scope:
        seen = adopting.report(scope, REHEARSAL_ID)
    assert [each.id for each in seen.jobs] == [remote], "what is in the record is not offered"
    assert {each.tag for each in seen.files} == {"elsewhere-training", "elsewhere-validation"}
    job = adopted(house, remote, project)
    assert (job.adopted, job.status, job.remote_id) == (True, JobStatus.QUEUED, remote)
    assert (job.spec.name, job.spec.hyperparameters["n_epochs"]) == ("others", 2)
    submitted = calls(house, "submit", "upload")
    over = house.until(job.id)
    assert over.status is JobStatus.SUCCEEDED
    assert calls(house, "submit", "upload") == submitted, "nothing is sent or submitted for it"
    assert (over.bill.billing, over.cost.so_far) == (Billing.UNKNOWN, None)
    with house.open() as scope:
        assert jobs.metrics(scope, over)
        assert [each.id for each in comparing.compare(scope, [ours.id, job.id]).jobs] == [ours.id, job.id]
        assert not evaluations.list_evaluations(scope, job=job.id).items, "answers may be billed: none unbidden"
        after = adopting.report(scope, REHEARSAL_ID)
        rows = datasets.get(scope, over.spec.training_dataset)
    assert (list(after.jobs), list(after.files)) == ([], [])
    assert {each.dataset for each in after.adopted} == {over.datasets.training, over.datasets.validation}
    assert (rows.rows, rows.project, rows.made_by) == (30, project, "adopted")
    assert "adopted" in "\n".join(each.message for each in house.journal(job.id))


def test_one_trained_by_a_method_that_is_not_ours_keeps_its_word_and_is_never_repeated(
    build: Build,
) -> None:
    house = build(train_s=3)
    remote = made_elsewhere(house, method="reinforcement")
    job = adopted(house, remote, house.project("Others"))
    assert (job.spec.method, job.spec.method_name) == (Method.OTHER, "reinforcement")
    assert house.until(job.id).status is JobStatus.SUCCEEDED
    for again in (capsules.run_again, jobs.retry):
        with pytest.raises(Invalid, match="reinforcement"), house.open() as scope:
            again(scope, job.id)
    assert len(calls(house, "submit")) == 1


def test_adopting_again_finds_the_first_also_after_a_death(build: Build) -> None:
    house = build(train_s=3)
    remote, project = made_elsewhere(house), house.project("Others")
    first = adopted(house, remote, project)
    assert adopted(house.again(), remote, project, name="another") == first
    with house.open() as scope:
        file = adopting.report(scope, REHEARSAL_ID).adopted[0]
        assert adopting.adopt_file(scope, REHEARSAL_ID, file.remote_id, project).id == file.dataset
        assert len(jobs.list_jobs(scope).items) == 1


@pytest.mark.parametrize("call", ["account_job", "account_file", "account_rows"])
def test_who_dies_while_the_provider_is_asked_has_changed_nothing(build: Build, call: str) -> None:
    house = build(Fault(call=call, kind=FaultKind.UNAVAILABLE, times=1))
    remote, project = made_elsewhere(house), house.project("Others")
    for _ in range(1 if call == "account_job" else 2):  # each file fails once
        with pytest.raises(ProviderFailed):
            adopted(house, remote, project)
        with house.open() as scope:
            assert not jobs.list_jobs(scope).items
            assert not adopting.report(scope, REHEARSAL_ID).adopted
    assert adopted(house, remote, project).adopted


def test_a_job_of_ours_whose_submit_got_no_answer_is_not_adopted_beside_itself(build: Build) -> None:
    house = build(Fault(call="submit", kind=FaultKind.LOST_ANSWER, times=1), acceptance_grace_s=60)
    job = house.job()
    for _ in range(200):
        if calls(house, "submit"):
            break
        house.tick()
    (entry,) = [each for each in house.backend.ledger.entries() if each.call == "submit"]
    assert house.look(job.id).remote_id is None
    with house.open() as scope:
        assert not adopting.report(scope, REHEARSAL_ID).jobs
    with pytest.raises(Conflict, match=job.id):
        adopted(house, str(entry.id), house.project("Others"))
    assert house.until(job.id).remote_id == entry.id
    with pytest.raises(Conflict, match=job.id):
        adopted(house, str(entry.id), house.project("More"))


def test_it_is_steered_by_nobody_here(build: Build) -> None:
    house = build(queue_s=5, train_s=600)
    remote, project = made_elsewhere(house), house.project("Others")
    job = adopted(house, remote, project)
    house.until(job.id, JobStatus.RUNNING)
    for act in (jobs.cancel, jobs.stop, pausing.pause, pausing.resume):
        with pytest.raises(Conflict, match="made elsewhere"), house.open() as scope:
            act(scope, job.id)
    with house.open() as scope:
        seen = jobs.get(scope, job.id)
        offered = [ask(scope, seen) for ask in (pausing.can_pause, pausing.can_resume, jobs.stops_early)]
    assert not any(offered)
    assert seen.goal is JobGoal.FINISHED
    assert not calls(house, "cancel", "pause", "unpause", "resume")


def test_an_interrupted_one_is_not_resumed_from_here(build: Build) -> None:
    house = build(Fault(call="train", kind=FaultKind.INTERRUPTED, times=1))
    job = adopted(house, made_elsewhere(house), house.project("Others"))
    for _ in range(400):
        if "interrupted" in house.look(job.id).note:
            break
        house.tick()
    assert "interrupted" in house.look(job.id).note
    house.tick(300)
    assert not calls(house, "resume")
    assert not house.look(job.id).status.is_final


def torn_down(house: Rehearsed, model: str, confirm: str) -> None:
    with house.open() as scope:
        models.teardown(scope, model, confirm)
    for _ in range(60):
        with house.open() as scope:
            if models.get(scope, model).status is ModelStatus.DELETED:
                return
        house.tick()
        house.engine.tasks.wait()
    raise AssertionError("it was never torn down")


def test_a_teardown_leaves_it_where_it_is_unless_its_name_there_is_typed(build: Build) -> None:
    house = build(train_s=3)
    for number, there in enumerate((False, True)):
        job = house.until(adopted(house, made_elsewhere(house, f"others{number}"), house.project(f"P{number}")).id)
        assert job.fine_tuned_model
        with house.open() as scope:
            model = models.get(scope, job.fine_tuned_model)
            plan = models.teardown_plan(scope, model.id)
        assert (model.kept_there, plan.steps[-1].outcome) == (True, KEPT_THERE)
        with pytest.raises(Invalid), house.open() as scope:
            models.teardown(scope, model.id, "another name")
        torn_down(house, model.id, model.remote_id if there else model.name)
        assert calls(house, "discard_model") == ["discard_model"] * there
        with house.open() as scope:
            assert models.get(scope, model.id).kept_there is not there
            said = events.of_kind(scope.read, model.id, "discarded")
        assert [each.message for each in said] == [KEPT_THERE] * (not there)
    assert not calls(house, "discard_upload")


def test_deleting_its_model_forgets_it_here_alone(build: Build) -> None:
    house = build(train_s=3)
    job = house.until(adopted(house, made_elsewhere(house), house.project("Others")).id)
    with house.open() as scope:
        gone = models.delete(scope, job.fine_tuned_model or "")
    assert (gone.status, calls(house, "discard_model")) == (ModelStatus.DELETED, [])


def test_an_adopted_file_goes_only_by_its_name(build: Build) -> None:
    house = build(queue_s=5, train_s=60)
    job = adopted(house, made_elsewhere(house), house.project("Others"))
    with house.open() as scope:
        file = next(
            each for each in adopting.report(scope, REHEARSAL_ID).adopted if each.dataset == job.datasets.training
        )
    for confirm, refused in (("rows", Invalid), (file.name, Conflict)):
        with pytest.raises(refused), house.open() as scope:
            adopting.remove_file(scope, REHEARSAL_ID, file.remote_id, confirm)
    house.until(job.id)
    assert not calls(house, "remove_account_file")
    with house.open() as scope:
        assert "rows stay here" in adopting.remove_file(scope, REHEARSAL_ID, file.remote_id, file.name)
    with house.open() as scope:
        assert datasets.get(scope, file.dataset).rows == len(rows_file().splitlines())
        assert file not in adopting.report(scope, REHEARSAL_ID).adopted
        with pytest.raises(NotFound):
            adopting.remove_file(scope, REHEARSAL_ID, file.remote_id, file.name)


def test_where_the_provider_has_the_rows_no_more_they_are_named(build: Build) -> None:
    house = build(train_s=3)
    remote, project = made_elsewhere(house), house.project("Others")
    for file in house.folder.glob("elsewhere*.jsonl"):
        file.unlink()
    with pytest.raises(Invalid) as caught:
        adopted(house, remote, project)
    (problem,) = caught.value.problems
    assert (problem.pointer, problem.code) == ("/training_dataset", "missing_data")
    rows = house.upload(rows_file(30), "the same")
    job = adopted(house, remote, project, training_dataset=rows.id)
    assert (job.spec.training_dataset, job.datasets.validation) == (rows.id, None)
    with house.open() as scope:
        assert not drafts.list_drafts(scope).items


@pytest.mark.parametrize(
    ("remote", "fields", "expected"),
    [
        ("no-such-job", {}, NotFound),
        ("../models", {}, NotFound),
        ("", {}, NotFound),
        (None, {"name": "Has Spaces"}, Invalid),
        (None, {"project": ""}, Invalid),
        (None, {"project": "prj_missing"}, NotFound),
        (None, {"training_dataset": "ds_missing"}, NotFound),
    ],
)
def test_what_is_wrong_is_said_and_changes_nothing(
    build: Build, remote: str | None, fields: dict[str, str], expected: type[Exception]
) -> None:
    house = build(train_s=3)
    there = made_elsewhere(house)
    given = {"project": house.project("Others"), **fields}
    project = given.pop("project")
    with pytest.raises(expected):
        adopted(house, there if remote is None else remote, project, **given)
    with house.open() as scope:
        assert not jobs.list_jobs(scope).items
