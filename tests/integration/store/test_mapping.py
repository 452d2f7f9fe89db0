"""Values go into their rows and come back the same, whatever they hold; what others count is not written over."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table

from app.domain.deployments import Deployment, DeploymentStatus, RemovalReason, Target, Usage
from app.domain.evaluations import Confusion, Evaluation, EvaluationMetrics, EvaluationStatus
from app.domain.jobs import FineTuningJob, JobParts, JobProgress, JobReason, JobSpec, JobStatus
from app.domain.metrics import Checkpoint
from app.domain.money import Money
from app.domain.prices import UNKNOWN, Bill
from app.store import checkpoints, deployments, evaluations, jobs, rows, schema
from app.store.columns import UtcTime, metadata
from app.store.database import Database, Writer
from app.store.mapping import Mapper

AT = datetime(2026, 11, 21, 9, 0, 0, 123457, tzinfo=UTC)
TARGET = Target(connection="con_1", base_model="base")
JOB = FineTuningJob(
    id="job_1",
    spec=JobSpec(
        project="prj_1",
        connection="con_1",
        base_model="base",
        name="n",
        training_dataset="ds_1",
        hyperparameters={"learning_rate": 0.5, "n_epochs": 3, "schedule": "linear"},
    ),
    status=JobStatus.RUNNING,
    reason=JobReason.CAPACITY,
    message="m",
    parts=JobParts(training="ds_2", test="ds_3"),
    progress=JobProgress(step=1, steps=9),
    attempts=2,
    created_at=AT,
    changed_at=AT + timedelta(seconds=1),
    started_at=AT,
    bill=Bill(),
)


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[Writer]:
    """Give a writing transaction in which nothing has to refer to anything."""
    database = Database(f"sqlite:///{tmp_path / 'm.sqlite3'}")
    metadata.create_all(database.writers)
    with database.writers.connect() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield Writer(connection)
    database.close()


def test_a_job_comes_back_as_it_was(tx: Writer) -> None:
    jobs.add(tx, JOB, due_at=7.5)
    found = jobs.get(tx, "job_1")
    assert found == JOB
    assert found.next_look_at == datetime(1970, 1, 1, 0, 0, 7, 500_000, tzinfo=UTC)
    row = tx.execute(schema.jobs.select()).one()
    assert (row.project, row.connection, row.name, row.base_model) == ("prj_1", "con_1", "n", "base")
    assert (row.status, row.reason, row.remote_id) == ("running", "capacity", None)
    assert jobs.many(tx, ["job_1", "job_2"]) == {"job_1": JOB}
    assert jobs.get(tx, "job_2") is None


def test_a_bill_is_not_written_over(tx: Writer) -> None:
    jobs.add(tx, JOB, due_at=7.5)
    jobs.resolve(tx, replace(JOB, bill=UNKNOWN, message="other"), due_at=None)
    found = jobs.get(tx, "job_1")
    assert found is not None
    assert (found.bill, found.message, found.next_look_at) == (Bill(), "other", None)
    rows.change(tx, schema.jobs, "job_1", {"bill": None})  # as it was recorded before bills were
    assert jobs.many(tx, ["job_1"])["job_1"].bill == UNKNOWN


@pytest.mark.parametrize("reason", [None, RemovalReason.IDLE, JobReason.REQUESTED])
def test_a_deployment_comes_back_with_its_use(tx: Writer, reason: JobReason | RemovalReason | None) -> None:
    made = Deployment(
        id="dep_1",
        name="d",
        target=replace(TARGET, model="mdl_1"),
        status=DeploymentStatus.READY,
        reason=reason,
        content_safety=False,
        options={"size": 2},
        created_at=AT,
        changed_at=AT,
    )
    deployments.add(tx, made, due_at=0.0)
    assert deployments.get(tx, "dep_1") == made
    for milliseconds in (30.0, 10.0, 20.0):
        deployments.count_use(tx, "dep_1", at=AT, milliseconds=milliseconds, failed=False)
    used = deployments.get(tx, "dep_1")
    assert used is not None
    assert used.usage == Usage(requests=3, latency_ms_p50=20.0, latency_ms_p95=30.0)
    rows.change(tx, schema.deployments, "dep_1", deployments.MAPPER.values(made))  # an older look
    assert deployments.get(tx, "dep_1") == used


def test_an_evaluation_comes_back_with_its_figures(tx: Writer) -> None:
    figures = EvaluationMetrics(rows=2, loss=0.5, confusion=Confusion(labels=["a"], counts=[[1, 1]]))
    made = Evaluation(
        id="evl_1",
        target=TARGET,
        dataset="ds_1",
        selection_biased=True,
        status=EvaluationStatus.SUCCEEDED,
        metrics=figures,
        created_at=AT,
        changed_at=AT,
    )
    evaluations.add(tx, made, due_at=None)
    assert evaluations.get(tx, "evl_1") == made


def test_a_row_without_an_id_of_its_own(tx: Writer) -> None:
    saved = [Checkpoint(step=1, remote_id="a", best=True), Checkpoint(step=2, remote_id="b", train_loss=0.25)]
    checkpoints.save(tx, "job_1", saved)
    assert checkpoints.of_job(tx, "job_1") == saved


class Word(StrEnum):
    """Some words."""

    ONE = "one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part with two columns."""

    left: int
    right: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A value with one field of every sort."""

    id: str
    part: Part
    word: Word | None
    flag: bool
    at: datetime | None
    money: Money | None
    words: Sequence[Word] = ()
    double: int = 0


TABLE = Table(
    "wholes",
    MetaData(),
    *(Column(name, String, primary_key=name == "id") for name in ("id", "right", "term", "money", "words")),
    *(Column(name, Integer) for name in ("left", "flag", "twice")),
    Column("at", UtcTime),
    Column("unread", BigInteger),
)


def mapper() -> Mapper[Whole]:
    """Return a mapper in which everything that can be said is said."""
    return Mapper(
        Whole,
        TABLE,
        names={"word": "term"},
        spread=["part"],
        copies={"twice": "part.left"},
        made={"double": (("left", "twice"), lambda left, twice: left + twice)},
    )


@pytest.mark.parametrize("empty", [False, True])
def test_every_sort_of_field(tx: Writer, empty: bool) -> None:
    TABLE.create(tx)
    value = Whole(
        id="1",
        part=Part(left=3, right="r"),
        word=None if empty else Word.ONE,
        flag=not empty,
        at=None if empty else AT,
        money=None if empty else Money(amount="1.50"),
        words=() if empty else (Word.ONE, Word.ONE),
        double=6,
    )
    mapper().add(tx, value, unread=4)
    assert mapper().get(tx, "1") == value
    assert tx.execute(TABLE.select()).one().unread == 4
    assert "double" not in mapper().values(value)


def test_a_word_that_there_is_none_of_is_not_taken_for_another(tx: Writer) -> None:
    TABLE.create(tx)
    row: dict[str, Any] = {"id": "1", "left": 3, "right": "r", "term": "two", "flag": 0, "twice": 3, "words": "[]"}
    rows.add(tx, TABLE, row)
    with pytest.raises(KeyError, match="two"):
        mapper().get(tx, "1")
