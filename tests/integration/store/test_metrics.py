"""Points as rows and as chunks: whatever the order in which they come, the last word counts and nothing is lost."""

import math
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from alembic import command

from app.domain.metrics import TRAIN_LOSS, Metric
from app.services import jobs
from app.settings import ROOT
from app.store import metrics
from app.store.database import Database
from app.store.downsampling import downsample
from app.store.metric_columns import CHUNK, CURVE_POINTS, Columns, curve, curve_values
from app.store.migrating import configuration
from tests.support.app_context import TestHouse


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestHouse]:
    made = TestHouse(tmp_path_factory.mktemp("metrics"))
    yield made
    made.database.close()


@pytest.fixture
def job(installation: TestHouse) -> str:
    with installation.open() as scope:
        data, project = installation.dataset().id, installation.project(f"P{random.random()}")
        return jobs.create(scope, installation.fields(training_dataset=data, project=project)).id


def write(database: Database, job: str, points: dict[int, float], name: str = TRAIN_LOSS) -> None:
    with database.writing() as tx:
        metrics.add(tx, job, [Metric(name=name, step=step, value=value) for step, value in points.items()])


def read(database: Database, job: str, since: int | None = None) -> dict[int, float | None]:
    with database.reading() as tx:
        found = metrics.read(tx, job, names=(TRAIN_LOSS,), since=since)
    return dict(zip(found[0].steps, found[0].values, strict=True)) if found else {}


def chunks(database: Database, job: str) -> int:
    query = "SELECT count(*) FROM metric_chunks JOIN series ON series.id = metric_chunks.series WHERE job = ?"
    with database.reading() as tx:
        return int(tx.exec_driver_sql(query, (job,)).scalar_one())


@pytest.mark.parametrize("seed", range(3))
def test_any_batches_read_as_if_they_were_a_table(installation: TestHouse, job: str, seed: int) -> None:
    """New points, repeated ones, long resumptions, single late ones: compared with a dictionary."""
    chance = random.Random(seed)
    expected: dict[int, float] = {}
    for _ in range(12):
        newest = max(expected, default=0)
        start = max(0, newest + chance.choice([1, 1, 1, -50, -CHUNK, -2 * CHUNK]))
        size, stride = chance.choice([1, 5, 700, CHUNK, 2 * CHUNK + 7]), chance.choice([1, 1, 3])
        batch = {start + n * stride: chance.choice([chance.random(), math.nan]) for n in range(size)}
        expected |= batch
        write(installation.database, job, batch)
        since = chance.choice([None, -1, newest, chance.randrange(max(expected) + 1)])
        wanted = {step: expected[step] for step in sorted(expected) if since is None or step > since}
        seen = read(installation.database, job, since)
        assert list(seen) == list(wanted)
        assert all(seen[step] == value or (seen[step] is None and math.isnan(value)) for step, value in wanted.items())
        with installation.database.reading() as tx:
            last = next((each.last_step, each.last_value) for each in metrics.heads(tx, job) if each.name == TRAIN_LOSS)
        value = expected[max(expected)]
        assert last == (max(expected), None if math.isnan(value) else value)
    assert chunks(installation.database, job) > 0


def test_a_step_behind_a_chunk_unpacks_only_what_it_touches(installation: TestHouse, job: str) -> None:
    write(installation.database, job, dict.fromkeys(range(3 * CHUNK), 1.0))
    assert chunks(installation.database, job) == 3
    write(installation.database, job, {2 * CHUNK + 5: 9.0})
    assert chunks(installation.database, job) == 3, "packed again at once, for it was a full chunk of rows"
    assert read(installation.database, job)[2 * CHUNK + 5] == 9.0
    assert len(read(installation.database, job)) == 3 * CHUNK


def test_a_point_costs_less_than_forty_bytes(installation: TestHouse, job: str) -> None:
    def size() -> int:
        with installation.database.writers.connect() as tx:
            pages = int(tx.exec_driver_sql("PRAGMA page_count").scalar_one())
            unused = int(tx.exec_driver_sql("PRAGMA freelist_count").scalar_one())
            return 4096 * (pages - unused)

    before = size()
    for start in range(0, 50_000, 1000):
        write(installation.database, job, {step: 1 / (step + 1) for step in range(start, start + 1000)})
    assert (size() - before) / 50_000 < 40


def test_the_small_curve_keeps_its_size_and_its_ends() -> None:
    kept: bytes | None = None
    for start in range(0, 100_000, 500):
        kept = curve(kept, {step: float(step) for step in range(start, start + 500)})
    values = curve_values(kept)
    assert CURVE_POINTS / 2 <= len(values) <= CURVE_POINTS
    assert values == sorted(values)
    assert values[-1] == 99_999.0
    assert curve_values(curve(kept, {99_999: -1.0}))[-1] == -1.0, "a repeated step replaces"
    assert curve_values(curve(None, {1: math.nan})) == []


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 99, 100, 101, 1000, 12_345])
@pytest.mark.parametrize("points", [2, 3, 4, 5, 50, 100])
def test_thinning_keeps_every_peak_and_both_ends(count: int, points: int) -> None:
    values = np.random.default_rng(count).random(count)
    if count > 20:
        values[count // 3], values[count // 2], values[7] = 50.0, -50.0, math.nan
    thinned = downsample(Columns("loss", np.arange(count, dtype=np.int64) * 2, values), points)
    assert len(thinned.steps) == len(thinned.values) <= max(points, 0)
    assert list(thinned.steps) == sorted(set(thinned.steps))
    if count <= points:
        assert len(thinned.steps) == count
        return
    if points >= 4:
        assert {0, 2 * (count - 1)} <= set(thinned.steps)
        finite = [value for value in thinned.values if value is not None]
        assert (min(finite), max(finite)) == (np.nanmin(values), np.nanmax(values))


def test_a_series_of_gaps_is_thinned_to_gaps() -> None:
    nothing = downsample(Columns("loss", np.arange(1000, dtype=np.int64), np.full(1000, math.nan)), 100)
    assert set(nothing.values) == {None}
    assert len(nothing.steps) <= 100


def test_points_outlive_the_migration_there_and_back(installation: TestHouse, job: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite3"
    points = {step: (math.nan if step == 3 else 1 / (step + 1)) for step in range(2 * CHUNK + 10)}
    write(installation.database, job, points)
    before = read(installation.database, job)
    with installation.database.writers.connect() as tx:
        tx.rollback()
        tx.connection.driver_connection.execute(f"VACUUM INTO '{copy}'")  # type: ignore[union-attr]
    config = configuration(f"sqlite:///{copy}", ROOT / "migrations")
    command.downgrade(config, "0001")
    command.upgrade(config, "head")
    database = Database(f"sqlite:///{copy}")
    assert read(database, job) == before
    with database.reading() as tx:
        kept = metrics.summaries(tx, [job], [TRAIN_LOSS])[job, TRAIN_LOSS]
        newest = {each.name: (each.last_step, each.last_value) for each in metrics.heads(tx, job)}
        assert newest[TRAIN_LOSS] == (2 * CHUNK + 9, before[2 * CHUNK + 9])
    assert CURVE_POINTS / 2 <= len(kept.curve) <= CURVE_POINTS
    write(database, job, {2 * CHUNK + 10: 0.5})
    assert read(database, job) == before | {2 * CHUNK + 10: 0.5}
    database.close()
