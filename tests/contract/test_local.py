"""The local backend keeps the contract; its trainer is a stand-in, because what is trained does not matter here."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.backends.local.backend import LocalBackend
from app.domain.backend import (
    Chats,
    Checks,
    Deploys,
    Estimates,
    Evaluates,
    JobObservation,
    KeepsLogs,
    KeepsWeights,
    RemoteFile,
    RemoteJob,
    Resumes,
    ShowsCode,
    TrainingRequest,
)
from app.domain.jobs import JobStatus
from tests.contract.suite import BackendContract, Stage
from tests.support import local
from tests.support.stand_in_trainer import STEPS
from tests.support.waiting import until


class LocalStage:
    """A folder of runs, and stand-in trainers that are moved by files in them."""

    def __init__(self, folder: Path) -> None:
        self.runs = folder / "runs"
        self._interpreter = local.stand_in(folder, local.ROOT / "tests" / "support" / "stand_in_trainer.py")
        self._rows = local.head(local.TRIAGE / "train.jsonl", 60, folder / "rows.jsonl")
        self.backend: LocalBackend = self.again()

    def again(self) -> LocalBackend:
        return local.backend_over(self.runs, self._interpreter)

    def file(self, tag: str) -> RemoteFile:
        return self.backend.upload(self._rows, tag=tag)

    def request(self, tag: str) -> TrainingRequest:
        return local.request(self.backend, tag, [self._rows], {})

    def finish(self, tag: str) -> None:
        step = self.runs / tag / "step"
        for _ in range(STEPS):
            step.touch()
            until(lambda: not step.exists(), doing="a step")

    def next_status(self, job: RemoteJob, since: str | None, past: JobStatus | None) -> JobObservation:
        def other() -> JobObservation | None:
            seen = self.backend.observe(job, since=since)
            return seen if seen.status is not past or seen.events else None

        return until(other, doing="a change")


class TestLocalBackend(BackendContract):
    """The rules, for this machine."""

    @pytest.fixture
    def stage(self, tmp_path: Path) -> Iterator[Stage]:
        yield LocalStage(tmp_path)
        local.end_all(tmp_path / "runs")

    def test_it_has_every_further_ability(self, stage: Stage) -> None:
        for ability in (Resumes, KeepsLogs, Deploys, Chats, Evaluates, Checks, Estimates, ShowsCode, KeepsWeights):
            assert isinstance(stage.backend, ability)
