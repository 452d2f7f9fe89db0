"""The local backend keeps the contract. What trains is a stand-in; what evaluates and serves is real."""

import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.backends.local.backend import LocalBackend
from app.domain.backend import JobObservation, Resumes
from app.domain.backend_abilities import ContinuesTuned, OffersCheckpoints, SavedStep
from app.domain.jobs import JobStatus
from app.training import run_lock
from tests.contract.bench import Bench, ability, covers
from tests.contract.provider_abilities import ProviderAbilitiesContract
from tests.contract.suite import BackendContract
from tests.support import local

STAND_IN = local.ROOT / "tests" / "support" / "stand_in_trainer.py"
REAL = (
    "test_a_deployment_comes_answers_and_goes",
    "test_a_reader_may_stop_listening",
    "test_an_evaluation_answers_every_row_once",
    "test_an_evaluation_can_be_stopped",
)


class LocalBench(Bench):
    """A folder of runs, and trainings that are moved by files in them."""

    base_model = "builtin:starter"
    labels = ("account", "billing", "delivery", "returns", "sales", "technical")

    def __init__(self, folder: Path, runtime: Path) -> None:
        self.runs = folder / "runs"
        self._tick = threading.Event()
        self._interpreter = folder / "interpreter"
        stand_in, real = shlex.join([sys.executable, str(STAND_IN)]), shlex.quote(str(runtime))
        trains = 'grep -q \'"kind": "train"\' "$4"'  # the spec's path is the last argument
        chosen = f'if {trains}; then exec {stand_in} "$@"; else exec {real} "$@"; fi\n'
        self._interpreter.write_text(f"#!/bin/sh\n{chosen}", encoding="utf-8")
        self._interpreter.chmod(0o755)
        self.training_rows = local.head(local.TRIAGE / "train.jsonl", 30, folder / "training.jsonl")
        self.validation_rows = local.head(local.TRIAGE / "validation.jsonl", 9, folder / "validation.jsonl")
        self.backend = self.reopen()

    def reopen(self) -> LocalBackend:
        return local.backend_over(self.runs, self._interpreter)

    def pass_time(self) -> None:
        for folder in self.runs.glob("job*"):
            if run_lock.is_locked(folder):
                (folder / "step").touch()
        self._tick.wait(0.1)


@pytest.fixture
def bench(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A bench; with the real runtime where the test needs one."""
    real = request.node.originalname in REAL
    yield LocalBench(tmp_path, local.runtime_python() if real else Path(sys.executable))
    local.end_all(tmp_path / "runs")


class TestLocal(BackendContract):
    @pytest.fixture
    def bench(self, bench: Bench) -> Bench:
        return bench

    @pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
    def test_it_goes_on_with_what_was_interrupted(self, bench: Bench, end: signal.Signals) -> None:
        """Ended from outside in the middle, by a polite signal or by the kernel; another process takes it up."""
        assert isinstance(bench, LocalBench)
        job = bench.backend.submit(bench.request("job-interrupted"))
        run = bench.runs / job.id
        run.joinpath("saves").touch()  # a checkpoint after each step, without which SIGKILL is no reason to go on
        cursor: str | None = None

        def look() -> JobObservation:
            nonlocal cursor
            seen = bench.backend.observe(job, since=cursor)
            cursor = seen.cursor
            return seen

        # A step is told before its checkpoint is whole: at the third, that of the second is.
        bench.until(look, lambda seen: seen.progress is not None and (seen.progress.step or 0) > 2)
        process = run_lock.read_whole(run / run_lock.PROCESS) or {}
        os.kill(process["pid"], end)
        interrupted = bench.until(look, lambda seen: seen.interrupted or seen.status.is_final)
        assert (interrupted.interrupted, interrupted.status) == (True, JobStatus.RUNNING)
        bench.backend = bench.reopen()
        assert isinstance(bench.backend, Resumes)
        bench.backend.resume(job)
        bench.backend.resume(job)  # a repeat finds what the first call made
        last = bench.until(look, lambda seen: seen.interrupted or seen.status.is_final)
        assert last.status is JobStatus.SUCCEEDED, last.message
        again = run_lock.read_whole(run / run_lock.PROCESS) or {}
        assert again["pid"] != process["pid"]
        events = [event for _, event in bench.backend.context.runs.news(job.id, None)[0]]
        begun = [event["step"] for event in events if event.get("state") == "training"]
        assert len(begun) == 2
        assert begun[0] == 0
        assert begun[1] > 1


class TestLocalAbilities(ProviderAbilitiesContract):
    backend = LocalBackend

    @pytest.fixture
    def bench(self, bench: Bench) -> Bench:
        return bench

    @covers(ContinuesTuned, OffersCheckpoints)
    def test_a_checkpoint_is_a_base_before_and_after_a_model_is_made_of_it(self, bench: Bench) -> None:
        job, seen = bench.finished("job-step")
        backend = ability(bench.backend, ContinuesTuned)
        assert backend.checkpoint_behind(bench.base_model) is None
        for checkpoint in [each for each in seen.checkpoints if each.present][:1]:
            saved = SavedStep(job=job.id, checkpoint=checkpoint.remote_id)
            base = backend.checkpoint_as_base(saved)
            assert backend.checkpoint_behind(base) == saved
            before = bench.backend.base_model(base)
            name = ability(bench.backend, OffersCheckpoints).model_from_checkpoint(job, checkpoint.remote_id)
            assert backend.as_base(name) == base
            after = bench.backend.base_model(base)
            assert (before.id, before.name, before.parameters) == (after.id, after.name, after.parameters)

    # What serves and judges here is looked at from all sides in tests/integration/local/test_evaluating.py, too.
    @pytest.mark.slow
    def test_a_deployment_comes_answers_and_goes(self, bench: Bench) -> None:
        super().test_a_deployment_comes_answers_and_goes(bench)

    @pytest.mark.slow
    def test_an_evaluation_answers_every_row_once(self, bench: Bench) -> None:
        super().test_an_evaluation_answers_every_row_once(bench)

    @pytest.mark.slow
    def test_a_reader_may_stop_listening(self, bench: Bench) -> None:
        super().test_a_reader_may_stop_listening(bench)
