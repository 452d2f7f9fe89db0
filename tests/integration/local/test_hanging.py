"""A training that hangs is said to, and no more: the sentence goes when a step comes."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.backends.local.backend import LocalBackend
from app.domain.events import EventLevel
from app.domain.jobs import JobStatus
from app.kit.clock import SystemClock
from app.training import run_lock
from tests.support import local
from tests.support.local import Watched
from tests.support.waiting import until


class Ahead:
    """A clock that goes as the child's does, and so much ahead."""

    by = timedelta(0)

    def now(self) -> datetime:
        return SystemClock().now().astimezone(UTC) + self.by


@pytest.fixture
def ahead() -> Ahead:
    return Ahead()


@pytest.fixture
def backend(tmp_path: Path, ahead: Ahead) -> Iterator[LocalBackend]:
    interpreter = local.stand_in(tmp_path, local.ROOT / "tests" / "support" / "stand_in_trainer.py")
    yield local.backend_over(tmp_path / "runs", interpreter, clock=ahead)
    local.end_all(tmp_path / "runs")


def test_a_step_that_does_not_come_is_said_until_it_comes(backend: LocalBackend, ahead: Ahead, tmp_path: Path) -> None:
    rows, run = local.head(local.TRIAGE / "train.jsonl", 8, tmp_path / "rows.jsonl"), tmp_path / "runs" / "job_1"
    watched = Watched(backend, backend.submit(local.request(backend, "job_1", [rows], {})))
    for step in (1, 2, 3):
        until(lambda: watched.look().raw_status == "training", doing="the start")
        (run / "step").touch()
        until(lambda: len(_steps(watched)) == step, doing="a step")  # noqa: B023 -- called at once
    assert watched.look().note == ""
    ahead.by = timedelta(minutes=12)
    said = [watched.look() for _ in range(2)]
    assert {each.status for each in said} == {JobStatus.RUNNING}
    for each in said:
        assert each.note.startswith("No step for 12 minutes; steps took ")
        assert each.note.endswith(" before. Cancel the job, or wait.")
    warnings = [event for each in said for event in each.events if event.level is EventLevel.WARNING]
    assert len({event.id for event in warnings}) == 1
    late = {"kind": "metrics", "t": ahead.now().timestamp(), "step": 4, "steps": 8, "train_loss": 0.25}
    with (run / run_lock.EVENTS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(late) + "\n")
    assert watched.look().note == ""


def _steps(watched: Watched) -> dict[int, float]:
    watched.look()
    return watched.series("train_loss")
