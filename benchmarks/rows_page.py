"""A page of rows at the end of 5,000,000 of them, and a search through all: CPU of the server per request.

The file is laid into the data folder and checked by the engine, as an upload of that size is.

    python3 -m benchmarks.rows_page [--rows 5000000] [--rounds 7]
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from app.domain.actors import OWNER
from app.main import create_app
from app.services import datasets
from app.settings import Settings
from benchmarks import tunedesk_server
from benchmarks.measuring import Goal, Sample, cpu_during, tell
from benchmarks.mlflow_server import Served

ASKED = 20  # requests a round: CPU is counted in ticks of 10 ms
MOST_MS = 100
BATCH = 10_000
NEEDLE = "the one with the needle"


def lines(rows: int) -> Iterator[bytes]:
    """Yield chats, distinct, a batch at a time; the last but one holds the needle."""
    for first in range(1, rows + 1, BATCH):
        made = []
        for n in range(first, min(first + BATCH, rows + 1)):
            asked = NEEDLE if n == rows - 1 else f"Where is parcel {n}? It was sent on Monday."
            turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": f"On its way, {n}."}]
            made.append(json.dumps({"messages": turns}) + "\n")
        yield "".join(made).encode()


def upload(folder: Path, *sizes: int) -> list[str]:
    """Bring files of so many rows; return their ids."""
    app = create_app(Settings(data_dir=folder, runtimes_dir=folder / "runtimes", runtime_autoinstall=False))
    made = []
    for rows in sizes:
        with app.state.scopes.open(OWNER) as scope:
            made.append(datasets.upload(scope, name=f"{rows}", filename="rows.jsonl", chunks=lines(rows)).id)
    return made


def main() -> int:
    """Measure; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    wanted = parser.parse_args()
    pages, searches = [], []
    with tempfile.TemporaryDirectory(prefix="tunedesk-rows-") as made:
        identifier, small = upload(Path(made), wanted.rows, BATCH)
        with tunedesk_server.serving(Path(made)) as server:
            here = f"/api/v1/datasets/{identifier}"
            while json.loads(server.ask("GET", here))["status"] == "validating":
                time.sleep(1)
            page = f"/datasets/{identifier}?tab=rows&from={wanted.rows - 10}"
            search = f"{here}/rows?contains={NEEDLE.replace(' ', '+')}"
            server.ask("GET", f"/datasets/{small}?tab=rows")  # libraries are imported, templates compiled
            first = Sample(
                "first page of them", [cpu_during(server.pid, lambda: server.ask("GET", page)) * 1000], "CPU ms"
            )
            for _ in range(wanted.rounds):
                spent = cpu_during(server.pid, lambda: [server.ask("GET", page) for _ in range(ASKED)])
                pages.append(spent / ASKED * 1000)
                searches.append(cpu_during(server.pid, lambda: found(server, search)) * 1000)
    later = Sample(f"page of rows at line {wanted.rows - 10:,}", pages, "CPU ms")
    return tell(
        [first, later, Sample("search through all rows", searches, "CPU ms")],
        [Goal(first, at_most=MOST_MS), Goal(later, at_most=MOST_MS)],
    )


def found(server: Served, address: str) -> None:
    """Search to the end.

    Raises:
        AssertionError: when the needle is not found exactly once.
    """
    rows, following = 0, address
    while following:
        answer = json.loads(server.ask("GET", following))
        rows += len(answer["items"])
        following = f"{address}&cursor={answer['next']}" if answer["next"] else ""
    if rows != 1:
        raise AssertionError(f"the needle was found {rows} times")


if __name__ == "__main__":
    sys.exit(main())
