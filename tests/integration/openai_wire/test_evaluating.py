"""Base and tuned model answer held-out rows by chat, over both wires: agreed to before, asked once, and counted."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.domain.deployments import DeploymentStatus
from app.domain.evaluations import Evaluation, EvaluationStatus
from app.domain.jobs import FineTuningJob, JobStatus
from app.domain.spending import CostNotAccepted
from app.engine.evaluations import DEPLOY_FIRST
from app.services import deployments, evaluations, lifeboats
from tests.integration.openai_wire.test_lifeboat import begin, sail
from tests.support.openai_plane.azure import AzureScript
from tests.support.openai_plane.azure_bench import azure_house
from tests.support.openai_plane.house import WireHouse, openai_house
from tests.support.openai_plane.script import Script, Wrong
from tests.support.rehearsed import rows_file
from tests.support.spending import ANYTHING

Build = Callable[..., WireHouse]
ROWS = 4


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """Give the builder of a house that is connected to OpenAI's plane, or to Azure's."""
    with ExitStack() as stack:

        def make(*wrongs: Wrong, azure: bool = False) -> WireHouse:
            house = azure_house(tmp_path, AzureScript(wrongs=wrongs)) if azure else None
            return stack.enter_context(house or openai_house(tmp_path, Script(wrongs=wrongs)))

        yield make


def trained(house: WireHouse, content: bytes = b"") -> tuple[FineTuningJob, str]:
    """Return a job that succeeded, and its held-out rows."""
    held_out = house.upload(content or rows_file(ROWS), "held out").id
    job = house.until(house.job(validation={"kind": "dataset", "dataset": held_out}).id)
    assert job.status is JobStatus.SUCCEEDED
    return job, held_out


def ask(house: WireHouse, rows: str, **target: str) -> str:
    with house.open() as scope:
        return evaluations.create(scope, target=target, dataset=rows, accepted=ANYTHING).id


def over(house: WireHouse, identifier: str) -> Evaluation:
    for _ in range(100):
        with house.open() as scope:
            seen = evaluations.get(scope, identifier)
        if seen.status.is_final:
            return seen
        house.tick(every=2.0)
    raise AssertionError(seen)


def chats(house: WireHouse) -> int:
    return house.plane.calls["chat"]


def test_both_models_answer_once_it_was_agreed_to(build: Build) -> None:
    house = build()
    job, rows = trained(house)
    base = {"connection": house.connection.id, "base_model": house.base_model}
    with house.open() as scope:
        assert not evaluations.list_evaluations(scope).items, "answers are billed: none is asked unbidden"
        with pytest.raises(CostNotAccepted) as refused:
            evaluations.create(scope, target=base, dataset=rows)
    assert [each.pointer for each in refused.value.problems] == ["/accept_cost/unknown_price"]
    assert chats(house) == 0
    pair = [over(house, each) for each in (ask(house, rows, **base), ask(house, rows, model=str(job.fine_tuned_model)))]
    assert [each.status for each in pair] == [EvaluationStatus.SUCCEEDED] * 2, pair
    assert chats(house) == 2 * ROWS
    for each in pair:
        assert each.metrics is not None
        assert (each.metrics.rows, each.metrics.loss) == (ROWS, None)
        assert "no likelihoods" in each.metrics.missing["loss"]
    with house.open() as scope:
        assert len(evaluations.compare(scope, pair[0].id, pair[1].id)) == ROWS


def test_calls_of_tools_are_offered_and_compared(build: Build) -> None:
    """A model that is taught to call tools is told of them, and what it calls counts, not the text beside it."""
    house = build()
    tools = [{"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}]

    def calling(arguments: object) -> dict[str, object]:
        call = {"id": "c", "type": "function", "function": {"name": "find", "arguments": arguments}}
        return {"role": "assistant", "content": None, "tool_calls": [call]}

    first = [{"role": "user", "content": "first"}, calling({"asked": "first"})]
    found = {"role": "tool", "tool_call_id": "c", "content": "nothing"}
    wanted = [{"asked": "parcel 0"}, '{"asked":"parcel 1"}', {"asked": "another"}]
    rows = [[*first, found, {"role": "user", "content": f"parcel {n}"}, calling(each)] for n, each in enumerate(wanted)]
    content = b"".join(json.dumps({"messages": each, "tools": tools}).encode() + b"\n" for each in rows)
    held_out = house.upload(content, "calls").id
    seen = over(house, ask(house, held_out, connection=house.connection.id, base_model=house.base_model))
    assert seen.status is EvaluationStatus.SUCCEEDED, seen.message
    with house.open() as scope:
        answers = evaluations.rows(scope, seen.id).items
    assert [each.answer for each in answers] == [f'find({{"asked": "parcel {n}"}})' for n in range(3)]
    assert [each.expected == each.answer for each in answers] == [True, True, False]
    assert seen.metrics is not None
    assert seen.metrics.exact_match == pytest.approx(2 / 3)


def test_a_refused_row_counts_as_wrong_and_a_limit_is_waited_for(build: Build) -> None:
    house = build(Wrong(call="POST /chat/completions", kind="429", times=1, headers={"retry-after": "0"}))
    turns = [{"role": "user", "content": "FORBIDDEN"}, {"role": "assistant", "content": "no"}]
    _, rows = trained(house, rows_file(ROWS) + json.dumps({"messages": turns}).encode() + b"\n")
    seen = over(house, ask(house, rows, connection=house.connection.id, base_model=house.base_model))
    assert seen.status is EvaluationStatus.SUCCEEDED, seen.message
    assert f"refused 1 of {ROWS + 1} rows" in seen.message


def test_it_goes_on_after_a_death_and_asks_no_row_twice(build: Build) -> None:
    house = build()
    _, rows = trained(house)
    identifier = ask(house, rows, connection=house.connection.id, base_model=house.base_model)
    for _ in range(50):
        house.tick(every=2.0)
        if chats(house):
            break
    house.restart()
    assert over(house, identifier).status is EvaluationStatus.SUCCEEDED
    assert ROWS <= chats(house) <= ROWS + 1, "the row that was under way may be asked again"


def test_azure_answers_through_a_deployment_alone(build: Build) -> None:
    house = build(azure=True)
    job, rows = trained(house)
    identifier = ask(house, rows, model=str(job.fine_tuned_model))
    house.tick(3, every=40.0)
    with house.open() as scope:
        waiting = evaluations.get(scope, identifier)
        made = deployments.create(scope, target={"model": str(job.fine_tuned_model)}, accepted=ANYTHING)
    assert (waiting.status, waiting.note) == (EvaluationStatus.PENDING, DEPLOY_FIRST)
    for _ in range(60):
        house.tick(every=15.0)
        with house.open() as scope:
            if deployments.get(scope, made.id).status is DeploymentStatus.READY:
                break
    seen = over(house, identifier)
    assert seen.status is EvaluationStatus.SUCCEEDED, seen.message
    assert seen.metrics is not None
    assert seen.metrics.rows == ROWS


def test_a_model_that_was_trained_again_is_compared_with_the_one_that_is_gone(build: Build) -> None:
    house = build()
    job, _ = trained(house)
    (found,) = sail(house, begin(house, job.spec.project, ROWS))
    assert found.validation_dataset is not None
    again = house.until(house.job("again").id)
    seen = over(house, ask(house, found.validation_dataset, model=str(again.fine_tuned_model)))
    assert seen.status is EvaluationStatus.SUCCEEDED, seen.message
    with house.open() as scope:
        compared = lifeboats.compare(scope, found.id, seen.id)
    assert [each.line for each in compared.rows] == list(range(1, ROWS + 1))
    assert all(each.then and each.now for each in compared.rows)
