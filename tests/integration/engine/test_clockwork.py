"""The clockwork in a real event loop: woken by a nudge, beating by itself, leaving nothing held behind."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from app.backends.rehearsal import Fault, FaultKind
from app.domain.actors import OWNER
from app.domain.jobs import JobStatus
from app.engine.clockwork import Clockwork
from app.services import jobs
from app.store import leases
from tests.support.rehearsed import Rehearsed

Build = Callable[..., Rehearsed]
PATIENCE_S = 20


async def until(condition: Callable[[], bool], clockwork: Clockwork | None) -> None:
    """Wait on a condition, asking the clockwork for a beat after each look that found it wanting."""
    async with asyncio.timeout(PATIENCE_S):
        while not await asyncio.to_thread(condition):
            if clockwork is not None:
                clockwork.nudge()


def turning(app_context: Rehearsed, work: Callable[[Clockwork], object]) -> Clockwork:
    """Run a clockwork that would never look by itself while `work` is done."""
    clockwork = Clockwork(app_context.scopes, interval_s=3600)
    app_context.scopes.nudge = clockwork.nudge

    async def main() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(clockwork.run(stop))
        result = work(clockwork)
        if asyncio.iscoroutine(result):
            await result
        stop.set()
        async with asyncio.timeout(PATIENCE_S):
            await running

    asyncio.run(main())
    return clockwork


def test_a_verb_wakes_it(build: Build) -> None:
    app_context = build()

    async def work(clockwork: Clockwork) -> None:
        await until(lambda: clockwork.last_tick is not None, clockwork)
        job = await asyncio.to_thread(app_context.job)  # the service nudges, nobody else does
        await until(lambda: app_context.look(job.id).status is not JobStatus.PENDING, None)

    turning(app_context, work)


def test_many_jobs_go_all_the_way_under_its_threads(build: Build) -> None:
    app_context = build(slots=4)
    made = [app_context.job(f"job-{number}").id for number in range(8)]

    def over() -> bool:
        app_context.clock.turn(timedelta(milliseconds=200))
        with app_context.scopes.open(OWNER) as scope:
            return jobs.counts(scope).get(JobStatus.SUCCEEDED, 0) == len(made)

    async def work(clockwork: Clockwork) -> None:
        await until(over, clockwork)

    clockwork = turning(app_context, work)
    assert all(len(app_context.accepted(job)) == 1 for job in made)
    assert clockwork.last_tick is not None


def test_it_survives_an_act_that_raises_what_nobody_expects(build: Build) -> None:
    app_context = build(Fault(call="check", kind=FaultKind.BROKEN, times=1))
    job = app_context.job()

    def begun() -> bool:
        app_context.clock.turn(timedelta(seconds=1))
        return app_context.look(job.id).status is not JobStatus.PENDING

    async def work(clockwork: Clockwork) -> None:
        await until(begun, clockwork)

    turning(app_context, work)


def test_stopping_gives_every_lease_back(build: Build) -> None:
    app_context = build()
    for number in range(6):
        app_context.job(f"job-{number}")
    turning(app_context, lambda clockwork: clockwork.nudge())
    with app_context.database.reading() as tx:
        held = tx.exec_driver_sql("SELECT count(*) FROM jobs WHERE lease_token IS NOT NULL").scalar()
        assert held == 0
        assert leases.next_due(tx, now=app_context.clock.now().timestamp()) is not None
