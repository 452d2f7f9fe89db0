"""What one tick of the engine costs with 10,000 trainings at Azure, against a reconciler with a transaction a row.

Both look at the same rows of the same database by the same backend, in turns, in one process; CPU time of the process
is counted, not the clock. The backend is the product's own for Azure AI Foundry, down to the list of the project's jobs
that all looks share; that list is made up here instead of being fetched, for what fetching costs is measured by
`benchmarks.azure_sweep`. A tick is a second: with a look a minute at each training, about 167 are due, and one look in
twenty brings a new step, which the engine records in a turn of the row's own. The reconciler to compare with only looks
and writes down when to look next.

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

from sqlalchemy import text

from app.backends.azure_foundry.backend import AzureFoundryBackend
from app.backends.azure_foundry.settings import AzureSettings
from app.backends.azure_foundry.training.job_list_cache import JobListCache, Snapshot
from app.backends.azure_foundry.training.job_observer import ObservationCursor
from app.backends.azure_foundry.training.metrics import Runs
from app.backends.azure_foundry.transport.names import job_name
from app.backends.azure_foundry.transport.workspace import Workspace
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

LOOK_S = 60.0
NEWS = 20  # one look in so many finds another step
MOST_MS = 100
STEP = 40
BASE = "serverless:azureml/Phi-4-mini-instruct"
ROWS = b'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n' * 12


class MadeUpList(JobListCache):
    """The list of a project's jobs without the fetching: each runs, and has logged a step."""

    def __init__(self, workspace: Workspace, clock: TurnedClock, names: list[str]) -> None:
        super().__init__(workspace, Runs(workspace), clock)
        self._now, self._names = clock, names

    def fetched(self) -> Snapshot:
        """Return the list."""
        return Snapshot(
            at=self._now.now(),
            jobs={name: _body(name) for name in self._names},
            metrics={name: {"loss": (STEP, 1.25), "epoch": (STEP, 1.5)} for name in self._names},
        )


def _body(name: str) -> dict[str, object]:
    details = {
        "taskType": "chatCompletion",
        "model": {"jobInputType": "mlflow_model", "uri": "azureml://registries/azureml/models/Phi-4/versions/8"},
        "hyperParameters": {"num_train_epochs": "3", "learning_rate": "0.00002"},
    }
    properties = {"jobType": "FineTuning", "status": "Running", "displayName": "job", "fineTuningDetails": details}
    return {"name": name, "properties": properties}


class Installation:
    """A database with many active trainings, all of them in the list."""

    def __init__(self, folder: Path, jobs: int) -> None:
        self.clock = TurnedClock()
        self.jobs = jobs
        url = f"sqlite:///{folder / 'bench.sqlite3'}"
        upgrade(url, ROOT / "migrations")
        self.database = Database(url)
        settings = AzureSettings(subscription_id="s", resource_group="g", workspace="w")
        self.backend = AzureFoundryBackend(settings, {}, clock=self.clock, cache=folder / "cache")
        self.names = [job_name(f"job_{number:026d}") for number in range(jobs)]
        workspace = Workspace(self.backend.azure)
        self.backend.training.observer.jobs = MadeUpList(workspace, self.clock, self.names)
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
        self._fill()

    def _fill(self) -> None:
        with self.scopes.open(ENGINE) as scope:
            connections.ensure_built_in(scope)
            project = projects.create(scope, "Benchmark").id
            connection = connections.default_id(scope)
        with self.scopes.open(ENGINE) as scope:
            dataset = datasets.upload(scope, name="rows", filename="rows.jsonl", chunks=[ROWS]).id
        spec = JobSpec(project=project, connection=connection, base_model=BASE, name="job", training_dataset=dataset)
        now = self.clock.now()
        with self.scopes.open(ENGINE) as scope:
            for number, name in enumerate(self.names):
                # Spread over the rows, a twentieth of them has another step since its last look.
                step = STEP - ((number * 7919) % self.jobs % NEWS == 0)
                seen = ObservationCursor(
                    word="Running",
                    reported={"loss": step, "epoch": step},
                    read_at=now.timestamp(),
                    moved_at=now.timestamp(),
                )
                job = FineTuningJob(
                    id=f"job_{number:026d}",
                    spec=spec,
                    status=JobStatus.RUNNING,
                    remote_id=name,
                    observed_at=now,
                    cursor=seen.encode(),
                    created_at=now,
                    changed_at=now,
                    started_at=now - timedelta(hours=1),
                )
                store.add(scope.write, job, due_at=now.timestamp() + LOOK_S * number / self.jobs)


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
