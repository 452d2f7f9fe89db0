"""From nothing to a web process that answers: CPU seconds and resident memory, against FastAPI alone and an SDK.

The baselines are a FastAPI "hello world" under the same server, and an interpreter that imports `azure.ai.ml`, which is
why nothing of the web process does.

    python3 -m benchmarks.startup [--rounds 5]
"""

import argparse
import http.client
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.settings import ROOT
from app.setup.bootstrap import compiling_once
from app.setup.paths import Paths
from benchmarks import tunedesk_server
from benchmarks.measuring import Goal, Sample, cpu_of, ratios, rss_of, tell
from benchmarks.mlflow_server import free_port

MOST_S, MOST_MB = 2, 120
_HELLO = """
import sys
import uvicorn
from fastapi import FastAPI
app = FastAPI()

@app.get("/")
def hello() -> dict[str, str]:
    return {"hello": "world"}

uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
"""
_SDK = """
import os, resource
from azure.ai.ml import MLClient
used = resource.getrusage(resource.RUSAGE_SELF)
pages = int(open("/proc/self/statm").read().split()[1])
print(used.ru_utime + used.ru_stime, pages * os.sysconf("SC_PAGE_SIZE"))
"""


@contextmanager
def hello() -> Iterator[tuple[int, int]]:
    """Have FastAPI's hello world; give its port and process."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", _HELLO, str(port)], cwd=ROOT, env=_environment())
    try:
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def await_answer(port: int, path: str) -> None:
    """Return once the server answers."""
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("GET", path)
            connection.getresponse().read()
        except OSError:
            time.sleep(0.05)
            continue
        connection.close()
        return


def _environment() -> dict[str, str]:
    """Return that of TuneDesk's own server: what is imported is compiled once, not at every start."""
    return compiling_once(os.environ, Paths.here().scratch)


def of_tunedesk(folder: Path) -> tuple[float, float]:
    """Return CPU seconds and megabytes of a server on an existing data folder, after its first page."""
    with tunedesk_server.serving(folder) as served:
        served.ask("GET", "/")
        return cpu_of(served.pid), rss_of(served.pid) / 1e6


def of_hello() -> tuple[float, float]:
    """Return the same of FastAPI alone."""
    with hello() as (port, pid):
        await_answer(port, "/")
        return cpu_of(pid), rss_of(pid) / 1e6


def of_sdk() -> tuple[float, float]:
    """Return the same of an interpreter with the SDK."""
    command = [sys.executable, "-W", "ignore", "-c", _SDK]
    reported = subprocess.run(command, capture_output=True, text=True, check=True, env=_environment())
    spent, size = reported.stdout.split()
    return float(spent), int(size) / 1e6


def main() -> int:
    """Measure; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    found: dict[str, list[tuple[float, float]]] = {"TuneDesk": [], "FastAPI hello world": [], "import azure.ai.ml": []}
    with tempfile.TemporaryDirectory(prefix="tunedesk-startup-") as made:
        folder = Path(made)
        of_tunedesk(folder)  # makes the database
        of_hello()
        of_sdk()  # all three are compiled now
        for _ in range(rounds):
            found["TuneDesk"].append(of_tunedesk(folder))
            found["FastAPI hello world"].append(of_hello())
            found["import azure.ai.ml"].append(of_sdk())
    spent = [Sample(f"{name}: ready", [cpu for cpu, _ in values], "CPU s") for name, values in found.items()]
    sizes = [Sample(f"{name}: memory", [size for _, size in values], "MB") for name, values in found.items()]
    goals = [Goal(spent[0], at_most=MOST_S), Goal(sizes[0], at_most=MOST_MB)]
    return tell([*spent, *sizes, ratios(spent[0], spent[1])], goals)


if __name__ == "__main__":
    sys.exit(main())
