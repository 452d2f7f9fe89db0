from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.deployments import Target
from app.domain.evaluations import Evaluation, EvaluationMetrics, EvaluationStatus
from app.domain.paired import Paired, PairedShare
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


def test_a_difference_alone_is_no_proof() -> None:
    lines = {
        each.name: each
        for each in evaluations.figures(evaluation(accuracy=0.2, loss=3.0), evaluation(accuracy=0.9, loss=0.5))
    }
    assert list(lines) == ["Accuracy", "Loss"]
    assert lines["Loss"].difference == -2.5
    assert not any(each.proved for each in lines.values()), "two numbers prove nothing"


def test_a_figure_that_is_missing_says_why() -> None:
    tuned = evaluation(accuracy=None, missing={"accuracy": "The answers are free text."})
    (line,) = evaluations.figures(evaluation(), tuned)
    assert (line.name, line.missing, line.difference, line.verdict) == (
        "Accuracy",
        "The answers are free text.",
        None,
        None,
    )


def test_the_headline_is_the_first_figure_that_both_have() -> None:
    base, tuned = evaluation(exact_match=0.5, accuracy=None), evaluation(exact_match=0.3, accuracy=0.9)
    found = evaluations.headline(JobEvaluations(base=base, tuned=tuned, others=()))
    assert found is not None
    assert (found.name, found.base, found.tuned, found.better) == ("Exact match", "50.0%", "30.0%", None)
    assert (found.sure_base, found.sure_tuned) == ("24–76%", "11–60%")
    assert "Too few rows to tell" in found.said
    assert evaluations.headline(JobEvaluations(base=base, tuned=None, others=())) is None


@pytest.mark.parametrize(
    ("both", "only_tuned", "only_base", "verdict", "said"),
    [
        (2, 6, 0, "better", "Better than the base"),
        (2, 5, 0, "unclear", "Too few rows to tell"),
        (0, 1, 8, "worse", "Worse than the base"),
        (10, 0, 0, "unclear", "Too few rows to tell"),
        (0, 0, 0, "neither", "Neither is right"),
    ],
)
def test_the_answer_is_what_the_pairs_prove(
    both: int, only_tuned: int, only_base: int, verdict: str, said: str
) -> None:
    share = PairedShare(rows=10, both=both, only_tuned=only_tuned, only_base=only_base)
    base, tuned = evaluation(exact_match=(both + only_base) / 10), evaluation(exact_match=(both + only_tuned) / 10)
    found = evaluations.headline(JobEvaluations(base=base, tuned=tuned, others=(), paired=Paired(correct=share)))
    assert found is not None
    assert (found.verdict, said in found.said) == (verdict, True)


@pytest.mark.parametrize(
    ("counts", "hint"),
    [({"cut": 6, "ended": 4}, "cut at the limit"), ({"ended": 10, "empty": 9}, "are empty"), ({"ended": 10}, "")],
)
def test_nothing_right_at_all_is_never_as_good(counts: dict[str, int], hint: str) -> None:
    share = PairedShare(rows=400, both=0, only_tuned=0, only_base=0)
    base, tuned = evaluation(exact_match=0.0), evaluation(exact_match=0.0, **counts)
    found = evaluations.headline(JobEvaluations(base=base, tuned=tuned, others=(), paired=Paired(correct=share)))
    assert found is not None
    assert "Neither is right" in found.said
    assert hint in found.hint
    assert bool(hint) == bool(found.hint)


def test_what_cannot_be_compared_has_no_headline() -> None:
    both = JobEvaluations(
        base=evaluation(exact_match=0.1), tuned=evaluation(exact_match=0.9), others=(), not_comparable="No."
    )
    assert evaluations.headline(both) is None


def test_the_endings_of_both_sides_stand_side_by_side() -> None:
    lines = evaluations.endings(evaluation(), evaluation(ended=9, cut=1, empty=0))
    assert [(each.name, each.base, each.tuned) for each in lines] == [
        ("Finished", None, 9),
        ("Cut", None, 1),
        ("Empty", None, 0),
    ]
    assert evaluations.endings(evaluation(), evaluation()) == []


@given(st.text(max_size=80), st.text(max_size=80))
def test_marks_lose_nothing_of_the_answer_or_of_what_was_expected(expected: str, answer: str) -> None:
    pieces = evaluations.marked(expected, answer)
    assert "".join(text for kind, text in pieces if kind != "delete") == answer
    assert "".join(text for kind, text in pieces if kind != "insert") == expected


def test_a_very_long_answer_is_marked_as_a_whole() -> None:
    assert evaluations.marked("a", "b" * 5000) == [("insert", "b" * 5000)]
