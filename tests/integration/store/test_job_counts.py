"""How many jobs there are in each status is kept by the database itself, through every way in which a job changes."""

import contextlib
import random
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import delete, event, select, update

from app.domain.jobs import JobStatus
from app.services import jobs
from app.store import connections, job_summaries, projects, queue_stats, schema
from app.store.database import Reader
from app.store.job_filter import Filter
from tests.support.app_context import TestHouse
from tests.support.connections import REHEARSAL_ID
from tests.support.older_database import brought_forward

JOBS = schema.jobs
ONE_BY_ONE = "SELECT project, connection, status, count(*) FROM jobs GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
KEPT = "SELECT project, connection, status, jobs FROM job_counts WHERE jobs != 0 ORDER BY 1, 2, 3"


@pytest.fixture
def two(app_context: TestHouse) -> list[str]:
    """The ids of two projects, with six jobs in each."""
    made = [app_context.project(name) for name in ("ours", "theirs")]
    for number in range(12):
        fields = app_context.fields(project=made[number % 2], name=f"job-{number}")
        with app_context.open() as scope:
            jobs.create(scope, fields)
    return made


def agree(tx: Reader) -> None:
    assert tx.exec_driver_sql(KEPT).all() == tx.exec_driver_sql(ONE_BY_ONE).all()


def test_the_counts_are_those_of_the_jobs_after_any_change(app_context: TestHouse, two: list[str]) -> None:
    chance, words = random.Random(5), [each.value for each in JobStatus]
    with app_context.database.reading() as tx:
        ids = list(tx.scalars(select(JOBS.c.id).order_by(JOBS.c.id)))
        agree(tx)
    for number in range(300):
        one = JOBS.c.id == chance.choice(ids)
        with app_context.database.writing() as tx:
            if number % 50 == 49:
                tx.execute(delete(JOBS).where(one))
            elif number % 7 == 0:
                tx.execute(update(JOBS).where(one).values(project=chance.choice(two), status=chance.choice(words)))
            elif number % 11 == 0:
                tx.execute(update(JOBS).values(status=chance.choice(words)))
            else:
                tx.execute(update(JOBS).where(one).values(status=chance.choice(words), note=str(number)))
            agree(tx)


def test_whoever_counts_reads_them(app_context: TestHouse, two: list[str]) -> None:
    said: list[str] = []
    with app_context.database.writing() as tx:
        tx.execute(update(JOBS).where(JOBS.c.project == two[1]).values(status="failed"))
        event.listen(tx, "before_cursor_execute", lambda *given: said.append(given[2]))
        assert job_summaries.counts(tx, Filter()) == {JobStatus.PENDING: 6, JobStatus.FAILED: 6}
        assert job_summaries.counts(tx, Filter(project=two[0])) == {JobStatus.PENDING: 6}
        assert job_summaries.counts(tx, Filter(project=two[1], connection=REHEARSAL_ID)) == {JobStatus.FAILED: 6}
        assert job_summaries.counts(tx, Filter(connection="con_none")) == {}
        assert projects.uses(tx, two[0])["jobs"] == 6
        assert projects.uses(tx, "prj_none")["jobs"] == 0
        assert connections.users(tx, REHEARSAL_ID)["jobs"] == 12
        assert queue_stats.statuses(tx)["jobs"] == {"failed": 6, "pending": 6}
    assert [each for each in said if "FROM jobs" in each] == []


def test_a_project_that_goes_takes_its_counts_along(app_context: TestHouse, two: list[str]) -> None:
    with app_context.database.writing() as tx:
        tx.execute(delete(JOBS).where(JOBS.c.project == two[0]))
        tx.execute(delete(schema.datasets).where(schema.datasets.c.project == two[0]))
        projects.remove(tx, two[0])
        assert tx.exec_driver_sql("SELECT DISTINCT project FROM job_counts").scalars().all() == [two[1]]


@pytest.mark.usefixtures("two")
def test_an_older_folder_learns_how_many_there_are(app_context: TestHouse, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite3"
    with app_context.database.reading() as tx:
        before = tx.exec_driver_sql(KEPT).all()
    brought_forward(app_context.database, copy, "0025")
    with contextlib.closing(sqlite3.connect(copy)) as newer:
        assert newer.execute(KEPT).fetchall() == before
        newer.execute("UPDATE jobs SET status = 'cancelled'")
        assert newer.execute(KEPT).fetchall() == newer.execute(ONE_BY_ONE).fetchall()
