from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from app.domain.deployments import Target
from app.domain.evaluations import Evaluation, EvaluationMetrics, EvaluationStatus
from app.services.evaluations import JobEvaluations
from app.web.views import evaluations

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def evaluation(**metrics: object) -> Evaluation:
    return Evaluation(
        id="evl_1",
        target=Target(connection="con_local", base_model="m"),
        dataset="ds_1",
        status=EvaluationStatus.SUCCEEDED,
        metrics=EvaluationMetrics(rows=10, **metrics),  # type: ignore[arg-type]
        created_at=NOW,
        changed_at=NOW,
    )


def test_less_loss_and_more_accuracy_are_better() -> None:
    lines = {
        each.name: each
        for each in evaluations.figures(evaluation(accuracy=0.2, loss=3.0), evaluation(accuracy=0.9, loss=0.5))
    }
    assert list(lines) == ["Accuracy", "Loss"]
    assert lines["Accuracy"].tuned_wins
    assert lines["Loss"].tuned_wins
    assert lines["Loss"].difference == -2.5


def test_a_figure_that_is_missing_says_why() -> None:
    tuned = evaluation(accuracy=None, missing={"accuracy": "The answers are free text."})
    (line,) = evaluations.figures(evaluation(), tuned)
    assert (line.name, line.missing, line.difference, line.tuned_wins) == (
        "Accuracy",
        "The answers are free text.",
        None,
        False,
    )


def test_the_headline_is_the_first_figure_that_both_have() -> None:
    base, tuned = evaluation(exact_match=0.5, accuracy=None), evaluation(exact_match=0.25, accuracy=0.9)
    found = evaluations.headline(JobEvaluations(base=base, tuned=tuned, others=()))
    assert found is not None
    assert (found.name, found.base, found.tuned, found.better) == ("Exact match", "50.0%", "25.0%", False)
    assert evaluations.headline(JobEvaluations(base=base, tuned=None, others=())) is None


@given(st.text(max_size=80), st.text(max_size=80))
def test_marks_lose_nothing_of_the_answer_or_of_what_was_expected(expected: str, answer: str) -> None:
    pieces = evaluations.marked(expected, answer)
    assert "".join(text for kind, text in pieces if kind != "delete") == answer
    assert "".join(text for kind, text in pieces if kind != "insert") == expected


def test_a_very_long_answer_is_marked_as_a_whole() -> None:
    assert evaluations.marked("a", "b" * 5000) == [("insert", "b" * 5000)]
