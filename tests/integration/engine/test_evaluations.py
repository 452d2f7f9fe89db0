"""An evaluation waits for a place, is started once, is recorded whole, and can be cancelled."""

from collections.abc import Callable

from app.backends.rehearsal import Fault, FaultKind
from app.domain.actors import OWNER
from app.domain.connections import REHEARSAL_ID
from app.domain.evaluations import Evaluation, EvaluationStatus
from app.services import evaluations
from tests.support.rehearsed import Rehearsed

Build = Callable[..., Rehearsed]
Status = EvaluationStatus


def ask(house: Rehearsed, **more: object) -> str:
    rows = house.tickets()
    target = {"base_model": "rehearsal:small", "connection": REHEARSAL_ID}
    with house.scopes.open(OWNER) as scope:
        return evaluations.create(scope, target=target, dataset=rows.id, **more).id  # type: ignore[arg-type]


def look(house: Rehearsed, identifier: str) -> Evaluation:
    with house.scopes.open(OWNER) as scope:
        return evaluations.get(scope, identifier)


def until(house: Rehearsed, identifier: str, status: Status, limit: int = 600) -> Evaluation:
    for _ in range(limit):
        seen = look(house, identifier)
        if seen.status is status:
            return seen
        house.tick()
    raise AssertionError(f"{look(house, identifier)} never became {status}")


def test_rows_and_figures_are_recorded_together(build: Build) -> None:
    house = build()
    identifier = ask(house, few_shot=2, few_shot_dataset=house.tickets().id)
    running = until(house, identifier, Status.RUNNING)
    assert running.metrics is None
    done = until(house, identifier, Status.SUCCEEDED)
    with house.scopes.open(OWNER) as scope:
        rows = evaluations.rows(scope, identifier, limit=200).items
    assert (done.done_rows, done.total_rows, len(rows)) == (30, 30, 30)
    assert done.metrics is not None
    assert done.metrics.exact_match == sum(row.correct for row in rows) / 30
    assert house.backend.made("start_evaluation", identifier)[0].data["help"] == 2
    assert house.tick(10) == 0


def test_a_process_that_dies_after_the_start_does_not_start_twice(build: Build) -> None:
    house = build()
    identifier = ask(house)
    until(house, identifier, Status.RUNNING)
    house.tick(2)
    heir = house.again()
    heir.engine.take_over()
    until(heir, identifier, Status.SUCCEEDED)
    assert len(heir.backend.made("start_evaluation", identifier)) == 1


def test_it_waits_for_the_training_on_the_same_place(build: Build) -> None:
    house = build(slots=1)
    job = house.job("first")
    house.tick(3)
    identifier = ask(house)
    house.tick(2)
    assert look(house, identifier).note == "Waits for job 'first' on this connection."
    house.until(job.id)
    until(house, identifier, Status.SUCCEEDED)


def test_cancelling_stops_it(build: Build) -> None:
    house = build(evaluate_s=30.0)
    identifier = ask(house)
    until(house, identifier, Status.RUNNING)
    house.tick(3)
    with house.scopes.open(OWNER) as scope:
        evaluations.cancel(scope, identifier)
    until(house, identifier, Status.CANCELLED)
    assert len(house.backend.made("cancel_evaluation", identifier)) == 1


def test_cancelling_a_waiting_one_reaches_no_backend(build: Build) -> None:
    house = build()
    identifier = ask(house)
    with house.scopes.open(OWNER) as scope:
        evaluations.cancel(scope, identifier)
    until(house, identifier, Status.CANCELLED)
    assert not house.backend.ledger.of(identifier)


def test_passing_trouble_is_tried_again(build: Build) -> None:
    house = build(
        Fault(call="start_evaluation", kind=FaultKind.UNAVAILABLE, times=2),
        Fault(call="observe_evaluation", kind=FaultKind.BROKEN, times=2),
    )
    until(house, ask(house), Status.SUCCEEDED)


def test_a_bad_end_is_told(build: Build) -> None:
    house = build(Fault(call="judge", kind=FaultKind.FAILS))
    failed = until(house, ask(house), Status.FAILED)
    assert (failed.reason, failed.message.startswith("Rehearsal: ")) == ("backend_error", True)


def test_one_that_cannot_begin_does_not_keep_trainings_waiting_for_ever(build: Build) -> None:
    house = build(Fault(call="start_evaluation", kind=FaultKind.UNAVAILABLE, times=None), slots=2)
    ask(house)
    assert house.until(house.job().id).status.value == "succeeded"


def test_one_that_vanishes_is_started_again_but_not_for_ever(build: Build) -> None:
    house = build(Fault(call="observe_evaluation", kind=FaultKind.NOT_FOUND, times=None))
    identifier = ask(house)
    failed = until(house, identifier, Status.FAILED)
    assert failed.reason == "lost"
    assert len(house.journal(identifier, "start")) == 3
