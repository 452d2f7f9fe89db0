"""The demo's table and its words."""

import pytest

from app.demo import report
from app.demo.client import Answer, Refused
from app.demo.steps import Asked

METRICS = {
    "rows": 48,
    "accuracy": 0.0,
    "macro_f1": 0.0,
    "forced_choice_accuracy": 0.25,
    "token_f1": 0.02,
    "loss": 6.458,
    "perplexity": 637.6,
    "token_accuracy": None,
}


def evaluated(**figures: float) -> Answer:
    return {"metrics": {**METRICS, **figures}}


def test_the_table_has_a_column_for_each_and_a_line_for_each_figure() -> None:
    lines = report.figures({"base": evaluated(), "tuned": evaluated(accuracy=0.917)}).splitlines()
    assert lines[0].split() == ["base", "tuned"]
    assert lines[2].split() == ["accuracy", "0.000", "0.917"]
    assert lines[-1].split() == ["token", "accuracy", "–", "–"]
    assert len({len(line) for line in lines[2:]}) == 1


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "–"), (0.5, "0.500"), (637.618, "637.618"), (123456.0, "1.23e+05")]
)
def test_a_figure_has_the_digits_it_deserves(value: float | None, shown: str) -> None:
    assert report.number(value) == shown


# Its definition: the shares from which the one that was seen lies 1.96 standard deviations away.
@pytest.mark.parametrize(("hits", "rows"), [(44, 48), (1, 48), (24, 24), (0, 7)])
def test_the_interval_is_wilsons(hits: int, rows: int) -> None:
    low, high = report.interval(hits, rows)
    assert 0 <= low <= hits / rows <= high <= 1
    for bound in (low, high):
        away = abs(hits / rows - bound)
        assert away == pytest.approx(1.96 * (bound * (1 - bound) / rows) ** 0.5, abs=1e-9)


def test_the_meaning_says_what_the_rows_leave_open() -> None:
    asked = [Asked("p", "e", "same", "same"), Asked("p", "e", "one", "other")]
    reported = report.meaning(evaluated(), evaluated(accuracy=44 / 48), asked)
    assert "Of 48 messages" in reported
    assert "sends 44 to the right queue" in reported
    assert "80% to 97%" in reported
    assert "0 times as it answers, and 12 times when it may only choose" in reported
    assert "1 of 2 test messages" in reported


def test_a_refusal_is_its_sentence_with_the_first_remedy() -> None:
    problem = {"detail": "It is wrong.", "fix": "Fix it.", "errors": [{"message": "It is wrong.", "fix": "Enter 1."}]}
    assert str(Refused(422, problem)) == "It is wrong. Enter 1."
    assert str(Refused(409, {"detail": "Busy.", "fix": "Wait."})) == "Busy. Wait."
    assert str(Refused(500, {})) == "The server answered 500."
