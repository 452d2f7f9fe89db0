"""How often a page asks the database: what a page needs is fetched once, and what is near in one statement.

Every statement is counted, the begin of a transaction too.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event, update
from starlette.testclient import TestClient

from app.domain.actors import ProjectRole
from app.domain.drafts import STEPS
from app.domain.jobs import JobStatus
from app.domain.metrics import TRAIN_LOSS, Metric
from app.engine.engine import Engine
from app.services import capsules, datasets, drafts, evaluations, jobs
from app.store import metrics, people, schema
from app.store.metric_columns import CHUNK
from app.web.layout import PROJECT_COOKIE
from app.web.views.jobs import TABS
from tests.support.app_context import TestHouse, chats
from tests.support.door import turn, visiting
from tests.support.office import Office

MOST = 12


@contextmanager
def counting(house: TestHouse) -> Iterator[list[str]]:
    """Give the list that every statement is written to while the block lasts."""
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    database = house.database
    engines = (database.readers, database.writers, database._limited_readers, database._limited_writers)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    yield said
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    house = TestHouse(tmp_path_factory.mktemp("house"))
    made = Office(house)
    made.people["mia"] = made.person("mia", made.two.ours.project, ProjectRole.MEMBER)
    with house.open() as scope:  # of whom it depends on the project what she may
        people.set_role(scope.write, made.people["mia"].id, made.two.theirs.project, ProjectRole.VIEWER)
    for number in range(13):  # the two that work is in are not among the newest
        house.project(f"Newer {number}")
    yield made
    house.database.close()


def _rows(office: Office, name: str, rows: int) -> str:
    content = [chats(rows, ("yes", "no"), f"{name} number {{n}}, is it so?")]
    with office.house.open() as scope:
        project = office.two.ours.project
        return datasets.upload(scope, name=name, filename=f"{name}.jsonl", chunks=content, project=project).id


@pytest.fixture(scope="module")
def job(office: Office) -> str:
    """A job that has everything that a page may show, and repeats another one."""
    house, engine = office.house, Engine(office.house.scopes)
    with house.open() as scope:
        wanted = house.fields(project=office.two.ours.project, training_dataset=_rows(office, "training", 60))
        first = jobs.create(scope, wanted).id
    turn(house, engine)
    with house.open() as scope:
        made = capsules.run_again(scope, first).id
    turn(house, engine)
    with house.open() as scope:
        points = [Metric(step=step, name=TRAIN_LOSS, value=1 / step) for step in range(1, CHUNK + 100)]
        metrics.add(scope.write, made, points)
        found = jobs.get(scope, made)
        evaluated = evaluations.for_job(scope, made)
        assert found.fine_tuned_model is not None
        assert evaluated.paired is not None
        assert capsules.reproduction(scope, found) is not None
    return made


@pytest.fixture(scope="module")
def waiting(office: Office) -> str:
    """A job that waits for its turn: nothing has come of it yet."""
    with office.house.open() as scope:
        wanted = office.house.fields(project=office.two.ours.project, training_dataset=_rows(office, "training", 60))
        return jobs.create(scope, wanted).id


@pytest.fixture(scope="module", params=["alone", "with accounts"])
def browser(request: pytest.FixtureRequest, office: Office) -> Iterator[TestClient]:
    """The browser of somebody who looks at one project, which is not among the newest."""
    with visiting(office.house.scopes) if request.param == "alone" else office.browser("mia") as client:
        client.cookies.set(PROJECT_COOKIE, office.two.ours.project)
        yield client


@pytest.mark.parametrize("status", JobStatus)
def test_the_page_of_a_job(office: Office, job: str, waiting: str, browser: TestClient, status: JobStatus) -> None:
    shown = waiting if status is JobStatus.PENDING else job
    with office.house.open() as scope:
        scope.write.execute(update(schema.jobs).where(schema.jobs.c.id == shown).values(status=status.value))
    for tab in TABS:
        with counting(office.house) as said:
            assert browser.get(f"/jobs/{shown}", params={"tab": tab}).status_code == 200
        assert len(said) <= MOST, "\n".join([tab, *said])
        assert sum("jobs.spec" in each for each in said) == 1


@pytest.mark.parametrize("step", [*STEPS, "review"])
def test_a_step_of_the_wizard(office: Office, browser: TestClient, step: str) -> None:
    house, rows = office.house, [_rows(office, name, 30) for name in ("training", "validation", "test")]
    validation = {"kind": "dataset", "dataset": rows[1]}
    wanted = house.fields(project=office.two.ours.project, training_dataset=rows[0], test_dataset=rows[2])
    with house.open() as scope:
        draft = drafts.create(scope, {**wanted, "validation": validation}).id
    with counting(house) as said:
        assert browser.get(f"/wizard/{draft}/{step}").status_code == 200
    assert len(said) <= MOST, "\n".join(said)
    assert sum("FROM drafts" in each for each in said) == 1
