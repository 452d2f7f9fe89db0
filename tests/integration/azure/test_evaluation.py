"""Evaluating at Azure: through a ready deployment, resumed after a crash, patient with limits."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.backend import DataRejected, EvaluationRequest, NoCapacity, NotFound, Unavailable
from app.domain.deployments import DeploymentStatus
from app.domain.evaluations import EvaluationStatus
from app.engine.evaluations import DEPLOY_FIRST
from app.services import evaluations
from tests.support.app_context import chats
from tests.support.azure.certificates import Certificates
from tests.support.azure.house import AzureHouse
from tests.support.azure.served import ServedCloud, served_cloud
from tests.support.clock import TurnedClock
from tests.support.spending import ANYTHING
from tests.support.waiting import until

ROWS = 12


@pytest.fixture
def served(azure_certificates: Certificates, tmp_path: Path) -> Iterator[ServedCloud]:
    with served_cloud(azure_certificates, tmp_path / "cloud", TurnedClock()) as made:
        yield made


@pytest.fixture
def app_context(served: ServedCloud, tmp_path: Path) -> Iterator[AzureHouse]:
    made = AzureHouse(tmp_path / "house", served)
    yield made
    made.close()


def teach(served: ServedCloud, *, right: int) -> bytes:
    """Return rows of which the model will answer the first `right` rightly, and let it."""
    content = chats(ROWS, ("yes", "no"), "question {n}, is it {answer}?")
    for n in range(ROWS):
        wanted = ("yes", "no")[n % 2]
        other = ("no", "yes")[n % 2]
        served.cloud.state.answers[f"question {n}, is it {wanted}?"] = wanted if n < right else other
    return content


def asked(served: ServedCloud) -> int:
    return sum(len(each.calls) for each in served.project.serverless.values())


def request(
    served: ServedCloud, folder: Path, *, right: int = 9, deployment: str | None = "dep-1"
) -> EvaluationRequest:
    rows = folder / "rows.jsonl"
    rows.write_bytes(teach(served, right=right))
    return EvaluationRequest(
        tag="evl-1", base_model="", model="triage:1", rows=rows, labels=("yes", "no"), deployment=deployment
    )


def over(served: ServedCloud) -> bool:
    return served.backend.observe_evaluation("evl-1").status.is_final


def failure(served: ServedCloud) -> str:
    seen = served.backend.observe_evaluation("evl-1")
    return seen.message if seen.status is EvaluationStatus.FAILED else ""


def broke_off(served: ServedCloud) -> bool:
    try:
        served.backend.observe_evaluation("evl-1")
    except Unavailable:
        return True
    return False


def test_a_model_is_evaluated_once_it_is_deployed_and_not_before(app_context: AzureHouse) -> None:
    model = app_context.tuned()
    rows = app_context.upload(teach(app_context.served, right=9), "held-out")
    with app_context.open() as scope:
        asked_for = evaluations.create(scope, target={"model": model.id}, dataset=rows.id, accepted=ANYTHING)
    for _ in range(3):
        app_context.tick(40)
    with app_context.open() as scope:
        waiting = evaluations.get(scope, asked_for.id)
    assert (waiting.status, waiting.note) == (EvaluationStatus.PENDING, DEPLOY_FIRST)
    deployment = app_context.ready(app_context.deploy(model, expires_after_idle_s=600))

    def evaluated() -> bool:
        with app_context.open() as scope:
            return evaluations.get(scope, asked_for.id).status is EvaluationStatus.SUCCEEDED

    app_context.until(evaluated)
    with app_context.open() as scope:
        metrics = evaluations.get(scope, asked_for.id).metrics
        answered = evaluations.rows(scope, asked_for.id).items
    assert metrics is not None
    assert (metrics.exact_match, metrics.accuracy, metrics.rows) == (9 / ROWS, 9 / ROWS, ROWS)
    assert metrics.loss is None
    assert "no likelihoods" in metrics.missing["loss"]
    assert len(answered) == ROWS
    assert app_context.deployment(deployment.id).last_used_at is not None, "an evaluation is a use"


def test_after_a_crash_it_goes_on_where_it_was(served: ServedCloud, tmp_path: Path) -> None:
    served.until(served.deploy(model=served.model()), DeploymentStatus.READY)
    before = asked(served)
    served.cloud.faults.add(("POST", "models.ai.azure.com"), "500", skip=5, times=1000)
    served.backend.start_evaluation(request(served, tmp_path))
    answers = served.backend.cache / "evaluations" / "evl-1" / "answers.jsonl"
    until(lambda: broke_off(served))
    assert answers.read_bytes().count(b"\n") == 5
    with answers.open("ab") as file:
        file.write(b'{"line": 99, "ans')  # a crash in the midst of a line
    served.cloud.faults.clear()
    served.backend.azure.close()
    served.backend = served.made()
    until(lambda: over(served))
    seen = served.backend.observe_evaluation("evl-1")
    assert seen.status is EvaluationStatus.SUCCEEDED
    assert [row.correct for row in seen.rows] == [n < 9 for n in range(ROWS)]
    assert asked(served) - before == ROWS, "no row was asked twice"


def test_limits_are_waited_for_and_refusals_counted(served: ServedCloud, tmp_path: Path) -> None:
    served.until(served.deploy(model=served.model()), DeploymentStatus.READY)
    wanted = request(served, tmp_path, right=ROWS)
    served.cloud.state.content_filter_words.add("question 3,")
    served.cloud.faults.add(("POST", "models.ai.azure.com"), "429", retry_after=0, times=2, skip=4)
    served.backend.start_evaluation(wanted)
    until(lambda: over(served))
    seen = served.backend.observe_evaluation("evl-1")
    assert "refused 1 of 12 rows" in seen.message
    assert [row.line for row in seen.rows if not row.correct] == [4]
    assert seen.metrics is not None
    assert seen.metrics.confusion is not None
    assert sum(map(sum, seen.metrics.confusion.counts)) == ROWS


def test_without_a_deployment_or_a_question_it_is_not_begun(served: ServedCloud, tmp_path: Path) -> None:
    with pytest.raises(NoCapacity, match="Nothing serves"):
        served.backend.start_evaluation(request(served, tmp_path, deployment=None))
    plain = tmp_path / "plain.jsonl"
    plain.write_text('{"text": "just words"}\n', encoding="utf-8")
    with pytest.raises(DataRejected, match="Line 1 of the test rows asks nothing"):
        served.backend.start_evaluation(
            EvaluationRequest(tag="evl-2", base_model="", model=None, rows=plain, deployment="dep-1")
        )
    with pytest.raises(NotFound):
        served.backend.observe_evaluation("evl-2")


def test_a_deployment_that_is_gone_ends_it_with_a_sentence(served: ServedCloud, tmp_path: Path) -> None:
    served.backend.start_evaluation(request(served, tmp_path))
    reported = until(lambda: failure(served))
    assert "Deploy the model again" in reported
    assert served.backend.observe_evaluation("evl-1").status is not EvaluationStatus.SUCCEEDED


def test_it_can_be_stopped(served: ServedCloud, tmp_path: Path) -> None:
    served.until(served.deploy(model=served.model()), DeploymentStatus.READY)
    served.backend.start_evaluation(request(served, tmp_path))
    served.backend.cancel_evaluation("evl-1")
    assert served.backend.observe_evaluation("evl-1").status is EvaluationStatus.CANCELLED
