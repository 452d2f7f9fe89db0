"""The list of jobs below `/v1` with 100,000 recorded ones, against MLflow's run list: CPU of the server per request.

Both answer JSON, newest first: ours 20 jobs in OpenAI's shape, as many as its clients ask for by default, and
MLflow 20 runs (`runs/search`).

    python3 -m benchmarks.openai_jobs [--jobs 100000] [--rounds 7]
"""

import argparse
import http.client
import sys
import tempfile
from pathlib import Path

from benchmarks import mlflow_server, tunedesk_server
from benchmarks.crowd import crowded
from benchmarks.jobs_page import OURS, THEIRS, per_request
from benchmarks.measuring import Goal, Sample, ratios, tell

LEAST_RATIO = 10
MOST_MS = 6
JOBS = 20


def main() -> int:
    """Measure; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
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
            kept = http.client.HTTPConnection("127.0.0.1", tunedesk.port)

            def ask_mlflow() -> bytes:
                return mlflow.ask("POST", "/api/2.0/mlflow/runs/search", request)

            def ask_tunedesk() -> bytes:
                kept.request("GET", "/v1/fine_tuning/jobs", headers={"authorization": "Bearer any"})
                answered = kept.getresponse()
                body = answered.read()
                if answered.status != http.client.OK or body.count(b'"fine_tuning.job"') != JOBS:
                    raise RuntimeError(body[:500].decode())
                return body

            for warm in (ask_mlflow, ask_tunedesk, ask_mlflow, ask_tunedesk):
                warm()
            for _ in range(asked.rounds):
                ours.append(per_request(tunedesk.pid, ask_tunedesk, OURS))
                theirs.append(per_request(mlflow.pid, ask_mlflow, THEIRS))
    left = Sample("MLflow runs/search, 20 runs", theirs, "CPU ms")
    right = Sample("TuneDesk /v1/fine_tuning/jobs, 20 jobs", ours, "CPU ms")
    ratio = ratios(left, right)
    return tell([right, left, ratio], [Goal(ratio, at_least=LEAST_RATIO), Goal(right, at_most=MOST_MS)])


if __name__ == "__main__":
    sys.exit(main())
