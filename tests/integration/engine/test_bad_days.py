"""Whole days at a bad provider, played from a seed: deaths at every call, losses, refusals, people's second thoughts.

What is one line at the end of each day is the promise: everything came to its end, along its table, and once.
"""

import random
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

import pytest

from app.backends.rehearsal import Died, Fault, FaultKind, RehearsalBackend, Script
from app.domain.actors import OWNER
from app.domain.deployments import TRANSITIONS as DEPLOYMENT_STEPS
from app.domain.deployments import DeploymentStatus
from app.domain.errors import Conflict
from app.domain.evaluations import EvaluationStatus
from app.domain.jobs import TRANSITIONS as JOB_STEPS
from app.domain.jobs import JobStatus
from app.services import deployments, evaluations, jobs
from tests.support.connections import REHEARSAL_ID
from tests.support.rehearsed import Rehearsed

Build = Callable[..., Rehearsed]
CALLS = (
    "check",
    "upload",
    "submit",
    "find",
    "observe",
    "cancel",
    "resume",
    "deploy",
    "observe_deployment",
    "undeploy",
    "start_evaluation",
    "observe_evaluation",
    "cancel_evaluation",
    "discard_model",
)
EVERYWHERE = (FaultKind.UNAVAILABLE, FaultKind.RATE_LIMITED, FaultKind.BROKEN, FaultKind.DIES_BEFORE)
LAG, GRACE = 2.0, 4.0
DAY = timedelta(minutes=10)


def bad_day() -> list[Fault]:
    faults = [Fault(call=call, kind=kind, times=None, share=0.03) for call in CALLS for kind in EVERYWHERE]
    submits = (FaultKind.LOST_ANSWER, FaultKind.LATE_ACCEPTANCE, FaultKind.OUTCOME_UNKNOWN, FaultKind.DIES_AFTER)
    faults += [Fault(call="submit", kind=kind, times=None, share=0.1, seconds=LAG) for kind in submits]
    looks = (FaultKind.BACKWARDS, FaultKind.STRANGE, FaultKind.REPEATED)
    faults += [Fault(call="observe", kind=kind, times=None, share=0.05) for kind in looks]
    faults.append(Fault(call="train", kind=FaultKind.INTERRUPTED, times=2, share=0.3))
    faults.append(Fault(call="serve", kind=FaultKind.GONE, times=2, share=0.4, seconds=20.0))
    return faults


class Day:
    """One day: a house that dies and is taken over, and a person with a seed."""

    def __init__(self, app_context: Rehearsed, seed: int) -> None:
        self.app_context = app_context
        self.chance = random.Random(seed)
        self.deaths = 0
        self.jobs: list[str] = []
        self.deployments: list[str] = []

    def pass_(self, time: timedelta) -> None:
        """Turn the clock from one due row to the next, and the engine; a death is followed by the next process."""
        until = self.app_context.clock.now() + time
        while self.app_context.clock.now() < until:
            wait = self.app_context.engine.seconds_to_next()
            left = (until - self.app_context.clock.now()).total_seconds()
            self.app_context.clock.turn(timedelta(seconds=left if wait is None else min(left, max(wait, 0.01))))
            try:
                self.app_context.engine.tick()
            except Died:
                self.deaths += 1
                self.app_context = self.app_context.again()
                self.app_context.engine.take_over()

    def change_something(self) -> None:
        """Do what a person might do now."""
        with self.app_context.scopes.open(OWNER) as scope:
            try:
                match self.chance.randrange(4):
                    case 0 if self.jobs:
                        jobs.cancel(scope, self.chance.choice(self.jobs))
                    case 1 if self.deployments:
                        deployments.delete(scope, self.chance.choice(self.deployments))
                    case 2:
                        target = {"base_model": "rehearsal:small", "connection": REHEARSAL_ID}
                        idle = self.chance.choice([0, 60])
                        made = deployments.create(scope, target=target, expires_after_idle_s=idle)
                        self.deployments.append(made.id)
            except Conflict:
                pass  # it was over already

    def end(self) -> None:
        """Wait until everything has come to its end; deployments that are still wanted are deleted."""
        self.pass_(DAY)
        for deployment in self.deployments:
            with self.app_context.scopes.open(OWNER) as scope:
                deployments.delete(scope, deployment)
        self.pass_(DAY)


@pytest.mark.parametrize("seed", range(2))
def test_everything_comes_to_its_end_once(build: Build, seed: int) -> None:
    play(build, seed)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(2, 40))
def test_everything_comes_to_its_end_once_on_many_more_days(build: Build, seed: int) -> None:
    play(build, seed)


def play(build: Build, seed: int) -> None:
    day = Day(build(*bad_day(), seed=seed, slots=3, look_s=5.0, repeats_doubles=True, acceptance_grace_s=GRACE), seed)
    for _ in range(8):
        made = day.app_context.job("day", validation={"kind": "split", "ratio": 0.2, "seed": 1})
        day.jobs.append(made.id)
        day.pass_(timedelta(seconds=5))
        if day.chance.random() < 0.5:
            day.change_something()
    day.end()
    app_context = day.app_context
    calm = RehearsalBackend(app_context.backend.folder, clock=app_context.clock, script=Script())
    assert day.deaths > 0
    for job in day.jobs:
        ended = app_context.look(job)
        assert ended.status in {JobStatus.SUCCEEDED, JobStatus.CANCELLED}, ended
        assert len(app_context.accepted(job)) <= 1
        assert ended.status is JobStatus.CANCELLED or len(app_context.accepted(job)) == 1
        reported = [JobStatus(event.message) for event in app_context.journal(job, "status")]
        assert all(after in JOB_STEPS[before] for before, after in pairwise(reported)), reported
    for deployment in day.deployments:
        assert app_context.deployment(deployment).status is DeploymentStatus.DELETED
        steps = [DeploymentStatus(event.message) for event in app_context.journal(deployment, "status")]
        assert all(after in DEPLOYMENT_STEPS[before] for before, after in pairwise(steps)), steps
        assert calm.observe_deployment(deployment).gone
    with app_context.scopes.open(OWNER) as scope:
        evaluated = evaluations.list_evaluations(scope, limit=200).items
    assert {each.status for each in evaluated} <= {EvaluationStatus.SUCCEEDED, EvaluationStatus.FAILED}
    assert all(len(app_context.backend.made("start_evaluation", each.id)) <= 1 for each in evaluated)
    assert app_context.tick(120) == 0, "something is still looked at although everything is over"
