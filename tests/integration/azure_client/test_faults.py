"""What goes wrong at Azure, thing by thing: nothing is submitted twice, nothing is taken for what it is not."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from app.domain.backend import (
    BackendError,
    JobObservation,
    NotAuthorised,
    NotFound,
    OutcomeUnknown,
    QuotaExceeded,
    RateLimited,
    RemoteJob,
    Transient,
    Unavailable,
)
from app.domain.jobs import JobReason, JobStatus
from app.domain.metrics import TRAIN_LOSS
from tests.contract.bench import job_over
from tests.contract.suite import follow
from tests.support.azure.foundry import QUICK, AzureBench, backend_over

PUT = ("PUT", r"/jobs/job-1$")
GET = ("GET", r"/jobs/job-1$")


@pytest.fixture
def fast_check(bench: AzureBench) -> Iterator[AzureBench]:
    """The bench, with a backend that loses patience within a second."""
    bench.request("warm")  # the rows are there already, so that only what is looked at meets the short times
    made = backend_over(bench.cloud, bench.folder, times=QUICK)
    bench.backend, before = made, bench.backend
    bench.backend.azure.ready()
    yield bench
    bench.backend = before
    made.azure.close()


def submits(bench: AzureBench) -> int:
    """Return how often a job was accepted; a second PUT of the same job would be an update."""
    assert bench.cloud.ledger.of("update", "jobs") == []
    return len(bench.cloud.ledger.submitted("job-1"))


def resolved(bench: AzureBench) -> RemoteJob:
    """Do what the engine does after a doubt: look up after the grace, and submit again only if it is not there."""
    bench.cloud.clock.turn(bench.backend.acceptance_grace)
    return bench.backend.find("job-1") or bench.backend.submit(bench.request("job-1"))


@pytest.mark.parametrize(
    ("kind", "accepted"),
    [
        ("500", 0), ("502", 0), ("503", 0), ("504", 0), ("html", 0), ("reset", 0), ("timeout-before", 0),
        ("timeout-after", 1), ("reset-after", 1), ("half-body", 1),
    ],
)  # fmt: skip
def test_an_unanswered_submit_is_a_doubt_that_a_look_up_settles(
    fast_check: AzureBench, kind: str, accepted: int
) -> None:
    request = fast_check.request("job-1")
    fault = fast_check.cloud.faults.add(PUT, kind, seconds=3.0)
    with pytest.raises(OutcomeUnknown) as caught:
        fast_check.backend.submit(request)
    assert fault.left == 0
    assert caught.value.fix
    assert submits(fast_check) == accepted
    assert resolved(fast_check) == RemoteJob("job-1")
    assert submits(fast_check) == 1


@pytest.mark.parametrize(
    ("kind", "details", "expected", "wait"),
    [
        ("403", {}, NotAuthorised, None),
        ("409", {}, Transient, None),
        ("429", {"retry_after": 7}, RateLimited, timedelta(seconds=7)),
        ("429", {"retry_after": "date"}, RateLimited, timedelta(seconds=2)),
        ("429", {"retry_after": "ms"}, RateLimited, timedelta(milliseconds=1500)),
        ("429", {"retry_after": "absurd"}, RateLimited, timedelta(hours=1)),
        ("429", {"retry_after": None}, RateLimited, None),
    ],
)  # fmt: skip
def test_a_refused_submit_is_no_doubt(
    bench: AzureBench, kind: str, details: dict[str, Any], expected: type[BackendError], wait: timedelta | None
) -> None:
    request = bench.request("job-1")
    bench.cloud.faults.add(PUT, kind, **details)
    with pytest.raises(expected) as caught:
        bench.backend.submit(request)
    assert caught.value.retry_after == wait
    assert "request" in caught.value.detail
    assert submits(bench) == 0
    assert bench.backend.submit(request) == RemoteJob("job-1")
    assert submits(bench) == 1


def test_a_token_that_is_refused_is_renewed_once(bench: AzureBench) -> None:
    request = bench.request("job-1")
    bench.cloud.faults.add(PUT, "expired-token")
    assert bench.backend.submit(request) == RemoteJob("job-1")
    bench.cloud.faults.add(GET, "401", times=2)
    with pytest.raises(NotAuthorised):
        bench.backend.observe(RemoteJob("job-1"), since=None)
    assert bench.backend.observe(RemoteJob("job-1"), since=None).raw_status == "NotStarted"
    assert submits(bench) == 1


def test_tokens_run_out_in_the_middle_of_a_job(bench: AzureBench) -> None:
    bench.cloud.state.pace.stages["Running"] = 3 * 3600.0
    job = bench.backend.submit(bench.request("job-1"))
    before = len([each for each in bench.cloud.requests if each.path.endswith("/token")])
    seen: list[JobObservation] = []
    for _ in range(6):
        bench.cloud.clock.turn(timedelta(minutes=40))
        seen.append(bench.backend.observe(job, since=seen[-1].cursor if seen else None))
    assert seen[-1].status is JobStatus.SUCCEEDED
    assert len([each for each in bench.cloud.requests if each.path.endswith("/token")]) > before


def test_a_conflict_with_an_earlier_submit_of_ours_is_that_job(bench: AzureBench) -> None:
    request = bench.request("job-1")
    bench.backend.submit(request)
    bench.cloud.faults.add(GET, "404")  # it is not listed yet, so the submit is sent once more
    bench.cloud.faults.add(PUT, "409")
    assert bench.backend.submit(request) == RemoteJob("job-1")
    assert submits(bench) == 1


def test_a_job_that_does_not_show_yet_is_found_later(bench: AzureBench) -> None:
    bench.cloud.state.pace.job_visible_after = 60.0
    job = bench.backend.submit(bench.request("job-1"))
    assert bench.backend.find("job-1") is None
    with pytest.raises(NotFound):
        bench.backend.observe(job, since=None)
    bench.cloud.clock.turn(61)
    assert bench.backend.find("job-1") == job
    assert bench.backend.observe(job, since=None).status is JobStatus.QUEUED


@pytest.mark.parametrize("kind", ["500", "503", "429", "403", "409", "html", "half-body", "reset", "timeout-before"])
def test_a_look_that_fails_says_so_and_the_next_one_succeeds(fast_check: AzureBench, kind: str) -> None:
    job = fast_check.backend.submit(fast_check.request("job-1"))
    fast_check.cloud.faults.add(GET, kind, times=3, seconds=3.0)
    with pytest.raises(BackendError) as caught:
        fast_check.backend.observe(job, since=None)
    assert not isinstance(caught.value, NotFound | OutcomeUnknown)
    fast_check.cloud.faults.clear()
    assert fast_check.backend.observe(job, since=None).status is JobStatus.QUEUED


def test_one_hiccup_of_a_look_is_not_even_noticed(bench: AzureBench) -> None:
    job = bench.backend.submit(bench.request("job-1"))
    bench.cloud.faults.add(GET, "503")
    assert bench.backend.observe(job, since=None).status is JobStatus.QUEUED


def test_a_word_that_nobody_knows_moves_nothing_and_is_kept(bench: AzureBench) -> None:
    job = bench.backend.submit(bench.request("job-1"))
    bench.cloud.faults.add(GET, "unknown-status", word="Hibernating")
    seen = bench.backend.observe(job, since=None)
    assert (seen.status, seen.raw_status) == (JobStatus.UNKNOWN, "Hibernating")
    assert "Hibernating" in seen.note


def test_attention_is_no_end(bench: AzureBench) -> None:
    job = bench.backend.submit(bench.request("job-1"))
    for word in ("Paused", "NotResponding"):
        bench.cloud.faults.add(GET, "unknown-status", word=word)
        seen = bench.backend.observe(job, since=None)
        assert (seen.status, seen.raw_status) == (JobStatus.RUNNING, word)
        assert seen.note
        assert [event.message for event in seen.events if event.id.startswith("state:")] == [seen.note]


def test_points_and_events_in_any_order_come_out_in_order(bench: AzureBench) -> None:
    job = bench.backend.submit(bench.request("job-1"))
    bench.cloud.clock.turn(5000)
    plain = bench.backend.observe(job, since=None)
    bench.cloud.faults.add(("GET", r"mlflow|/history/"), "unordered", times=50)
    mixed = bench.reopen().observe(job, since=None)
    key = [(metric.name, metric.step) for metric in mixed.metrics if metric.name == TRAIN_LOSS]
    assert key == sorted(key)
    assert sorted(mixed.metrics, key=str) == sorted(plain.metrics, key=str)
    assert [event.id for event in mixed.events] == [event.id for event in plain.events]


def test_a_failed_run_is_reported_with_its_reason(bench: AzureBench) -> None:
    bench.training_rows.write_bytes(bench.training_rows.read_bytes()[:400])
    job = bench.backend.submit(bench.request("job-1"))
    last = follow(bench, job)[-1]
    assert (last.status, last.reason) == (JobStatus.FAILED, JobReason.INVALID_DATA)
    assert "line" in last.message or "at least" in last.message
    assert any(event.id == "failed" for event in last.events)


def test_a_quota_stops_a_job_for_good_and_says_what_to_do(bench: AzureBench) -> None:
    subscription = bench.cloud.seed.project.subscription
    usages = bench.cloud.state.subscriptions[subscription].usages
    usages |= dict.fromkeys(usages, (96, 96))
    with pytest.raises(QuotaExceeded) as caught:
        bench.backend.submit(bench.managed("job-1"))
    assert "quota" in caught.value.detail.lower()
    assert caught.value.fix


def test_a_completed_job_without_its_model_is_not_over_yet(bench: AzureBench) -> None:
    job = bench.backend.submit(bench.request("job-1"))
    bench.cloud.clock.turn(5000)
    bench.backend.observe(job, since=None)
    hidden = dict(bench.cloud.seed.project.models)
    bench.cloud.seed.project.models.clear()
    bench.cloud.seed.project.jobs["job-1"].ended = bench.cloud.clock.now()
    early = bench.backend.observe(job, since=None)
    assert (early.status, early.raw_status) == (JobStatus.RUNNING, "Completed")
    assert early.note
    bench.cloud.seed.project.models.update(hidden)
    seen = bench.backend.observe(job, since=early.cursor)
    assert seen.status is JobStatus.SUCCEEDED
    bench.cloud.seed.project.models.clear()
    bench.cloud.clock.turn(timedelta(minutes=16))
    late = bench.backend.observe(job, since=early.cursor)
    assert (late.status, late.reason, late.fine_tuned_model) == (JobStatus.SUCCEEDED, None, None)
    assert "shows no model of it yet" in late.message


def test_a_stall_is_reported_once_with_its_beginning(bench: AzureBench) -> None:
    bench.cloud.state.pace.stages["Queued"] = 10 * 3600.0
    job = bench.backend.submit(bench.request("job-1"))
    seen = [bench.backend.observe(job, since=None)]
    for _ in range(8):
        bench.cloud.clock.turn(timedelta(minutes=30))
        seen.append(bench.backend.observe(job, since=seen[-1].cursor))
    reported = {event.id: event.message for look in seen for event in look.events if event.id.startswith("stalled")}
    assert len(reported) == 1
    assert seen[-1].note == next(iter(reported.values()))
    assert "Stalled since" in seen[-1].note
    assert not seen[1].note


def test_what_is_not_ours_is_neither_adopted_nor_cancelled(bench: AzureBench) -> None:
    job = bench.backend.submit(bench.request("job-1"))
    bench.cloud.seed.project.jobs["job-1"].body["properties"]["tags"] = {"team": "another"}
    with pytest.raises(BackendError):
        bench.backend.find("job-1")
    with pytest.raises(BackendError):
        bench.backend.cancel(job)
    assert bench.cloud.ledger.foreign == []


def test_no_workspace_pauses_instead_of_losing_jobs(bench: AzureBench) -> None:
    job = bench.backend.submit(bench.request("job-1"))
    bench.cloud.state.workspaces.remove(bench.cloud.seed.project)
    with pytest.raises(NotAuthorised):
        bench.backend.observe(job, since=None)


def test_a_missing_provider_is_reported_and_never_registered(bench: AzureBench) -> None:
    request = bench.request("job-1")
    message = "The subscription is not registered to use namespace 'Microsoft.MachineLearningServices'."
    bench.cloud.faults.add(PUT, "409", code="MissingSubscriptionRegistration", message=message)
    with pytest.raises(NotAuthorised) as caught:
        bench.backend.submit(request)
    assert "az provider register" in caught.value.fix
    assert [each for each in bench.cloud.requests if each.path.endswith("/register")] == []
    assert submits(bench) == 0


def test_an_upload_that_fails_is_begun_anew(bench: AzureBench) -> None:
    bench.cloud.faults.add(("PUT", r"/data/tunedesk-"), "500")
    with pytest.raises(Unavailable):
        bench.backend.upload(bench.training_rows, tag="job-1-training")
    assert bench.backend.upload(bench.training_rows, tag="job-1-training").ready
    content = bench.cloud.blobs.read(bench.cloud.seed.project.storage, _path(bench))
    assert content == b"\xef\xbb\xbf" + bench.training_rows.read_bytes()


def test_rows_that_are_sent_in_pieces_arrive_whole(bench: AzureBench) -> None:
    """Of 4 MB each, so that each is sent within a call's time."""
    rows = bench.training_rows.read_bytes() * 3000
    bench.training_rows.write_bytes(rows)
    file = bench.backend.upload(bench.training_rows, tag="job-1-training")
    for _ in range(20):
        if file.ready:
            break
        file = bench.backend.file(file)
    assert bench.cloud.blobs.read(bench.cloud.seed.project.storage, _path(bench)) == b"\xef\xbb\xbf" + rows
    assert len([each for each in bench.cloud.requests if each.query.get("comp") == "block"]) == -(-len(rows) // 2**22)


def test_the_same_rows_are_sent_once(bench: AzureBench) -> None:
    for tag in ("job-1-training", "job-2-training"):
        bench.backend.upload(bench.training_rows, tag=tag)
    bench.reopen().upload(bench.training_rows, tag="job-3-training")
    assert len([each for each in bench.cloud.requests if each.method == "PUT" and "/data/" in each.path]) == 1


def test_a_job_on_managed_compute_ends_with_a_model(bench: AzureBench) -> None:
    job = bench.backend.submit(bench.managed("job-1"))
    last = bench.until(lambda: bench.backend.observe(job, since=None), job_over)
    assert last.status is JobStatus.SUCCEEDED, last.message
    assert last.fine_tuned_model == "contract-job-1:1"
    body = next(each.body for each in bench.cloud.requests if each.method == "PUT" and each.path.endswith("/job-1"))
    assert body["properties"]["resources"]["instanceTypes"] == ["Standard_NC24ads_A100_v4"]
    assert set(body["properties"]["tags"]) == {"tunedesk", "tunedesk-installation"}


def _path(bench: AzureBench) -> str:
    asset = next(iter(next(iter(bench.cloud.seed.project.data.values())).values()))
    return str(asset.properties["dataUri"]).partition("/paths/")[2]


def test_nothing_hangs_when_azure_does(fast_check: AzureBench) -> None:
    fast_check.cloud.faults.add(("GET", r"/jobs/"), "timeout-before", times=3, seconds=3.0)
    with pytest.raises(Unavailable):
        fast_check.backend.find("job-1")
