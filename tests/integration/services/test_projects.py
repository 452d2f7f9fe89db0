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
        for attempt in (lambda: projects.create(scope, second), lambda: projects.update(scope, other, name=second)):
            with pytest.raises(Invalid, match="already a project") as caught:
                attempt()
            assert [each.code for each in caught.value.problems] == ["taken"]
