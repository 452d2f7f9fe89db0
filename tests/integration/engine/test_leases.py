"""Claims: one worker a row, fenced by a number, and no wish to look sooner is ever lost."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from app.domain.actors import ENGINE, OWNER
from app.services import jobs
from app.store import leases
from app.store.leases import Claim
from tests.support.rehearsed import Rehearsed

Build = Callable[..., Rehearsed]
FIRST = "one"


def claim(app_context: Rehearsed, *, now: float, token: str = FIRST, limit: int = 10) -> list[Claim]:
    with app_context.database.writing() as tx:
        return leases.claim(tx, "jobs", now=now, lease_s=60, limit=limit, token=token)


def settle(app_context: Rehearsed, held: Claim, *, due_at: float | None, note: str = "") -> bool:
    with app_context.database.writing() as tx:
        return leases.settle(tx, held, {"note": note}, due_at=due_at)


def next_due(app_context: Rehearsed, now: float) -> float | None:
    with app_context.database.reading() as tx:
        return leases.next_due(tx, now=now)


def now_of(app_context: Rehearsed) -> float:
    return app_context.clock.now().timestamp()


def test_a_row_is_held_by_one_until_the_lease_ends(build: Build) -> None:
    app_context = build()
    app_context.job()
    now = now_of(app_context)
    (first,) = claim(app_context, now=now)
    assert claim(app_context, now=now + 59, token="two") == []
    (second,) = claim(app_context, now=now + 60, token="two")
    assert second.fence == first.fence + 1
    assert not settle(app_context, first, due_at=None)
    assert settle(app_context, second, due_at=None)


def test_only_what_is_due_is_claimed_the_longest_due_first(build: Build) -> None:
    app_context = build()
    made = [app_context.job(f"job-{number}").id for number in range(3)]
    with app_context.database.writing() as tx:
        leases.wake(tx, "jobs", made, due_at=0.0)
        for number, job in enumerate(reversed(made)):
            tx.exec_driver_sql("UPDATE jobs SET due_at = ? WHERE id = ?", (float(number * 10), job))
    assert [each.id for each in claim(app_context, now=10.0)] == [made[2], made[1]]


def test_many_claimers_at_once_never_share_a_row(build: Build) -> None:
    app_context = build()
    for number in range(40):
        app_context.job(f"job-{number}")
    now = now_of(app_context)

    def take(token: int) -> list[str]:
        mine: list[str] = []
        while got := claim(app_context, now=now, token=str(token), limit=3):
            mine += [each.id for each in got]
        return mine

    with ThreadPoolExecutor(8) as pool:
        taken = [job for mine in pool.map(take, range(8)) for job in mine]
    assert len(taken) == len(set(taken)) == 40


def test_a_request_that_comes_during_an_act_is_looked_at_at_once(build: Build) -> None:
    """Without this, a cancellation would wait for the next look, up to five minutes."""
    app_context = build()
    job = app_context.job()
    now = now_of(app_context)
    (held,) = claim(app_context, now=now)
    with app_context.scopes.open(OWNER) as scope:
        jobs.cancel(scope, job.id)
    assert settle(app_context, held, due_at=now + 300)
    assert next_due(app_context, now) == now


def test_what_is_settled_falls_due_as_said(build: Build) -> None:
    app_context = build()
    app_context.job()
    now = now_of(app_context)
    (held,) = claim(app_context, now=now)
    assert next_due(app_context, now) is None
    assert settle(app_context, held, due_at=now + 300)
    assert next_due(app_context, now) == now + 300


def test_a_record_never_writes_over_what_people_want(build: Build) -> None:
    app_context = build()
    job = app_context.job()
    (held,) = claim(app_context, now=now_of(app_context))
    with app_context.scopes.open(OWNER) as scope:
        jobs.cancel(scope, job.id)
    with app_context.database.writing() as tx:
        assert leases.settle(tx, held, {"goal": "finished", "note": "seen"}, due_at=None)
    seen = app_context.look(job.id)
    assert (seen.goal.value, seen.note) == ("cancelled", "seen")


def test_released_rows_are_due_at_once_and_old_claims_are_worthless(build: Build) -> None:
    app_context = build()
    app_context.job()
    now = now_of(app_context)
    (held,) = claim(app_context, now=now)
    with app_context.database.writing() as tx:
        assert leases.release(tx, "somebody else") == 0
        assert leases.release(tx, FIRST) == 1
    assert not settle(app_context, held, due_at=None)
    assert len(claim(app_context, now=now)) == 1


def test_the_start_of_a_process_frees_what_a_killed_one_held(build: Build) -> None:
    app_context = build()
    app_context.job()
    assert len(app_context.engine.claim(10)) == 1
    assert app_context.tick(every=timedelta(0)) == 0
    heir = app_context.again()
    heir.engine.take_over()
    with heir.scopes.open(ENGINE) as scope:
        assert leases.next_due(scope.read, now=scope.due_now()) == 0.0
    assert heir.engine.tick() == 1
