"""Many trainings are looked at in one call; what is new, wished or troubled still has a turn of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from app.backends.rehearsal import Fault, FaultKind, RehearsalBackend
from app.domain.actors import OWNER
from app.domain.backend_abilities import KnownJob
from app.domain.jobs import FineTuningJob, JobStatus
from app.engine.batch_poll import FEWEST
from app.services import jobs
from app.services.scope import Backends
from app.store import jobs as store
from tests.support.rehearsed import Rehearsed

Build = Callable[..., Rehearsed]
SLOW = {"queue_s": 0.0, "train_s": 10_000.0, "steps": 4, "look_s": 5.0}
CROWD = FEWEST + 4


def crowd(app_context: Rehearsed) -> list[FineTuningJob]:
    """Have many trainings under way of which there is nothing to tell for a long time."""
    made = [app_context.job(f"job-{number}") for number in range(CROWD)]
    for _ in range(60):
        app_context.tick()
        seen = [app_context.look(job.id) for job in made]
        if all(job.status is JobStatus.RUNNING and job.observed_at for job in seen):
            return made
    raise AssertionError("they never all run")


def due_together(app_context: Rehearsed) -> None:
    """Let every training fall due in the same moment."""
    with app_context.database.writing() as tx:
        tx.exec_driver_sql("UPDATE jobs SET due_at = ?", (app_context.clock.now().timestamp(),))


def test_those_without_news_need_no_turn(build: Build) -> None:
    app_context = build(slots=CROWD, **SLOW)
    made = crowd(app_context)
    app_context.clock.turn(timedelta(seconds=5))
    due_together(app_context)
    gens = {job.id: version(app_context, job.id) for job in made}
    before = app_context.engine.polled
    assert app_context.engine.tick() == 0
    assert app_context.engine.polled - before == CROWD
    now = app_context.clock.now()
    for job in made:
        seen = app_context.look(job.id)
        assert seen.observed_at == now
        assert seen.next_look_at is not None
        assert timedelta(seconds=4) < seen.next_look_at - now < timedelta(seconds=6)
        assert version(app_context, job.id) == gens[job.id], "nobody claimed it"


def test_news_requests_and_few_rows_have_turns_of_their_own(build: Build) -> None:
    app_context = build(slots=CROWD, **SLOW)
    made = crowd(app_context)
    with app_context.scopes.open(OWNER) as scope:
        jobs.cancel(scope, made[0].id)
    due_together(app_context)
    assert app_context.engine.tick() == 1
    assert app_context.look(made[0].id).status is JobStatus.CANCELLING
    app_context.clock.turn(timedelta(seconds=2600))  # another step
    due_together(app_context)
    assert app_context.engine.tick() == CROWD
    assert app_context.look(made[1].id).progress.step == 1


def test_a_provider_whose_looks_fail_is_reported_by_each_row(build: Build) -> None:
    app_context = build(
        Fault(call="observe", kind=FaultKind.UNAVAILABLE, times=None, tag="nobody*"), slots=CROWD, **SLOW
    )
    crowd(app_context)
    due_together(app_context)
    before = app_context.engine.polled
    assert app_context.engine.tick() == CROWD
    assert app_context.engine.polled == before


class Breaks(RehearsalBackend):
    """A rehearsal that breaks its promise when it is asked about many."""

    def unchanged(self, known: Sequence[KnownJob]) -> Mapping[str, timedelta | None]:
        raise KeyError(len(known))


@pytest.mark.parametrize("lost", [False, True], ids=["it raises what no backend may", "it is not there any more"])
def test_a_backend_that_cannot_be_asked_about_many_stops_nobody(build: Build, *, lost: bool) -> None:
    app_context = build(slots=CROWD, **SLOW)
    crowd(app_context)
    due_together(app_context)
    usual = app_context.backend
    broken = Breaks(usual.folder, clock=app_context.clock, script=usual.script)
    app_context.scopes.app_context = replace(app_context.app_context, backends=Backends([] if lost else [broken]))
    assert app_context.engine.tick() == CROWD, "each has a turn of its own, which says what is wrong"
    app_context.scopes.app_context = app_context.app_context


def test_a_row_that_is_touched_meanwhile_is_left_alone(build: Build) -> None:
    app_context = build(slots=CROWD, **SLOW)
    made = crowd(app_context)
    due_together(app_context)
    with app_context.database.reading() as tx:
        due = store.calm(tx, now=app_context.clock.now().timestamp(), limit=100)
    with app_context.scopes.open(OWNER) as scope:
        jobs.cancel(scope, made[0].id)
    with app_context.database.writing() as tx:
        tx.exec_driver_sql("UPDATE jobs SET due_at = due_at - 1 WHERE id = ?", (made[0].id,))
        tx.exec_driver_sql("UPDATE jobs SET gen = gen + 1 WHERE id = ?", (made[1].id,))
        store.reschedule(
            tx, [(row, app_context.clock.now() + timedelta(hours=1)) for row in due], at=app_context.clock.now()
        )
    soon = app_context.clock.now() + timedelta(minutes=1)
    sooner = [job.id for job in made if (at := app_context.look(job.id).next_look_at) is not None and at < soon]
    assert sorted(sooner) == sorted([made[0].id, made[1].id])


def version(app_context: Rehearsed, identifier: str) -> str:
    with app_context.scopes.open(OWNER) as scope:
        return jobs.live_version(scope, identifier)
