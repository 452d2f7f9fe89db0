"""How often a page asks the database: what a page needs is fetched once."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event
from starlette.testclient import TestClient

from app.engine.engine import Engine
from app.services import drafts, jobs
from tests.support.app_context import TestHouse
from tests.support.door import turn


@contextmanager
def counting(app_context: TestHouse) -> Iterator[list[str]]:
    """Give the list that every statement is written to while the block lasts."""
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    engines = (app_context.database.readers, app_context.database.writers)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    yield said
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize(
    ("step", "most"),
    [("project", 12), ("model", 12), ("data", 12), ("validation", 12), ("hyperparameters", 10), ("review", 11)],
)
def test_a_step_of_the_wizard_checks_its_answers_once(
    pages: TestClient, app_context: TestHouse, step: str, most: int
) -> None:
    with app_context.open() as scope:
        draft = drafts.create(scope, app_context.fields()).id
    with counting(app_context) as said:
        assert pages.get(f"/wizard/{draft}/{step}").status_code == 200
    assert len(said) <= most, "\n".join(said)
    assert sum("FROM drafts" in each for each in said) == 1


@pytest.mark.parametrize(("tab", "most"), [("overview", 15), ("data", 17), ("parameters", 15), ("evaluation", 17)])
def test_the_page_of_a_job_fetches_its_row_once(
    pages: TestClient, app_context: TestHouse, engine: Engine, tab: str, most: int
) -> None:
    with app_context.open() as scope:
        job = jobs.create(scope, app_context.fields(training_dataset=app_context.dataset(60).id)).id
    turn(app_context, engine)
    with counting(app_context) as said:
        assert pages.get(f"/jobs/{job}", params={"tab": tab}).status_code == 200
    assert len(said) <= most, "\n".join(said)
    assert sum("jobs.spec" in each for each in said) == 1
