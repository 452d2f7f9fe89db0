"""The two promises of the store: one writer at a time, and nothing half-written."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from app.domain.errors import StorageFull, StorageUnusable
from app.domain.jobs import FineTuningJob, JobSpec
from app.domain.metrics import Metric
from app.settings import ROOT, Settings
from app.store import columns, jobs, metrics, schema, ways_in
from app.store.database import Database, Writer
from app.store.database_file import check, known_revisions
from app.store.migrating import configuration, upgrade
from app.store.sight import Sight
from tests.support.app_context import new_database

MIGRATIONS = ROOT / "migrations"

_CONNECTION = (
    "INSERT INTO connections (id, name, backend, settings, slots, created_at) VALUES ('c', 'c', 'local', '{}', 1, 0)"
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = new_database(tmp_path / "store.sqlite3")
    yield made
    made.close()


def test_no_update_is_lost_between_reading_and_writing(database: Database) -> None:
    with database.writing() as tx:
        tx.exec_driver_sql("CREATE TABLE counter (n INTEGER)")
        tx.exec_driver_sql("INSERT INTO counter VALUES (0)")

    def add_one(_: int) -> None:
        with database.writing() as tx:
            seen = tx.exec_driver_sql("SELECT n FROM counter").scalar_one()
            tx.exec_driver_sql("UPDATE counter SET n = ?", (seen + 1,))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add_one, range(400)))
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT n FROM counter").scalar_one() == 400


def test_after_a_crowd_who_reads_alone_takes_one_connection(database: Database) -> None:
    with ExitStack() as crowd:
        held = {id(crowd.enter_context(database.reading()).connection.driver_connection) for _ in range(4)}
    alone = set()
    for _ in range(len(held)):  # in turn, each would be filled with statements and pages of its own
        with database.reading() as connection:
            alone.add(id(connection.connection.driver_connection))
    assert len(held) == 4
    assert len(alone) == 1


@pytest.mark.parametrize("held", [True, False], ids=["by an open connection", "by a new one"])
def test_who_asks_is_looked_up_in_a_database_or_the_file_is_named_as_none(tmp_path: Path, *, held: bool) -> None:
    path = tmp_path / "store.sqlite3"
    made = new_database(path)
    assert ways_in.session_by(made, "secret") is None
    if not held:
        made.close()
    path.write_bytes(b"no database, " * 4096)
    with pytest.raises(StorageUnusable, match=r"no database any more|is damaged"):
        ways_in.session_by(made, "secret")
    made.close()


@pytest.mark.parametrize("seen", [None, Sight("per_a", frozenset({"prj_a"}))], ids=["everything", "a project"])
def test_whoever_opens_what_is_no_database_hears_that(tmp_path: Path, seen: Sight | None) -> None:
    path = tmp_path / "store.sqlite3"
    made = new_database(path)
    made.close()
    path.write_bytes(b"no database, " * 4096)
    for opened in (partial(made.reading, seen), partial(made.writing, "per_a", seen)):
        with pytest.raises(StorageUnusable, match="no database any more"), opened() as tx:
            tx.execute(select(schema.jobs.c.id)).all()
    made.close()


@pytest.mark.skipif(sys.platform != "linux", reason="open files are looked up in /proc")
def test_connections_that_nobody_reads_by_are_closed_and_opened_again(database: Database, tmp_path: Path) -> None:
    def open_files() -> int:
        named = (Path(each).readlink() for each in Path("/proc/self/fd").iterdir() if each.is_symlink())
        return sum(name == tmp_path / "store.sqlite3" for name in named)

    seen = (None, Sight("per_a", frozenset({"prj_a"})))
    database.close_idle()
    before = open_files()
    with ExitStack() as crowd:
        for each in (*seen, *seen):
            crowd.enter_context(database.reading(each)).execute(select(schema.jobs.c.id)).all()
        database.close_idle()
        assert open_files() == before + 4  # they are being read by
    assert open_files() == before + 4
    database.close_idle()
    assert open_files() == before
    for each in seen:
        with database.reading(each) as tx:
            assert tx.execute(select(schema.jobs.c.id)).all() == []


def test_a_reader_writes_nothing(database: Database) -> None:
    with pytest.raises(OperationalError, match="readonly"), database.reading() as tx:
        tx.exec_driver_sql("DELETE FROM jobs")


def test_every_writing_connection_waits_for_the_disk(database: Database) -> None:
    with database.writing() as tx:
        assert tx.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2  # FULL
        assert tx.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert tx.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1


def test_a_full_disk_is_reported_and_heals(database: Database) -> None:
    with database.writers.connect() as tx:
        pages = tx.exec_driver_sql("PRAGMA page_count").scalar_one()
        tx.exec_driver_sql(f"PRAGMA max_page_count={pages}")
        tx.rollback()
    rows = [(str(n), str(n), "x" * 1000) for n in range(500)]
    with pytest.raises(StorageFull), database.writing() as tx:
        tx.exec_driver_sql("INSERT INTO projects VALUES (?, ?, ?, '{}', 0, 0)", rows)
    with database.writers.connect() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM projects").scalar_one() == 0
        tx.exec_driver_sql("PRAGMA max_page_count=1073741823")
        tx.rollback()
    with database.writing() as tx:
        tx.exec_driver_sql("INSERT INTO projects VALUES ('p', 'p', '', '{}', 0, 0)")


def test_the_migrations_make_the_tables_that_the_code_expects(database: Database) -> None:
    with database.writers.connect() as tx:
        assert compare_metadata(MigrationContext.configure(tx), columns.metadata) == []


def test_the_migrations_go_back_and_forth(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'back.sqlite3'}"
    config = configuration(url, MIGRATIONS)
    command.upgrade(config, "head")
    command.downgrade(config, "base")
    command.upgrade(config, "head")


def test_a_start_knows_without_alembic_whether_there_is_something_to_migrate(tmp_path: Path) -> None:
    file = tmp_path / "known.sqlite3"
    url = f"sqlite:///{file}"
    scripts = ScriptDirectory.from_config(configuration(url, MIGRATIONS))
    known = known_revisions(MIGRATIONS)
    assert [script.revision for script in scripts.walk_revisions()] == known[::-1]
    assert check(file, known) is None
    upgrade(url, MIGRATIONS)
    assert check(file, known) == known[-1]
    command.downgrade(configuration(url, MIGRATIONS), "0001")
    assert check(file, known) == "0001"
    upgrade(url, MIGRATIONS)
    assert check(file, known) == known[-1]


def test_moments_keep_their_microseconds() -> None:
    moment = datetime(2026, 11, 21, 9, 0, 0, 123456, tzinfo=UTC)
    assert columns.from_microseconds(columns.to_microseconds(moment)) == moment
    assert columns.from_microseconds(10**30) > moment
    assert columns.from_microseconds(-(10**30)) < moment - timedelta(days=1)


def test_the_last_word_on_a_step_counts(database: Database) -> None:
    with database.writing() as tx:
        _make_job(tx)
        metrics.add(
            tx, "job_1", [Metric(step=1, name="train_loss", value=3.0), Metric(step=2, name="train_loss", value=2.0)]
        )
        metrics.add(
            tx,
            "job_1",
            [Metric(step=2, name="train_loss", value=1.5), Metric(step=3, name="train_loss", value=float("nan"))],
        )
    with database.reading() as tx:
        (series,) = metrics.read(tx, "job_1")
    assert (list(series.steps), list(series.values)) == ([1, 2, 3], [3.0, 1.5, None])


def _make_job(tx: Writer) -> None:
    tx.exec_driver_sql("INSERT INTO projects VALUES ('p', 'p', '', '{}', 0, 0)")
    tx.exec_driver_sql(_CONNECTION)
    tx.execute(
        schema.datasets.insert().values(
            id="d",
            family="d",
            version=1,
            made_by="upload",
            name="d",
            filename="d",
            status="ready",
            format="chat",
            bytes=1,
            sha256="x",
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
    )
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    spec = JobSpec(project="p", connection="c", base_model="b", name="n", training_dataset="d")
    jobs.add(tx, FineTuningJob(id="job_1", spec=spec, created_at=moment, changed_at=moment), due_at=0)


@pytest.mark.parametrize("address", ["postgresql://ada:secret-0042@db/tunedesk", "mysql+pymysql://h/d", "tunedesk.db"])
def test_another_database_is_refused_with_a_sentence_that_holds_no_password(address: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(database_url=address)
    (error,) = refused.value.errors()
    assert "SQLite alone" in error["msg"]
    assert "secret" not in error["msg"]
    assert Settings(database_url="sqlite:////folder/file.sqlite3").url == "sqlite:////folder/file.sqlite3"
