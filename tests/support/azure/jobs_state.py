"""A job as the cloud keeps it: its stages, what it measured, what it said."""

import hashlib
import math
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.support.azure.wire import Json

# Terminal according to the SDK; NotResponding and Paused are what a person has to look at.
FINAL = frozenset({"Completed", "Failed", "Canceled", "NotResponding"})
SERVERLESS_STAGES = ("NotStarted", "Preparing", "Queued", "Running", "Finalizing", "Completed")
MANAGED_STAGES = ("NotStarted", "Preparing", "Queued", "Provisioning", "Starting", "Running", "Finalizing", "Completed")


@dataclass(frozen=True, slots=True)
class Point:
    """One measured value."""

    step: int
    value: float
    at: datetime


@dataclass
class Job:
    """A training; `settle` brings it to where the clock says it is, unless a test `holds` it."""

    name: str
    body: Json
    created: datetime
    pace: dict[str, float]
    stages: tuple[str, ...] = SERVERLESS_STAGES
    caller: str = ""
    status: str = "NotStarted"
    entered: datetime | None = None
    held: bool = False
    error: Json | None = None
    rows: int = 0
    started: datetime | None = None
    ended: datetime | None = None
    metrics: dict[str, list[Point]] = field(default_factory=dict)
    events: list[tuple[datetime, str, str]] = field(default_factory=list)
    hidden: bool = False
    registered: bool = False
    failure: tuple[str, str, str] | None = None
    pipeline: bool = False  # a step below it trains, measures and writes the log

    def __post_init__(self) -> None:
        self.entered = self.entered or self.created
        self.events.append((self.created, self.status, "Run submitted"))

    @property
    def tags(self) -> dict[str, str]:
        """The job's tags."""
        tags: dict[str, str] = self.body["properties"].get("tags") or {}
        return tags

    @property
    def step(self) -> str:
        """The run below a pipeline that trains."""
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, self.name))

    @property
    def final(self) -> bool:
        """Whether nothing more will happen."""
        return self.status in FINAL

    @property
    def details(self) -> Json:
        """The fine-tuning part of its body; empty for other jobs."""
        details: Json = self.body["properties"].get("fineTuningDetails") or {}
        return details

    def enter(self, status: str, at: datetime, message: str = "") -> None:
        """Move to a status, whichever it was in."""
        self.status, self.entered = status, at
        self.events.append((at, status, message or f"Run is {status}"))
        if status == "Running":
            self.started = at
        if self.final:
            self.ended = at

    def fail(self, code: str, message: str, at: datetime) -> None:
        """End with an error."""
        self.error = {"code": code, "message": message}
        self.enter("Failed", at, message)

    def fail_in(self, stage: str, code: str, message: str) -> None:
        """Let the job fail when it comes to a stage. For tests."""
        self.failure = (stage, code, message)

    def next_stage(self) -> str | None:
        """Return the stage after the present one; None at the end, or in a state outside the plan."""
        if self.status not in self.stages or self.final:
            return None
        return self.stages[self.stages.index(self.status) + 1]

    def advance(self, stages: int = 1) -> str:
        """Move on by so many stages at the time the present one ends; returns the status. For tests."""
        for _ in range(stages):
            following = self.next_stage()
            if following is None:
                break
            self.enter(following, self._due())
            if self.failure is not None and following == self.failure[0]:
                self.fail(self.failure[1], self.failure[2], self._due())
        return self.status

    def advance_to(self, status: str) -> str:
        """Move on until the status is reached or nothing follows. For tests."""
        while self.status != status and self.next_stage() is not None:
            self.advance()
        return self.status

    def due(self, now: datetime) -> bool:
        """Whether the present stage is over by the clock."""
        return not self.held and self.next_stage() is not None and self._due() <= now

    def _due(self) -> datetime:
        entered = self.entered or self.created
        if self.status == "Canceling":
            return entered
        return entered + timedelta(seconds=self.pace.get(self.status, 0.0))

    def progress(self, now: datetime) -> float:
        """Return how much of the training is done, 0 to 1."""
        if self.started is None:
            return 0.0
        span = self.pace.get("Running", 1.0) or 1.0
        if self.status != "Running":
            return 1.0 if self.status in {"Finalizing", "Completed"} else self._share(self.ended or now, span)
        return self._share(now, span)

    def _share(self, until: datetime, span: float) -> float:
        passed = (until - (self.started or until)).total_seconds()
        return max(0.0, min(1.0, passed / span))

    def measure(self, now: datetime) -> None:
        """Write down what has been measured by now: losses that fall as a training's do, the same for the same name."""
        if not self.details or self.started is None:
            return
        steps = self.steps()
        done = int(steps * self.progress(now) + 1e-9)
        losses = self.metrics.setdefault("train_loss", [])
        rates = self.metrics.setdefault("learning_rate", [])
        evals = self.metrics.setdefault("eval_loss", []) if self.details.get("validationData") else []
        span = self.pace.get("Running", 1.0)
        while len(losses) < done:
            step = len(losses) + 1
            at = self.started + timedelta(seconds=span * step / steps)
            noise = int.from_bytes(hashlib.sha256(f"{self.name}{step}".encode()).digest()[:2]) / 65_535 - 0.5
            losses.append(Point(step, round(0.6 + 1.8 * math.exp(-3 * step / steps) + 0.05 * noise, 6), at))
            rates.append(Point(step, round(2e-4 * (1 - step / steps), 9), at))
            if self.details.get("validationData") and step % max(1, steps // 4) == 0:
                evals.append(Point(step, round(0.75 + 1.6 * math.exp(-3 * step / steps), 6), at))

    def steps(self) -> int:
        """Return the number of optimiser steps, by rows, epochs and batch size, 20 to 200."""
        given = self.details.get("hyperParameters") or {}
        epochs = _number(given.get("num_train_epochs") or given.get("n_epochs"), 1)
        batch = _number(given.get("per_device_train_batch_size") or given.get("batch_size"), 1)
        return max(20, min(200, int(self.rows * epochs / max(1.0, batch))))


def _number(text: object, otherwise: float) -> float:
    try:
        return float(str(text))
    except ValueError:
        return otherwise
