"""The list of jobs below `/v1` with 100,000 recorded ones, against MLflow's run list: CPU of the server per request.

Both answer JSON, newest first: ours 20 jobs in OpenAI's shape, as many as its clients ask for by default, and
MLflow 20 runs (`runs/search`). And the other way round: how many calls it takes to follow 500 jobs that wait at a
provider of that wire for four minutes, against looking at each of them.

    python3 -m benchmarks.openai_jobs [--jobs 100000] [--rounds 7] [--alone]
"""

import argparse
import http.client
import sys
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from app.backends.openai_wire.training.observation import observe
from app.domain.backend import RemoteJob
from app.domain.backend_abilities import KnownJob
from app.domain.jobs import JobStatus
from benchmarks import mlflow_server, tunedesk_server
from benchmarks.crowd import crowded
from benchmarks.jobs_page import OURS, THEIRS, per_request
from benchmarks.measuring import Goal, Sample, ratios, tell
from tests.support.clock import TurnedClock
from tests.support.openai_plane.bench import make_backend
from tests.support.openai_plane.jobs import Job
from tests.support.openai_plane.plane import Plane
from tests.support.openai_plane.script import Script
from tests.support.openai_plane.server import serving

LEAST_RATIO = 10
MOST_MS = 6
JOBS = 20
WAITING, MINUTES = 500, 4
FEWER_CALLS = 5


def main() -> int:
    """Measure; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--alone", action="store_true", help="without MLflow")
    asked = parser.parse_args()
    each, together = calls()
    fewer = ratios(each, together)
    goals = [Goal(fewer, at_least=FEWER_CALLS)]
    if asked.alone:
        right = Sample("TuneDesk /v1/fine_tuning/jobs, 20 jobs", alone(asked.jobs, asked.rounds), "CPU ms")
        return tell([each, together, fewer, right], [*goals, Goal(right, at_most=MOST_MS)])
    request = {
        "experiment_ids": [mlflow_server.EXPERIMENT],
        "max_results": JOBS,
        "order_by": ["attributes.start_time DESC"],
    }
    ours, theirs = [], []
    with tempfile.TemporaryDirectory(prefix="tunedesk-openai-jobs-") as made:
        one, other = Path(made) / "tunedesk", Path(made) / "mlflow"
        one.mkdir()
        other.mkdir()
        crowded(one, asked.jobs)
        with mlflow_server.serving(other) as mlflow, tunedesk_server.serving(one) as tunedesk:
            mlflow_server.fill(mlflow.database, asked.jobs)
            ask_tunedesk = asking(tunedesk.port)

            def ask_mlflow() -> bytes:
                return mlflow.ask("POST", "/api/2.0/mlflow/runs/search", request)

            for warm in (ask_mlflow, ask_tunedesk, ask_mlflow, ask_tunedesk):
                warm()
            for _ in range(asked.rounds):
                ours.append(per_request(tunedesk.pid, ask_tunedesk, OURS))
                theirs.append(per_request(mlflow.pid, ask_mlflow, THEIRS))
    left = Sample("MLflow runs/search, 20 runs", theirs, "CPU ms")
    right = Sample("TuneDesk /v1/fine_tuning/jobs, 20 jobs", ours, "CPU ms")
    ratio = ratios(left, right)
    goals += [Goal(ratio, at_least=LEAST_RATIO), Goal(right, at_most=MOST_MS)]
    return tell([each, together, fewer, right, left, ratio], goals)


def asking(port: int) -> Callable[[], bytes]:
    """Return what asks our server for a page of jobs over a kept connection."""
    kept = http.client.HTTPConnection("127.0.0.1", port)

    def ask() -> bytes:
        try:
            kept.request("GET", "/v1/fine_tuning/jobs", headers={"authorization": "Bearer any"})
            answered = kept.getresponse()
        except http.client.RemoteDisconnected:  # closed while the other server was asked, which may take seconds
            kept.close()
            return ask()
        body = answered.read()
        if answered.status != http.client.OK or body.count(b'"fine_tuning.job"') != JOBS:
            raise RuntimeError(body[:500].decode())
        return body

    return ask


def alone(jobs: int, rounds: int) -> list[float]:
    """Return the CPU ms of our list, round by round."""
    with tempfile.TemporaryDirectory(prefix="tunedesk-openai-jobs-") as made:
        crowded(Path(made), jobs)
        with tunedesk_server.serving(Path(made)) as tunedesk:
            ask = asking(tunedesk.port)
            ask()
            return [per_request(tunedesk.pid, ask, OURS) for _ in range(rounds)]


def calls() -> tuple[Sample, Sample]:
    """Return the calls a minute that following the waiting jobs takes: a look at each, and as it is done."""
    clock = TurnedClock()
    plane = Plane(clock, Script(queue_s=100_000.0))
    for number in range(WAITING):
        identifier = f"ftjob-{number:024d}"
        body = {"model": "gpt-4.1-mini-2025-04-14", "training_file": f"file-{number}"}
        plane.jobs[identifier] = Job(id=identifier, body=body, at=plane.now())
    together: list[float] = []
    with tempfile.TemporaryDirectory(prefix="tunedesk-calls-") as made, serving(plane) as base:
        backend = make_backend(base, clock, Path(made))
        known = [KnownJob(remote_id=name, status=JobStatus.QUEUED, cursor="{}") for name in plane.jobs]
        for _ in range(MINUTES):
            before = sum(plane.calls.values())
            for job in known:
                if job.remote_id not in backend.unchanged([job]):
                    backend.observe(RemoteJob(job.remote_id), since=job.cursor)
            together.append(sum(plane.calls.values()) - before)
            clock.turn(timedelta(minutes=1))
        before = sum(plane.calls.values())
        for job in known:
            observe(backend.wire.plane, job.remote_id, since=job.cursor, now=clock.now(), estimates=True)
        each = [float(sum(plane.calls.values()) - before)] * MINUTES
    return Sample("A look at each of 500 waiting jobs", each, "calls/min"), Sample("As TuneDesk", together, "calls/min")


if __name__ == "__main__":
    sys.exit(main())
