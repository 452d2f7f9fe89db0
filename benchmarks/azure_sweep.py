"""What following 500 active jobs at Azure costs: calls, CPU and lag of one sweep, against one `jobs.get` a job.

    python -m benchmarks.azure_sweep [JOBS]

The loopback Azure runs in this process, the client in another, so that its CPU can be told apart. Both ways are
measured in the same run, on the same jobs, with the engine's number of workers; every job has logged since it was last
looked at. Calls are counted by the cloud.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from app.backends.azure_foundry.transport.names import job_name, model_name, owner_tags
from app.domain.backend import RemoteJob
from app.engine.clockwork import WORKERS
from app.kit.installation import installation_name
from app.settings import ROOT
from tests.support.azure.certificates import make_certificates
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.foundry import backend_over, load_packages
from tests.support.azure.jobs_state import Job

_STEADY = 5  # sweeps, of which the middle one is told
_APART = timedelta(seconds=60)  # of the cloud's clock between two sweeps
_RUNS_FOR_S = 4_000.0  # 200 steps, so that each job logs three between two sweeps


def put_jobs(cloud: AzureCloud, count: int, installation: str) -> list[str]:
    """Let `count` trainings of ours run in the cloud; return their names."""
    names = []
    pace = {"NotStarted": 0.0, "Preparing": 0.0, "Queued": 0.0, "Running": _RUNS_FOR_S, "Finalizing": 1.0}
    for number in range(count):
        tag = f"job_{number:026d}"
        properties = {
            "jobType": "FineTuning",
            "displayName": "sweep",
            "experimentName": "tunedesk",
            "properties": {},
            "tags": owner_tags(tag, installation),
            "fineTuningDetails": {
                "modelProvider": "Custom",
                "taskType": "chatCompletion",
                "model": {
                    "jobInputType": "mlflow_model",
                    "uri": "azureml://registries/azureml/models/Phi-4/versions/8",
                },
                "trainingData": {"jobInputType": "uri_file", "uri": "azureml://x"},
                "hyperParameters": {"num_train_epochs": "3"},
            },
            "outputs": {"registered_model": {"jobOutputType": "mlflow_model", "assetName": model_name("sweep", tag)}},
        }
        job = Job(job_name(tag), {"properties": properties}, cloud.clock.now(), pace, caller="sweep")
        job.rows = 60_000
        cloud.seed.project.jobs[job.name] = job
        names.append(job.name)
    return names


def client() -> None:
    """Answer commands on the input, as a process of its own: `get` or `sweep`, told with its times."""
    reported = json.loads(sys.stdin.readline())
    folder, names = Path(reported["folder"]), reported["names"]

    class Far:
        """What `backend_over` reads of a cloud; the clock is told with each command."""

    clock = _Reported(reported["now"])
    far: Any = Far()
    far.clock = clock
    far.seed = Far()
    far.seed.app = Far()
    far.seed.app.app_id = reported["client_id"]
    load_packages()
    backend = backend_over(far, folder)
    backend.check()
    cursors: dict[str, str | None] = dict.fromkeys(names)

    def get(name: str) -> None:
        backend.azure.ml().jobs.get(name)

    def look(name: str) -> None:
        cursors[name] = backend.observe(RemoteJob(name), since=cursors[name]).cursor

    ways: dict[str, Callable[[str], None]] = {"get": get, "sweep": look}
    print("ready", flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        clock.moment = command["now"]
        lags: list[float] = []

        def timed(name: str, way: Callable[[str], None] = ways[command["way"]], lags: list[float] = lags) -> None:
            began = time.perf_counter()
            way(name)
            lags.append(time.perf_counter() - began)

        wall, cpu = time.perf_counter(), time.process_time()
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(timed, names))
        figures = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu, "longest_s": max(lags)}
        print(json.dumps(figures), flush=True)


class _Reported:
    def __init__(self, moment: float) -> None:
        self.moment = moment

    def now(self) -> Any:  # noqa: ANN401 -- a datetime
        from datetime import UTC, datetime  # noqa: PLC0415

        return datetime.fromtimestamp(self.moment, UTC)


class _Client:
    """The client's process, and the cloud that counts its calls."""

    def __init__(self, cloud: AzureCloud, folder: Path, names: list[str]) -> None:
        environment = {**cloud.environment(), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.azure_sweep", "--client"]
        self._cloud = cloud
        self._process = subprocess.Popen(
            command, env=environment, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._tell({"folder": str(folder), "names": names, "client_id": cloud.seed.app.app_id})
        if self._answer() != "ready":
            raise SystemExit("the client did not start")

    def measured(self, way: str) -> dict[str, float]:
        """Let the client look at every job one way; return what that took."""
        before = len(self._cloud.requests)
        self._tell({"way": way})
        figures: dict[str, float] = json.loads(self._answer())
        return {"calls": len(self._cloud.requests) - before, **figures}

    def close(self) -> None:
        """End it."""
        self._process.communicate()

    def _tell(self, words: dict[str, Any]) -> None:
        if self._process.stdin is not None:
            self._process.stdin.write(json.dumps({**words, "now": self._cloud.clock.now().timestamp()}) + "\n")
            self._process.stdin.flush()

    def _answer(self) -> str:
        return "" if self._process.stdout is None else self._process.stdout.readline().strip()


def main(count: int = 500) -> dict[str, dict[str, float]]:
    """Measure both ways; return calls, CPU seconds, wall seconds and the longest look of each."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        with AzureCloud(make_certificates(folder), folder) as cloud:
            names = put_jobs(cloud, count, installation_name(folder))
            far = _Client(cloud, folder, names)
            far.measured("get")  # the first time loads what is needed
            result = {"one jobs.get a job": far.measured("get"), "first sweep": far.measured("sweep")}
            steady = []
            for _ in range(_STEADY):
                cloud.clock.turn(_APART)
                steady.append(far.measured("sweep"))
            result["steady sweep"] = sorted(steady, key=lambda each: each["cpu_s"])[_STEADY // 2]
            far.close()
    return result


def show(result: dict[str, dict[str, float]]) -> None:
    """Print the figures as a table."""
    print(f"{'':24}{'calls':>8}{'CPU s':>8}{'wall s':>8}{'longest look s':>16}")
    for name, each in result.items():
        print(f"{name:24}{each['calls']:8.0f}{each['cpu_s']:8.2f}{each['wall_s']:8.2f}{each['longest_s']:16.2f}")
    fewer = result["one jobs.get a job"]["calls"] / result["steady sweep"]["calls"]
    print(f"A steady sweep makes {fewer:.0f} times fewer calls than one jobs.get a job.")


if __name__ == "__main__":
    if "--client" in sys.argv:
        client()
    else:
        show(main(int(sys.argv[1]) if len(sys.argv) > 1 else 500))
