"""The page of jobs with 100,000 recorded ones, against MLflow's run list: CPU of the server per request.

Both show 50 rows with name, status, time, duration, last losses and some parameters. Ours is the whole HTML page as a
browser gets it; MLflow's is the JSON that its page asks for (`runs/search`, newest first), without the page around it.

    python3 -m benchmarks.jobs_page [--jobs 100000] [--rounds 7]
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import mlflow_server, tunedesk_server
from benchmarks.crowd import crowded
from benchmarks.measuring import Goal, Sample, cpu_during, ratios, tell

OURS, THEIRS = 40, 8  # requests a round: CPU is counted in ticks of 10 ms
LEAST_RATIO = 10
MOST_MS = 6


def per_request(pid: int, ask: Callable[[], object], count: int) -> float:
    """Return milliseconds of the server's CPU a request."""
    return cpu_during(pid, lambda: [ask() for _ in range(count)]) / count * 1000


def main() -> int:
    """Measure; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    request = {
        "experiment_ids": [mlflow_server.EXPERIMENT],
        "max_results": 50,
        "order_by": ["attributes.start_time DESC"],
    }
    ours, theirs = [], []
    with tempfile.TemporaryDirectory(prefix="tunedesk-jobs-") as made:
        one, other = Path(made) / "tunedesk", Path(made) / "mlflow"
        one.mkdir()
        other.mkdir()
        crowded(one, asked.jobs)
        with mlflow_server.serving(other) as mlflow, tunedesk_server.serving(one) as tunedesk:
            mlflow_server.fill(mlflow.database, asked.jobs)

            def ask_mlflow() -> bytes:
                return mlflow.ask("POST", "/api/2.0/mlflow/runs/search", request)

            def ask_tunedesk() -> bytes:
                return tunedesk.ask("GET", "/jobs")

            for warm in (ask_mlflow, ask_tunedesk, ask_mlflow, ask_tunedesk):
                warm()
            for _ in range(asked.rounds):
                ours.append(per_request(tunedesk.pid, ask_tunedesk, OURS))
                theirs.append(per_request(mlflow.pid, ask_mlflow, THEIRS))
    left, right = Sample("MLflow runs/search, 50 runs", theirs, "CPU ms"), Sample("TuneDesk /jobs", ours, "CPU ms")
    ratio = ratios(left, right)
    return tell([right, left, ratio], [Goal(ratio, at_least=LEAST_RATIO), Goal(right, at_most=MOST_MS)])


if __name__ == "__main__":
    sys.exit(main())
