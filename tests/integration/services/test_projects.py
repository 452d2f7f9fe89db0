"""A project's name is taken once."""

import pytest

from app.domain.errors import Invalid
from app.services import projects
from tests.support.app_context import TestHouse


@pytest.mark.parametrize(("first", "second"), [("Triage", "tRIAGE"), ("Äpfel", "äPFEL"), ("ĦĴ", "ĦĴ"), ("Maß", "MASS")])
def test_whatever_its_case(app_context: TestHouse, first: str, second: str) -> None:
    app_context.project(first)
    other = app_context.project("Another")
    with app_context.open() as scope:
        with pytest.raises(Invalid, match="already a project") as made:
            projects.create(scope, second)
        with pytest.raises(Invalid, match="already a project") as renamed:
            projects.update(scope, other, name=second)
    assert [each.code for caught in (made, renamed) for each in caught.value.problems] == ["taken", "taken"]
