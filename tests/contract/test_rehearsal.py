"""The rehearsal keeps the contract, and its faults do what their names say."""

import tracemalloc
import zlib
from datetime import timedelta
from itertools import count
from pathlib import Path

import msgspec
import pytest

from app.backends.rehearsal import Died, Entry, Fault, FaultKind, Ledger, RehearsalBackend, Script, rehearsal_backend
from app.backends.rehearsal.faults import ERRORS
from app.domain.backend import Backend, OutcomeUnknown, RemoteJob
from app.domain.jobs import JobStatus
from tests.contract.bench import Bench
from tests.contract.provider_abilities import ProviderAbilitiesContract
from tests.contract.suite import BackendContract
from tests.support.clock import TurnedClock
from tests.support.rehearsed import LABELS, rows_file


class RehearsalBench(Bench):
    """The rehearsal with a clock in the test's hand."""

    base_model = "rehearsal:small"
    labels = LABELS

    def __init__(self, folder: Path, script: Script) -> None:
        self.clock = TurnedClock()
        self.folder = folder / "provider"
        self.script = script
        self.backend: RehearsalBackend = self.reopen()
        self.training_rows = folder / "training.jsonl"
        self.validation_rows = folder / "validation.jsonl"
        self.training_rows.write_bytes(rows_file(30))
        self.validation_rows.write_bytes(rows_file(9))

    def pass_time(self) -> None:
        self.clock.turn(timedelta(seconds=1))

    def reopen(self) -> RehearsalBackend:
        return RehearsalBackend(self.folder, clock=self.clock, script=self.script)


class TestRehearsal(BackendContract):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> Bench:
        return RehearsalBench(tmp_path, Script())


class TestRehearsalAbilities(ProviderAbilitiesContract):
    backend = RehearsalBackend

    @pytest.fixture
    def bench(self, tmp_path: Path) -> Bench:
        return RehearsalBench(tmp_path, Script())


def faulty(tmp_path: Path, *faults: Fault, **script: bool) -> RehearsalBench:
    return RehearsalBench(tmp_path, Script(faults=faults, **script))


def test_everything_it_says_is_labelled(tmp_path: Path) -> None:
    bench = faulty(tmp_path)
    backend = bench.backend
    assert all("Rehearsal" in model.name for model in backend.base_models())
    assert any("Rehearsal" in check.title for check in backend.doctor())
    job = backend.submit(bench.request("job-1"))
    bench.clock.turn(timedelta(minutes=5))
    seen = backend.observe(job, since=None)
    assert all(event.message.startswith("Rehearsal: ") for event in seen.events)
    assert seen.fine_tuned_model is not None
    assert seen.fine_tuned_model.startswith("rehearsal:")
    assert "Rehearsal" in backend.log(job, lines=1000)[0]


@pytest.mark.parametrize("kind", list(ERRORS), ids=lambda kind: kind.value)
def test_each_error_of_the_contract_can_be_asked_for(tmp_path: Path, kind: FaultKind) -> None:
    bench = faulty(tmp_path, Fault(call="submit", kind=kind))
    request = bench.request("job-1")
    with pytest.raises(ERRORS[kind]) as caught:
        bench.backend.submit(request)
    assert caught.value.detail.startswith("Rehearsal: ")
    assert bench.backend.find("job-1") is None
    assert bench.backend.submit(request).id  # `times` is 1


def test_a_lost_answer_leaves_a_job_and_a_repeat_doubles_it(tmp_path: Path) -> None:
    bench = faulty(tmp_path, Fault(call="submit", kind=FaultKind.LOST_ANSWER), repeats_doubles=True)
    request = bench.request("job-1")
    with pytest.raises(OutcomeUnknown):
        bench.backend.submit(request)
    assert bench.backend.find("job-1") is not None
    bench.backend.submit(request)
    assert len(bench.backend.made("submit", "job-1")) == 2


def test_a_late_acceptance_shows_only_later(tmp_path: Path) -> None:
    bench = faulty(tmp_path, Fault(call="submit", kind=FaultKind.LATE_ACCEPTANCE, seconds=3.0))
    with pytest.raises(OutcomeUnknown):
        bench.backend.submit(bench.request("job-1"))
    assert bench.backend.find("job-1") is None
    bench.clock.turn(timedelta(seconds=3))
    assert bench.backend.find("job-1") is not None


def test_a_death_is_no_exception_that_anybody_catches(tmp_path: Path) -> None:
    bench = faulty(tmp_path, Fault(call="submit", kind=FaultKind.DIES_AFTER))
    with pytest.raises(Died):
        bench.backend.submit(bench.request("job-1"))
    assert not issubclass(Died, Exception)
    assert bench.reopen().find("job-1") is not None


def test_the_same_script_gives_the_same_run(tmp_path: Path) -> None:
    reported = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        bench = RehearsalBench(tmp_path / name, Script(seed=7, spread=0.5))
        job = bench.backend.submit(bench.request("job-1"))
        bench.clock.turn(timedelta(minutes=5))
        reported.append(bench.backend.observe(job, since=None))
    assert reported[0] == reported[1]


