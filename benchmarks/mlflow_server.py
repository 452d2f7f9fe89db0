"""MLflow as a baseline: installed by pip into an environment of its own, served over SQLite, filled by SQL."""

import http.client
import json
import random
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.settings import ROOT

VERSION = "3.17.2"
METRICS = ("train_loss", "validation_loss", "learning_rate", "grad_norm", "tokens_per_second")
PARAMETERS = ("n_epochs", "batch_size", "learning_rate", "weight_decay", "warmup_steps")
TAGS = ("mlflow.runName", "mlflow.user", "mlflow.source.type")
EXPERIMENT = "0"  # MLflow's own default
_PATIENCE_S = 300


def interpreter() -> Path:
    """Return the Python of MLflow's environment, made under .setup/ the first time (a few hundred MB)."""
    home = ROOT / ".setup" / "benchmarks" / f"mlflow-{VERSION}"
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        print(f"installing mlflow {VERSION} into {home}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        command = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", f"mlflow=={VERSION}"]
        subprocess.run(command, check=True)
        (home / "ready").touch()
    return python


@dataclass
class Served:
    """A server that answers on `port`; `pid` is the root of its processes."""

    port: int
    pid: int
    database: Path
    cookie: str = ""  # of whoever asks, where there are accounts
    _kept: list[http.client.HTTPConnection] = field(default_factory=list)

    def ask(self, method: str, path: str, body: object = None) -> bytes:
        """Send one request over a kept connection; return the body.

        Raises:
            RuntimeError: for an answer that is no success.
        """
        if not self._kept:
            self._kept.append(http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE_S))
        connection = self._kept[0]
        text = None if body is None else json.dumps(body)
        headers = {"Content-Type": "application/json", **({"Cookie": self.cookie} if self.cookie else {})}
        try:
            connection.request(method, path, text, headers)
            answer = connection.getresponse()
        except (http.client.HTTPException, OSError):
            connection.close()  # kept too long: once more on a fresh one
            connection.request(method, path, text, headers)
            answer = connection.getresponse()
        reported = answer.read()
        if answer.status != http.client.OK:
            raise RuntimeError(f"{method} {path}: {answer.status} {reported[:300]!r}")
        return reported

    def json(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401
        """Return the answer's JSON."""
        return json.loads(self.ask(method, path, body))


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """Have MLflow's server with one worker over `folder/mlflow.db` for as long as the block takes."""
    port, database = free_port(), folder / "mlflow.db"
    command = [str(interpreter()), "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{database}"]
    command += ["--default-artifact-root", str(folder / "artifacts")]
    with (folder / "mlflow.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    served = Served(port, process.pid, database)
    try:
        _await(served, process, folder / "mlflow.log")
        yield served
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(served: Served, process: subprocess.Popen[bytes], log: Path) -> None:
    latest = time.monotonic() + _PATIENCE_S
    while time.monotonic() < latest and process.poll() is None:
        try:
            served.json("POST", "/api/2.0/mlflow/experiments/search", {"max_results": 1})
        except (OSError, RuntimeError, http.client.HTTPException):
            time.sleep(0.5)
            continue
        return
    sys.exit(f"MLflow's server does not answer: {log.read_text(errors='replace')[-1000:]}")


def fill(database: Path, runs: int) -> None:
    """Add finished runs with five metrics, five parameters and three tags each, as its own tables have them."""
    chance = random.Random(7)
    connection = sqlite3.connect(database)
    for start in range(0, runs, 5000):
        rows = [_run(chance, number) for number in range(start, min(runs, start + 5000))]
        for table in ("runs", "latest_metrics", "params", "tags"):
            _insert(connection, table, [each for row in rows for each in row[table]])
        connection.commit()
    connection.execute("ANALYZE")
    connection.commit()
    connection.close()


def _insert(connection: sqlite3.Connection, table: str, rows: list[dict[str, Any]]) -> None:
    names = list(rows[0])
    parameters = ", ".join(f":{name}" for name in names)
    connection.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({parameters})", rows)  # noqa: S608


def _run(chance: random.Random, number: int) -> dict[str, list[dict[str, Any]]]:
    run, began = f"{chance.getrandbits(128):032x}", 1_700_000_000_000 + number * 60_000
    took = chance.randrange(20_000, 4_000_000)
    whole = {
        "run_uuid": run,
        "name": f"triage-{number % 977}",
        "source_type": "LOCAL",
        "source_name": "",
        "entry_point_name": "",
        "user_id": "somebody",
        "status": chance.choice(["FINISHED"] * 7 + ["FAILED"] * 2 + ["KILLED"]),
        "start_time": began,
        "end_time": began + took,
        "source_version": "",
        "lifecycle_stage": "active",
        "artifact_uri": f"artifacts/{run}",
        "experiment_id": int(EXPERIMENT),
    }
    return {
        "runs": [whole],
        "latest_metrics": [
            {"key": key, "value": chance.random(), "timestamp": began, "step": 400, "is_nan": 0, "run_uuid": run}
            for key in METRICS
        ],
        "params": [{"key": key, "value": str(chance.random()), "run_uuid": run} for key in PARAMETERS],
        "tags": [{"key": key, "value": whole["name"], "run_uuid": run} for key in TAGS],
    }
