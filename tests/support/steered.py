"""A house whose one backend is this machine, with trainings by a stand-in that are moved by files."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

from app.domain.backend_errors import NoCapacity
from app.domain.jobs import FineTuningJob, JobStatus
from app.domain.models import FineTunedModel
from app.domain.preflight import PreflightFinding
from app.engine.engine import Engine
from app.services import jobs, models
from app.training import run_lock
from tests.support import local
from tests.support.app_context import TestHouse
from tests.support.connections import LOCAL_ID
from tests.support.waiting import until

KEPT_DAYS = 30


class DemoClient:
    """A house whose one backend is this machine, with trainings that are moved by files."""

    def __init__(self, folder: Path) -> None:
        self.runs = folder / "runs"
        self.not_ready = ""  # why there is no runtime, as long as there is none
        self._stand_in = local.stand_in(folder, local.ROOT / "tests" / "support" / "stand_in_trainer.py")
        backend = local.backend_over(self.runs, self._interpreter)
        self.app_context = TestHouse(folder, [backend], checkpoint_days=KEPT_DAYS)
        self.engine = Engine(self.app_context.scopes)

    def _interpreter(self) -> Path:
        if self.not_ready:
            raise NoCapacity(self.not_ready, fix="See Settings, Runtime environments.")
        return self._stand_in

    def submit(self, **changes: object) -> str:
        fields = self.app_context.fields(
            **{"connection": LOCAL_ID, "base_model": "builtin:starter", "validation": {"kind": "none"}, **changes}
        )
        with self.app_context.open() as scope:
            return jobs.create(scope, fields).id

    def job(self, identifier: str) -> FineTuningJob:
        with self.app_context.open() as scope:
            return jobs.get(scope, identifier)

    def until_it(self, identifier: str, is_so: Callable[[FineTuningJob], bool]) -> FineTuningJob:
        """Turn clock and engine until a job is as wished."""

        def look() -> FineTuningJob | None:
            self.app_context.clock.turn(timedelta(seconds=2))
            self.engine.tick()
            job = self.job(identifier)
            return job if is_so(job) else None

        return until(look, doing="the job's way")

    def found_ahead(self, *findings: PreflightFinding, **counts: int) -> None:
        """Let pre-flights find this and count that, those under way and those to come."""
        reported = {"findings": [each.as_json() for each in findings], "rows": 40, "tokens": 900, "learned_tokens": 80}
        reported |= counts
        (self.runs / "preflights").mkdir(parents=True, exist_ok=True)
        run_lock.write_whole(self.runs / "preflights" / "found", {**reported, "longest": 30})

    def turned(self) -> None:
        """Turn clock and engine until what is done beside the turns has been begun, done and taken in."""
        for _ in range(3):
            self.engine.tick()
            self.engine.tasks.wait()
            self.app_context.clock.turn(timedelta(seconds=2))

    def trained(self, identifier: str, steps: int) -> FineTuningJob:
        """Let a job train so many steps, a checkpoint after each."""
        self.until_it(identifier, lambda job: job.status is JobStatus.RUNNING)
        for step in range(1, steps + 1):
            for word in ("saves", "step"):
                (self.runs / identifier / word).touch()
            self.until_it(identifier, partial(_has_reached, step))
        return self.job(identifier)

    def stopped(self, identifier: str) -> FineTuningJob:
        with self.app_context.open() as scope:
            jobs.stop(scope, identifier)
        return self.until_it(identifier, lambda job: job.status.is_final)

    def model(self, job: FineTuningJob) -> FineTunedModel:
        with self.app_context.open() as scope:
            return models.get(scope, job.fine_tuned_model or "")

    def close(self) -> None:
        """End what is at work."""
        local.end_all(self.runs / "preflights")
        local.end_all(self.runs)
        self.app_context.database.close()


def _has_reached(step: int, job: FineTuningJob) -> bool:
    return (job.progress.step or 0) >= step
