"""Metrics from the trainer's lines to the database, and out again as a chart, against MLflow; and bytes on the disk.

In: a batch of 200 lines with five series each. Ours reads the lines of the run folder's file, makes points of them and
commits them; MLflow is sent the same thousand points by `log-batch`, and only its server is counted, not the client
that would have to read the lines. Out: one series of 100,000 points over HTTP, as each one's own chart asks for it.

    python3 -m benchmarks.metrics_path [--rounds 9]
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from app.backends.local.event_parser import metrics as read_metrics
from app.backends.local.runs import Runs
from app.domain.metrics import TRAIN_LOSS, Metric
from app.kit.clock import SystemClock
from app.store import metrics
from app.store.database import Database
from benchmarks import mlflow_server, tunedesk_server
from benchmarks.crowd import crowded
from benchmarks.measuring import Goal, Sample, cpu_during, own_cpu, ratios, tell
from benchmarks.mlflow_server import Served

SERIES = ("train_loss", "validation_loss", "learning_rate", "tokens_per_second", "grad_norm")
LINES = 200
POINTS = LINES * len(SERIES)
CHART = 100_000
BATCHES = 5  # a round
LEAST_IN, LEAST_OUT, MOST_BYTES = 10, 20, 40


def lines(first: int) -> str:
    """Return a batch as the trainer writes it."""
    reported = [
        {
            "t": 1_700_000_000.0 + step,
            "kind": "metrics",
            "step": step,
            "steps": 10**6,
            "epoch": step / 1000,
            "epochs": 1000,
            "eta_s": 12.5,
            **{name: 1 / (step + 1 + installation) for installation, name in enumerate(SERIES)},
        }
        for step in range(first, first + LINES)
    ]
    return "".join(json.dumps(line) + "\n" for line in reported)


class Ours:
    """The trainer's file on one side, the database on the other."""

    def __init__(self, folder: Path, database: Database, job: str) -> None:
        self.runs = Runs(folder / "runs", interpreter=lambda: Path(sys.executable), environment={}, clock=SystemClock())
        self.database, self.job = database, job
        self.file = self.runs.folder("job") / "events.jsonl"
        self.file.parent.mkdir(parents=True)
        self.cursor: str | None = None
        self.step = 0

    def bring(self) -> None:
        """Take one batch of lines in; what wrote them is not counted."""
        news, self.cursor = self.runs.news("job", self.cursor)
        with self.database.writing() as tx:
            metrics.add(tx, self.job, read_metrics(news))

    def per_point(self) -> float:
        """Return microseconds of CPU a point."""
        spent = 0.0
        for _ in range(BATCHES):
            with self.file.open("a", encoding="utf-8") as file:
                file.write(lines(self.step))
            self.step += LINES
            spent += own_cpu(self.bring)
        return spent / (BATCHES * POINTS) * 1e6


class Theirs:
    """MLflow's server and one run in it."""

    def __init__(self, served: Served) -> None:
        self.served = served
        made = served.json("POST", "/api/2.0/mlflow/runs/create", {"experiment_id": mlflow_server.EXPERIMENT})
        self.run = str(made["run"]["info"]["run_id"])
        self.step = 0

    def log(self, names: tuple[str, ...], steps: int) -> None:
        """Send one batch."""
        sent: list[dict[str, Any]] = [
            {"key": name, "value": 1 / (step + 1), "timestamp": 1_700_000_000_000 + step, "step": step}
            for step in range(self.step, self.step + steps)
            for name in names
        ]
        self.step += steps
        self.served.ask("POST", "/api/2.0/mlflow/runs/log-batch", {"run_id": self.run, "metrics": sent})

    def per_point(self) -> float:
        """Return microseconds of the server's CPU a point."""

        def send() -> None:
            for _ in range(BATCHES):
                self.log(SERIES, LINES)

        spent = cpu_during(self.served.pid, send)
        return spent / (BATCHES * POINTS) * 1e6

    def chart(self) -> bytes:
        """Ask as its chart does: at most 320 points."""
        path = "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval"
        return self.served.ask("GET", f"{path}?run_ids={self.run}&metric_key=long&max_results=320")


def bytes_per_point(database: Database, job: str) -> float:
    """Return how much the file grows by a series of `CHART` points that come a thousand at a time."""

    def used() -> int:
        with database.reading() as tx:
            pages, unused, size = (
                int(tx.exec_driver_sql(f"PRAGMA {name}").scalar_one())
                for name in ("page_count", "freelist_count", "page_size")
            )
        return (pages - unused) * size

    before = used()
    for start in range(0, CHART, 1000):
        with database.writing() as tx:
            points = [Metric(step=step, name=TRAIN_LOSS, value=1 / (step + 1)) for step in range(start, start + 1000)]
            metrics.add(tx, job, points)
    return (used() - before) / CHART


def main() -> int:
    """Measure; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    taken: dict[str, list[float]] = {"in ours": [], "in theirs": [], "out ours": [], "out theirs": []}
    with tempfile.TemporaryDirectory(prefix="tunedesk-metrics-") as made:
        one, other = Path(made) / "tunedesk", Path(made) / "mlflow"
        one.mkdir()
        other.mkdir()
        database = Database(f"sqlite:///{crowded(one, 2)}")
        with database.reading() as tx:
            job, second = (str(row[0]) for row in tx.exec_driver_sql("SELECT id FROM jobs ORDER BY id"))
        density = Sample("TuneDesk, on the disk", [bytes_per_point(database, job)], "bytes a point")
        with mlflow_server.serving(other) as mlflow, tunedesk_server.serving(one) as tunedesk:
            ours, theirs = Ours(one, database, second), Theirs(mlflow)
            for _ in range(CHART // 1000):
                theirs.log(("long",), 1000)
            chart = f"/jobs/{job}/metrics.json?points=2000"
            tunedesk.ask("GET", chart)
            theirs.chart()
            ours.per_point()
            theirs.per_point()
            for _ in range(rounds):
                taken["in ours"].append(ours.per_point())
                taken["in theirs"].append(theirs.per_point())
                taken["out ours"].append(
                    cpu_during(tunedesk.pid, lambda: [tunedesk.ask("GET", chart) for _ in range(20)]) / 20
                )
                taken["out theirs"].append(cpu_during(mlflow.pid, lambda: [theirs.chart() for _ in range(3)]) / 3)
        database.close()
    return _reported(taken, density)


def _reported(taken: dict[str, list[float]], density: Sample) -> int:
    into = Sample("TuneDesk, lines to database", taken["in ours"], "CPU us a point")
    log_batch = Sample("MLflow log-batch", taken["in theirs"], "CPU us a point")
    out = Sample("TuneDesk chart of 100,000 points", [value * 1000 for value in taken["out ours"]], "CPU ms")
    interval = Sample("MLflow chart of 100,000 points", [value * 1000 for value in taken["out theirs"]], "CPU ms")
    write, read = ratios(log_batch, into), ratios(interval, out)
    goals = [Goal(write, at_least=LEAST_IN), Goal(read, at_least=LEAST_OUT), Goal(density, at_most=MOST_BYTES)]
    return tell([into, log_batch, write, out, interval, read, density], goals)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
