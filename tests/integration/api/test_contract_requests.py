"""Requests made from the OpenAPI document by the thousand: what it calls valid is taken, and nothing else is."""

import pytest

from app.engine.engine import Engine
from app.http.application import GuardedApp
from tests.support.app_context import TestHouse
from tests.support.contract import PHASES, furnish, run
from tests.support.door import turning
from tests.support.hostile import pretend_ready
from tests.support.server import serving


@pytest.mark.parametrize(
    ("phases", "examples", "cases"),
    [
        # More than a thousand come as the five roles in every run: `tests/integration/people/test_contract.py`.
        pytest.param(("examples", "fuzzing"), 4, 500, marks=pytest.mark.slow),
        # Every limit of every field, every method at every address, and chains of requests as well.
        pytest.param(PHASES, 11, 5000, marks=pytest.mark.named),
    ],
)
def test_the_document_says_what_is_taken(
    app: GuardedApp, app_context: TestHouse, engine: Engine, phases: tuple[str, ...], examples: int, cases: int
) -> None:
    pretend_ready(app_context.app_context.runtimes)
    with serving(app) as url:
        with turning(app_context, engine):
            ids = furnish(url)
        report = run(url, ids, examples=examples, phases=phases)
    assert report.wrong == {}, report.examples
    assert report.kinds == {}, report.examples
    assert report.cases >= cases
