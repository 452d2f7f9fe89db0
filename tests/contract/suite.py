"""The rules at the head of `app.domain.backend`, as tests: subclass `BackendContract` and give it a `bench`.

    class TestMine(BackendContract):
        @pytest.fixture
        def bench(self, tmp_path: Path) -> Bench: ...

What goes beyond training stands in `tests.contract.abilities`.
"""

from itertools import pairwise

import pytest

from app.domain.backend import JobObservation, NotFound, Rejected, RemoteJob, Unsupported
from app.domain.jobs import TRANSITIONS, JobStatus
from tests.contract.bench import Bench, job_over


def follow(bench: Bench, job: RemoteJob) -> list[JobObservation]:
    """Look at a job until nothing can follow, each look beginning where the last one ended."""
    seen: list[JobObservation] = []

    def look() -> JobObservation:
        seen.append(bench.backend.observe(job, since=seen[-1].cursor if seen else None))
        return seen[-1]

    bench.until(look, job_over)
    return seen


class BackendContract:
    """The rules of training, for one backend."""

    @pytest.fixture
    def bench(self) -> Bench:
        raise NotImplementedError("a subclass gives its own")

    def test_it_knows_the_base_models_that_it_lists(self, bench: Bench) -> None:
        assert bench.backend.base_models()
        assert bench.backend.base_model(bench.base_model).id == bench.base_model
        for model in bench.backend.base_models():
            assert bench.backend.base_model(model.id).hyperparameters

    def test_an_unknown_base_model_is_refused_with_a_sentence(self, bench: Bench) -> None:
        with pytest.raises((NotFound, Rejected)) as caught:
            bench.backend.base_model("no-such:model")
        assert caught.value.detail
        assert caught.value.fix

    def test_a_repeated_upload_finds_the_first_file(self, bench: Bench) -> None:
        first = bench.backend.upload(bench.training_rows, tag="file-1")
        assert bench.backend.upload(bench.training_rows, tag="file-1").id == first.id
        assert bench.reopen().upload(bench.training_rows, tag="file-1").id == first.id
        ready = bench.until(lambda: bench.backend.file(first), lambda file: file.ready)
        assert ready.id == first.id

    def test_a_job_is_found_by_its_tag_and_submitted_once(self, bench: Bench) -> None:
        request = bench.request("job-once")
        job = bench.backend.submit(request)
        assert bench.backend.submit(request).id == job.id
        assert bench.reopen().submit(request).id == job.id
        try:
            assert bench.backend.find("job-once") == job
            assert bench.reopen().find("job-once") == job
            assert bench.backend.find("job-never") is None
        except Unsupported:
            pytest.skip("jobs cannot be looked up by tag here")

    def test_a_job_takes_only_allowed_steps_and_ends_with_a_model(self, bench: Bench) -> None:
        seen = follow(bench, bench.backend.submit(bench.request("job-forward")))
        for before, after in pairwise([JobStatus.QUEUED, *(look.status for look in seen)]):
            assert after is before or after in TRANSITIONS[before], f"{before} -> {after}"
        last = seen[-1]
        assert last.status is JobStatus.SUCCEEDED, last.message
        assert last.fine_tuned_model
        assert last.raw_status
        assert last.sent is not None
        assert last.progress is not None
        assert last.progress.share == 1.0

    def test_an_event_keeps_its_name(self, bench: Bench) -> None:
        job = bench.backend.submit(bench.request("job-events"))
        reported = {event.id: event.message for look in follow(bench, job) for event in look.events}
        whole = bench.reopen().observe(job, since=None).events
        assert reported
        assert {event.id: event.message for event in whole} == reported
        assert len(whole) == len(reported)

    def test_a_cancelled_job_ends_and_may_be_cancelled_again(self, bench: Bench) -> None:
        job = bench.backend.submit(bench.request("job-cancel"))
        bench.until(lambda: bench.backend.observe(job, since=None), lambda seen: seen.status is JobStatus.RUNNING)
        bench.backend.cancel(job)
        bench.reopen().cancel(job)
        assert follow(bench, job)[-1].status is JobStatus.CANCELLED
        bench.backend.cancel(job)
        assert bench.backend.observe(job, since=None).status is JobStatus.CANCELLED

    def test_cancelling_what_is_finished_changes_nothing(self, bench: Bench) -> None:
        job = bench.backend.submit(bench.request("job-late-cancel"))
        follow(bench, job)
        bench.backend.cancel(job)
        assert bench.backend.observe(job, since=None).status is JobStatus.SUCCEEDED

    def test_an_unknown_job_is_not_found(self, bench: Bench) -> None:
        with pytest.raises(NotFound) as caught:
            bench.backend.observe(RemoteJob(id="no-such-job"), since=None)
        assert caught.value.detail

    def test_what_is_gone_may_be_discarded_again(self, bench: Bench) -> None:
        job = bench.backend.submit(bench.request("job-discard"))
        model = follow(bench, job)[-1].fine_tuned_model
        assert model is not None
        for _ in range(2):
            bench.backend.discard_model(model)
        bench.backend.discard_model("no-such-model")
