"""What one tick of the engine costs with 10,000 active trainings, against a reconciler with a transaction a row.

Both look at the same rows of the same database at the same rehearsed provider, in turns, in one process; CPU time of
the process is counted, not the clock. A tick is a second: with a look a minute at each training, about 167 are due,
and one look in twenty brings something new, which the engine records in a turn of the row's own. The reconciler to
compare with only looks and writes down when to look next.

    python -m benchmarks.engine_tick [--jobs 10000] [--rounds 11]
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
from sqlalchemy import text

from app.backends.rehearsal import Entry, RehearsalBackend, Script
from app.domain.actors import ENGINE
from app.domain.backend import RemoteJob
from app.domain.jobs import FineTuningJob, JobSpec, JobStatus
from app.engine.engine import Engine
from app.runtimes.environments import RuntimeEnvironments
from app.services import connections, datasets, projects
from app.services.scope import AppContext, Backends, Scopes
from app.settings import ROOT
from app.store import jobs as store
from app.store.database import Database
from app.store.files import FileStore
from app.store.migrating import upgrade
from benchmarks.measuring import Goal, Sample, ratios, tell
from tests.support.clock import TurnedClock
from tests.support.connections import REHEARSAL_ID

LOOK_S = 60.0
STEP_S = 1200.0  # one look in twenty finds another step
MOST_MS = 100
STEPS = 72  # a day
ROWS = b'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n' * 12


class Installation:
    """A database with many active trainings, all of them known to the rehearsed provider."""

    def __init__(self, folder: Path, jobs: int) -> None:
        self.clock = TurnedClock()
        self.jobs = jobs
        url = f"sqlite:///{folder / 'bench.sqlite3'}"
        upgrade(url, ROOT / "migrations")
        self.database = Database(url)
        script = Script(queue_s=0.0, train_s=STEP_S * STEPS, steps=STEPS, look_s=LOOK_S)
        self.backend = RehearsalBackend(folder / "provider", clock=self.clock, script=script)
        app_context = AppContext(
            database=self.database,
            clock=self.clock,
            files=FileStore(folder / "data", upload_limit=2**30, disk_reserve=0),
            backends=Backends([self.backend]),
            runtimes=RuntimeEnvironments(folder / "runtimes"),
            samples=ROOT / "app" / "samples",
            version="benchmark",
        )
        self.scopes = Scopes(app_context)
        self._fill(folder / "provider")

    def _fill(self, provider: Path) -> None:
        with self.scopes.open(ENGINE) as scope:
            connections.ensure_built_in(scope)
            project = projects.create(scope, "Benchmark").id
        with self.scopes.open(ENGINE) as scope:
            dataset = datasets.upload(scope, name="rows", filename="rows.jsonl", chunks=[ROWS]).id
        spec = JobSpec(
            project=project,
            connection=REHEARSAL_ID,
            base_model="rehearsal:small",
            name="job",
            training_dataset=dataset,
        )
        now = self.clock.now()
        course = {"queue_s": 0.0, "train_s": STEP_S * STEPS, "interruptions": 0, "end": "", "settings": {}}
        provider.mkdir(parents=True, exist_ok=True)
        with self.scopes.open(ENGINE) as scope, (provider / "ledger.jsonl").open("wb") as book:
            for number in range(self.jobs):
                job = FineTuningJob(
                    id=f"job_{number:05d}",
                    spec=spec,
                    status=JobStatus.RUNNING,
                    remote_id=f"reh-job_{number:05d}-1",
                    observed_at=now,
                    cursor="0",
                    created_at=now,
                    changed_at=now,
                    started_at=now,
                )
                due_at = now.timestamp() + LOOK_S * number / self.jobs
                store.add(scope.write, job, due_at=due_at)
                # Begun one after the other, so that a twentieth of them has another step since its last look.
                begun = due_at - LOOK_S - STEP_S * ((number * 7919) % self.jobs) / self.jobs
                data = course | {"accepted_at": begun, "name": "job", "base_model": "rehearsal:small"}
                entry = Entry(call="submit", tag=job.id, at=now.timestamp(), id=job.remote_id, data=data)
                book.write(msgspec.json.encode(entry) + b"\n")


def naive(installation: Installation) -> int:
    """Look at what is due with two short transactions a row, as a first reconciler is written."""
    now = installation.clock.now()
    with installation.database.reading() as tx:
        query = text("SELECT id, remote_id, cursor FROM jobs WHERE due_at <= :now")
        due = tx.execute(query, {"now": now.timestamp()}).all()
    for row in due:
        with installation.database.writing() as tx:
            tx.execute(text("UPDATE jobs SET gen = gen + 1 WHERE id = :id"), {"id": row.id})
        seen = installation.backend.observe(RemoteJob(row.remote_id), since=row.cursor)
        with installation.database.writing() as tx:
            changed = {"id": row.id, "cursor": seen.cursor, "due": now.timestamp() + LOOK_S}
            tx.execute(text("UPDATE jobs SET cursor = :cursor, due_at = :due WHERE id = :id"), changed)
    return len(due)


def cost(step: Callable[[], int], clock: TurnedClock) -> tuple[float, int]:
    """Turn the clock by a second, do a step, and return its CPU time in milliseconds and what it returned."""
    clock.turn(timedelta(seconds=1))
    begun = time.process_time()
    rows = step()
    return (time.process_time() - begun) * 1000, rows


def main() -> int:
    """Measure, print, and return 0 where the tick keeps within 100 ms."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--jobs", type=int, default=10_000)
    asked.add_argument("--rounds", type=int, default=11)
    request = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        installation = Installation(Path(folder), request.jobs)
        engine = Engine(installation.scopes)
        ours, theirs, rows, acted = [], [], [], []
        for number in range(request.rounds + 1):
            first, turns = cost(engine.tick, installation.clock)
            second, looked = cost(lambda: naive(installation), installation.clock)
            if number:  # the first round warms both up
                ours.append(first)
                theirs.append(second)
                rows.append(looked)
                acted.append(turns)
        polled = engine.polled // (request.rounds + 1)
        print(
            f"{request.jobs} active trainings, each looked at every {LOOK_S:.0f} s: {polled} looks and "
            f"{statistics.median(acted):.0f} turns a tick of ours, {statistics.median(rows):.0f} looks of the other"
        )
        engine.tasks.close()
        installation.database.close()
    tick = Sample("engine tick", ours, "CPU ms")
    rowwise = Sample("a transaction a row", theirs, "CPU ms")
    return tell([tick, rowwise, ratios(rowwise, tick)], [Goal(tick, at_most=MOST_MS)])


if __name__ == "__main__":
    sys.exit(main())
