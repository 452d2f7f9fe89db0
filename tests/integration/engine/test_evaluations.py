"""An evaluation waits for a place, is started once, is recorded whole, and can be cancelled."""

from collections.abc import Callable

from app.backends.rehearsal import Fault, FaultKind
from app.domain.actors import OWNER
from app.domain.evaluations import Evaluation, EvaluationStatus
from app.services import evaluations
from tests.support.connections import REHEARSAL_ID
from tests.support.rehearsed import Rehearsed

Build = Callable[..., Rehearsed]
Status = EvaluationStatus


def ask(app_context: Rehearsed, **more: object) -> str:
    rows = app_context.tickets()
    target = {"base_model": "rehearsal:small", "connection": REHEARSAL_ID}
    with app_context.scopes.open(OWNER) as scope:
        return evaluations.create(scope, target=target, dataset=rows.id, **more).id  # type: ignore[arg-type]


def look(app_context: Rehearsed, identifier: str) -> Evaluation:
    with app_context.scopes.open(OWNER) as scope:
        return evaluations.get(scope, identifier)


def until(app_context: Rehearsed, identifier: str, status: Status, limit: int = 600) -> Evaluation:
    for _ in range(limit):
        seen = look(app_context, identifier)
        if seen.status is status:
            return seen
        app_context.tick()
    raise AssertionError(f"{look(app_context, identifier)} never became {status}")


def test_rows_and_figures_are_recorded_together(build: Build) -> None:
    app_context = build()
    identifier = ask(app_context, few_shot=2, few_shot_dataset=app_context.tickets().id)
    running = until(app_context, identifier, Status.RUNNING)
    assert running.metrics is None
    done = until(app_context, identifier, Status.SUCCEEDED)
    with app_context.scopes.open(OWNER) as scope:
        rows = evaluations.rows(scope, identifier, limit=200).items
    assert (done.done_rows, done.total_rows, len(rows)) == (30, 30, 30)
    assert done.metrics is not None
    assert done.metrics.exact_match == sum(row.correct for row in rows) / 30
    assert app_context.backend.made("start_evaluation", identifier)[0].data["help"] == 2
    assert app_context.tick(10) == 0


def test_a_process_that_dies_after_the_start_does_not_start_twice(build: Build) -> None:
    app_context = build()
    identifier = ask(app_context)
    until(app_context, identifier, Status.RUNNING)
    app_context.tick(2)
    heir = app_context.again()
    heir.engine.take_over()
    until(heir, identifier, Status.SUCCEEDED)
    assert len(heir.backend.made("start_evaluation", identifier)) == 1


def test_it_waits_for_the_training_on_the_same_slot(build: Build) -> None:
    app_context = build(slots=1)
    job = app_context.job("first")
    app_context.tick(3)
    identifier = ask(app_context)
    app_context.tick(2)
    assert look(app_context, identifier).note == "Waits for job 'first' on this connection."
    app_context.until(job.id)
    until(app_context, identifier, Status.SUCCEEDED)


def test_cancelling_stops_it(build: Build) -> None:
    app_context = build(evaluate_s=30.0)
    identifier = ask(app_context)
    until(app_context, identifier, Status.RUNNING)
    app_context.tick(3)
    with app_context.scopes.open(OWNER) as scope:
        evaluations.cancel(scope, identifier)
    until(app_context, identifier, Status.CANCELLED)
    assert len(app_context.backend.made("cancel_evaluation", identifier)) == 1


def test_cancelling_a_waiting_one_reaches_no_backend(build: Build) -> None:
    app_context = build()
    identifier = ask(app_context)
    with app_context.scopes.open(OWNER) as scope:
        evaluations.cancel(scope, identifier)
    until(app_context, identifier, Status.CANCELLED)
    assert not app_context.backend.ledger.of(identifier)


def test_passing_failure_is_tried_again(build: Build) -> None:
    app_context = build(
        Fault(call="start_evaluation", kind=FaultKind.UNAVAILABLE, times=2),
        Fault(call="observe_evaluation", kind=FaultKind.BROKEN, times=2),
    )
    until(app_context, ask(app_context), Status.SUCCEEDED)


def test_a_bad_end_is_reported(build: Build) -> None:
    app_context = build(Fault(call="judge", kind=FaultKind.FAILS))
    failed = until(app_context, ask(app_context), Status.FAILED)
    assert (failed.reason, failed.message.startswith("Rehearsal: ")) == ("backend_error", True)


def test_one_that_cannot_begin_does_not_keep_trainings_waiting_for_ever(build: Build) -> None:
    app_context = build(Fault(call="start_evaluation", kind=FaultKind.UNAVAILABLE, times=None), slots=2)
    ask(app_context)
    assert app_context.until(app_context.job().id).status.value == "succeeded"


def test_one_that_vanishes_is_started_again_but_not_for_ever(build: Build) -> None:
    app_context = build(Fault(call="observe_evaluation", kind=FaultKind.NOT_FOUND, times=None))
    identifier = ask(app_context)
    failed = until(app_context, identifier, Status.FAILED)
    assert failed.reason == "lost"
    assert len(app_context.journal(identifier, "start")) == 3
