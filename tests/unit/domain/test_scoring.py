import pytest

from app.domain import scoring


@pytest.mark.parametrize(
    ("answer", "expected", "f1"),
    [
        ("the cat sat", "a cat sat down", 0.8),  # 2 common of 2 and 3: articles do not count
        ("Billing.", "billing", 1.0),
        ("", "billing", 0.0),
        ("the", "a", 1.0),
        ("red red", "red", 2 / 3),
    ],
)
def test_token_f1_is_squads(answer: str, expected: str, f1: float) -> None:
    assert scoring.token_f1(answer, expected) == pytest.approx(f1)


def test_exact_match_forgives_outer_white_space_only() -> None:
    assert scoring.exact_match(" billing\n", "billing")
    assert not scoring.exact_match("Billing", "billing")


def test_confusion_counts_strangers_in_the_last_column() -> None:
    counts = scoring.confusion(["a", "b", "x", "b"], ["a", "a", "b", "b"], ["a", "b"])
    assert counts == [[1, 1, 0], [0, 1, 1]]


def test_macro_f1_equals_the_figure_worked_by_hand() -> None:
    counts = [[2, 1, 0], [0, 3, 1], [0, 0, 0]]
    # a: 2 of 3 expected, 2 answered: 4/5. b: 3 of 4 expected, 4 answered: 6/8. c is never expected.
    assert scoring.macro_f1(counts) == pytest.approx((0.8 + 0.75) / 2)
    assert scoring.macro_f1([[0, 0]]) == 0.0


@pytest.mark.parametrize(
    ("expected", "labels"),
    [
        (["b", "a", "b ", "a"], ["a", "b"]),
        (["a", "a", "a"], []),  # one label is no choice
        (["a", "b", "c"], []),  # as many labels as rows
        (["x" * 41, "y", "x" * 41, "y"], []),
    ],
)
def test_labels_are_found_where_answers_are_few_and_short(expected: list[str], labels: list[str]) -> None:
    assert scoring.find_labels(expected) == labels
