"""What every backend must keep: the rules at the head of app/domain/backend.py, as tests. A subclass brings a stage."""

from typing import Protocol

import pytest

from app.domain.backend import Backend, JobObservation, NotFound, Rejected, RemoteFile, RemoteJob, TrainingRequest
from app.domain.jobs import TRANSITIONS, JobStatus


class Stage(Protocol):
    """A backend with somebody behind the curtain who moves the trainings on."""

    backend: Backend

    def again(self) -> Backend:
        """Return another object over the same provider, as after a restart of ours."""
        ...

    def file(self, tag: str) -> RemoteFile:
        """Upload a file of rows under that tag."""
        ...

    def request(self, tag: str) -> TrainingRequest:
        """Return a training that the backend accepts."""
        ...

    def finish(self, tag: str) -> None:
        """Let the training of that tag run to its end."""
        ...

    def next_status(self, job: RemoteJob, since: str | None, past: JobStatus | None) -> JobObservation:
        """Look until the status is another one than `past`, or something is told."""
        ...


def follow(stage: Stage, job: RemoteJob) -> list[JobObservation]:
    """Look at a job until nothing can follow, each look beginning where the last one ended."""
    seen: list[JobObservation] = []
    while not seen or not seen[-1].status.is_final:
        last = seen[-1] if seen else None
        seen.append(stage.next_status(job, last.cursor if last else None, last.status if last else None))
    return seen


class BackendContract:
    """The rules, for one backend."""

    @pytest.fixture
    def stage(self) -> Stage:
        raise NotImplementedError

    def test_an_upload_repeated_is_one_file(self, stage: Stage) -> None:
        assert stage.file("job_1-training") == stage.file("job_1-training")
        assert stage.backend.file(stage.file("job_1-training")).ready

    def test_what_was_never_submitted_is_not_found(self, stage: Stage) -> None:
        assert stage.backend.find("job_1") is None
        with pytest.raises(NotFound):
            stage.backend.observe(RemoteJob("job_1"), since=None)

    def test_a_submit_repeated_is_one_job_that_is_found_by_its_tag(self, stage: Stage) -> None:
        wanted = stage.request("job_1")
        job = stage.backend.submit(wanted)
        assert stage.backend.submit(wanted) == job
        stage.next_status(job, None, JobStatus.QUEUED)
        assert stage.backend.find("job_1") == job
        assert stage.again().find("job_1") == job
        assert stage.again().submit(wanted) == job

    def test_a_training_ends_with_a_model_and_takes_only_allowed_steps(self, stage: Stage) -> None:
        job = stage.backend.submit(stage.request("job_1"))
        stage.finish("job_1")
        seen = follow(stage, job)
        assert seen[-1].status is JobStatus.SUCCEEDED
        assert seen[-1].fine_tuned_model
        for before, after in zip([JobStatus.QUEUED, *(look.status for look in seen)], seen, strict=False):
            assert after.status is before or after.status in TRANSITIONS[before]

    def test_each_thing_is_told_once(self, stage: Stage) -> None:
        job = stage.backend.submit(stage.request("job_1"))
        stage.finish("job_1")
        told = [event.id for look in follow(stage, job) for event in look.events]
        assert told
        assert len(told) == len(set(told))
        last = stage.backend.observe(job, since=None)
        assert {event.id for event in last.events} >= set(told)
        assert not stage.again().observe(job, since=last.cursor).events

    def test_cancelling_is_repeatable_and_ends_the_job(self, stage: Stage) -> None:
        job = stage.backend.submit(stage.request("job_1"))
        stage.next_status(job, None, JobStatus.QUEUED)
        stage.backend.cancel(job)
        stage.again().cancel(job)
        assert follow(stage, job)[-1].status is JobStatus.CANCELLED
        stage.backend.cancel(job)
        assert stage.backend.observe(job, since=None).status is JobStatus.CANCELLED

    def test_cancelling_what_is_finished_changes_nothing(self, stage: Stage) -> None:
        job = stage.backend.submit(stage.request("job_1"))
        stage.finish("job_1")
        follow(stage, job)
        stage.backend.cancel(job)
        assert stage.backend.observe(job, since=None).status is JobStatus.SUCCEEDED

    def test_removing_twice_is_fine(self, stage: Stage) -> None:
        file = stage.file("job_1-training")
        job = stage.backend.submit(stage.request("job_1"))
        stage.finish("job_1")
        model = follow(stage, job)[-1].fine_tuned_model
        assert model is not None
        for _ in range(2):
            stage.backend.discard_file(file)
            stage.backend.discard_model(model)

    def test_the_catalog_knows_what_it_lists_and_refuses_the_rest(self, stage: Stage) -> None:
        listed = stage.backend.base_models()
        assert listed
        assert stage.backend.base_model(listed[0].id).hyperparameters
        with pytest.raises((NotFound, Rejected)) as caught:
            stage.backend.base_model("no-such-model-anywhere")
        assert caught.value.detail
