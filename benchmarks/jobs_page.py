"""The page of jobs with 100,000 recorded ones, against MLflow's run list: CPU of the server per request.

Both show 50 rows with name, status, time, duration, last losses and some parameters. Ours is the whole HTML page as a
browser gets it; MLflow's is the JSON that its page asks for (`runs/search`, newest first), without the page around it.
The same jobs are served once more with accounts on, to a member of their project: the baseline is the page without.

    python3 -m benchmarks.jobs_page [--jobs 100000] [--rounds 7] [--accounts-only]
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import mlflow_server, tunedesk_server
from benchmarks.crowd import crowded
from benchmarks.measuring import Goal, Sample, cpu_during, exact_cpu_of, ratios, tell
from benchmarks.mlflow_server import Served
from benchmarks.staff import staffed

OURS, THEIRS = 40, 8  # requests a round: CPU is counted in ticks of 10 ms
TURN = 5  # requests to one, then to the other: what the machine does otherwise comes over both
LEAST_RATIO = 10
MOST_MS = 6
MOST_BY_ACCOUNTS = 1.1  # times the page without them


def per_request(pid: int, ask: Callable[[], object], count: int) -> float:
    """Return milliseconds of the server's CPU a request."""
    return cpu_during(pid, lambda: [ask() for _ in range(count)]) / count * 1000


def page_of(served: Served) -> Callable[[], object]:
    """Return what asks for the page."""
    return lambda: served.ask("GET", "/jobs")


def with_and_without(alone: Path, rounds: int) -> tuple[list[float], list[float]]:
    """Return the cost of the page without accounts and with them, over copies of the same jobs, round by round.

    In each round, both are asked in short turns.
    """
    team = alone.with_name("team")
    shutil.copytree(alone, team)
    cookie = staffed(team, "prj_1", members=30)[0]
    without, within = [], []
    with tunedesk_server.serving(alone) as open_, tunedesk_server.serving(team) as closed:
        closed.cookie = cookie
        for _ in range(OURS):
            page_of(open_)(), page_of(closed)()
        for _ in range(rounds):
            spent = {open_.pid: 0.0, closed.pid: 0.0}
            for _ in range(2 * OURS // TURN):
                for served in (open_, closed):
                    before, ask = exact_cpu_of(served.pid), page_of(served)
                    for _ in range(TURN):
                        ask()
                    spent[served.pid] += exact_cpu_of(served.pid) - before
            without.append(spent[open_.pid] / (2 * OURS) * 1000)
            within.append(spent[closed.pid] / (2 * OURS) * 1000)
    return without, within


def main() -> int:
    """Measure; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--accounts-only", action="store_true", help="leave MLflow out")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tunedesk-jobs-") as made:
        one, other = Path(made) / "tunedesk", Path(made) / "mlflow"
        one.mkdir()
        other.mkdir()
        crowded(one, asked.jobs)
        samples, goals = ([], []) if asked.accounts_only else against_mlflow(one, other, asked)
        without, within = with_and_without(one, asked.rounds)
    open_, closed = Sample("/jobs without accounts", without, "CPU ms"), Sample("/jobs with accounts", within, "CPU ms")
    ratio = ratios(closed, open_)
    return tell([*samples, open_, closed, ratio], [*goals, Goal(ratio, at_most=MOST_BY_ACCOUNTS)])


def against_mlflow(one: Path, other: Path, asked: argparse.Namespace) -> tuple[list[Sample], list[Goal]]:
    """Return the cost of our page and of MLflow's list, and what is wanted of them."""
    request = {
        "experiment_ids": [mlflow_server.EXPERIMENT],
        "max_results": 50,
        "order_by": ["attributes.start_time DESC"],
    }
    ours, theirs = [], []
    with mlflow_server.serving(other) as mlflow, tunedesk_server.serving(one) as tunedesk:
        mlflow_server.fill(mlflow.database, asked.jobs)

        def ask_mlflow() -> bytes:
            return mlflow.ask("POST", "/api/2.0/mlflow/runs/search", request)

        ask_tunedesk = page_of(tunedesk)
        for warm in (ask_mlflow, ask_tunedesk, ask_mlflow, ask_tunedesk):
            warm()
        for _ in range(asked.rounds):
            ours.append(per_request(tunedesk.pid, ask_tunedesk, OURS))
            theirs.append(per_request(mlflow.pid, ask_mlflow, THEIRS))
    left, right = Sample("MLflow runs/search, 50 runs", theirs, "CPU ms"), Sample("TuneDesk /jobs", ours, "CPU ms")
    ratio = ratios(left, right)
    return [right, left, ratio], [Goal(ratio, at_least=LEAST_RATIO), Goal(right, at_most=MOST_MS)]


if __name__ == "__main__":
    sys.exit(main())