def test_an_interruption_waits_for_its_resumption(tmp_path: Path) -> None:
    bench = faulty(tmp_path, Fault(call="train", kind=FaultKind.INTERRUPTED, times=2))
    backend = bench.backend
    job = backend.submit(bench.request("job-1"))
    shares = []
    for _ in range(2):
        bench.clock.turn(timedelta(minutes=5))
        seen = backend.observe(job, since=None)
        assert (seen.status, seen.interrupted) == (JobStatus.RUNNING, True)
        shares.append(seen.progress.share if seen.progress else None)
        backend.resume(job)
        backend.resume(job)
    bench.clock.turn(timedelta(minutes=5))
    assert backend.observe(job, since=None).status is JobStatus.SUCCEEDED
    assert shares == [1 / 3, 2 / 3]
    assert [entry.call for entry in backend.ledger.of("job-1")].count("resume") == 2


def test_the_ledger_outlives_a_line_that_was_never_finished(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    Ledger(path).append(Entry(call="submit", tag="a", at=1.0))
    with path.open("ab") as file:
        file.write(b'{"call": "sub')
    assert [entry.tag for entry in Ledger(path).entries()] == ["a"]
    Ledger(path).append(Entry(call="submit", tag="b", at=2.0))
    assert [entry.tag for entry in Ledger(path).entries()] == ["a", "b"]


def test_two_ledgers_on_one_file_read_what_the_other_wrote_and_keep_little_of_it(tmp_path: Path) -> None:
    path, tags, calls = tmp_path / "ledger.jsonl", 200, 9
    ours, theirs = Ledger(path), Ledger(path)
    for number in range(tags):
        for call in range(calls):
            writer = (ours, theirs)[call % 2]
            writer.append(Entry(call=f"call-{call}", tag=f"job_{number}", at=float(call), data={"rows": "x" * 200}))
        assert len(ours.entries()) == len(theirs.entries()) == (number + 1) * calls
    for ledger in (ours, theirs, Ledger(path)):
        assert [each.call for each in ledger.of("job_7")] == [f"call-{call}" for call in range(calls)]
        assert ledger.of("job_x") == []
    tracemalloc.start()
    again = Ledger(path)
    assert again.of("job_199")
    kept = tracemalloc.take_snapshot().filter_traces(
        [tracemalloc.Filter(inclusive=True, filename_pattern="*/ledger.py")]
    )
    tracemalloc.stop()
    assert sum(each.size for each in kept.statistics("filename")) < 100 * tags, "more than 100 bytes a job"


def test_a_new_tag_takes_no_more_memory_after_thousands_of_others(tmp_path: Path) -> None:
    backend = faulty(tmp_path).backend
    met = [Entry(call="met", tag=f"job_{number}", at=0.0, data={"number": number}) for number in range(5_000)]
    backend.ledger.path.parent.mkdir(parents=True)
    backend.ledger.path.write_bytes(b"".join(msgspec.json.encode(entry) + b"\n" for entry in met))
    assert backend.number("job_4999") == 4_999
    tracemalloc.start()
    assert [backend.number(tag) for tag in ("new-1", "new-2", "new-1", "job_7")] == [5_000, 5_001, 5_000, 7]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000, "it reads the whole ledger"


def test_tags_whose_marks_are_alike_are_kept_apart(tmp_path: Path) -> None:
    ledger, met = Ledger(tmp_path / "ledger.jsonl"), dict[int, str]()
    for number in count():
        tag = f"job_{number}"
        other = met.setdefault(zlib.crc32(tag.encode()) >> 8, tag)
        if other != tag:
            break
    for each in (tag, other, tag):
        ledger.append(Entry(call=f"of {each}", tag=each, at=0.0))
    assert [entry.call for entry in ledger.of(tag)] == [f"of {tag}"] * 2
    assert [entry.call for entry in ledger.of(other)] == [f"of {other}"]
    ledger.path.unlink()
    assert ledger.of(tag) == []


def test_two_processes_share_one_ledger(tmp_path: Path) -> None:
    bench = faulty(tmp_path)
    other: Backend = bench.reopen()
    job = bench.backend.submit(bench.request("job-1"))
    assert other.find("job-1") == job
    bench.clock.turn(timedelta(seconds=3))
    other.cancel(RemoteJob(id=job.id))
    assert bench.backend.observe(job, since=None).status is JobStatus.CANCELLING


def test_a_script_is_read_from_a_file_and_a_broken_one_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "script.json"
    file.write_text('{"seed": 3, "faults": [{"call": "submit", "kind": "lost_answer", "times": null, "share": 0.1}]}')
    backend = rehearsal_backend(tmp_path / "provider", clock=TurnedClock(), script=file)
    assert backend.script.faults[0].kind is FaultKind.LOST_ANSWER
    file.write_text('{"seed": 3, "faults": [{"call": "submit", "kind": "explodes"}]}')
    with pytest.raises(ValueError, match=r"script\.json cannot be read: .*explodes"):
        rehearsal_backend(tmp_path / "provider", clock=TurnedClock(), script=file)
