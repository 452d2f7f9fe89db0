"""A campaign of deaths: a real server that is killed at random instants, a provider that loses answers, and the
provider's own book to judge by afterwards.
"""

import json
import os
import random
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from app.backends.rehearsal import Entry, Ledger
from app.domain.connections import REHEARSAL_ID
from tests.support.rehearsed import ROOT, rows_file

SERVE = "from app.main import serve; from app.settings import Settings; serve(Settings())"
_PATIENCE_S = 60.0
GRACE_S = 2.0
_STILLBORN = 0.2  # the share of servers that are killed while they start
# A bad day at the provider: one submit in three goes wrong, one look in ten.
BAD_DAY: Mapping[str, Any] = {
    "queue_s": 0.1,
    "train_s": 0.6,
    "spread": 0.5,
    "steps": 9,
    "look_s": 0.3,
    "acceptance_grace_s": GRACE_S,
    "latency_s": 0.03,
    "repeats_doubles": True,
    "faults": [
        {"call": "submit", "kind": "lost_answer", "times": None, "share": 0.1},
        {"call": "submit", "kind": "late_acceptance", "times": None, "share": 0.1, "seconds": 1.0},
        {"call": "submit", "kind": "outcome_unknown", "times": None, "share": 0.06},
        {"call": "submit", "kind": "unavailable", "times": None, "share": 0.06},
        {"call": "submit", "kind": "rate_limited", "times": None, "share": 0.06, "seconds": 1.0},
        {"call": "find", "kind": "unavailable", "times": None, "share": 0.1},
        {"call": "observe", "kind": "unavailable", "times": None, "share": 0.04},
        {"call": "observe", "kind": "backwards", "times": None, "share": 0.06},
        {"call": "train", "kind": "interrupted", "times": 1, "share": 0.1},
    ],
}


@dataclass(kw_only=True)
class Verdict:
    """What the provider's book and TuneDesk's own record say about the jobs that were acknowledged."""

    jobs: int
    kills: int
    lost: list[str] = field(default_factory=list)  # acknowledged, but not succeeded in the end, or never accepted
    doubled: list[str] = field(default_factory=list)  # accepted more than once
    strange: list[str] = field(default_factory=list)  # accepted, but TuneDesk does not know them
    refused: int = 0  # submits that the provider refused or left unanswered
    most_at_once: int = 0


class Server:
    """A TuneDesk process on a data folder and a port of its own."""

    def __init__(self, folder: Path, script: Mapping[str, Any]) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        (folder / "script.json").write_text(json.dumps(script), encoding="utf-8")
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "TUNEDESK_DATA_DIR": str(folder / "data"),
            "TUNEDESK_DISK_RESERVE_MB": "0",
            "TUNEDESK_ENGINE_INTERVAL_S": "0.3",
            "TUNEDESK_LOG_LEVEL": "warning",
            "TUNEDESK_PORT": str(self.port),
            "TUNEDESK_REHEARSAL": "true",
            "TUNEDESK_REHEARSAL_DIR": str(folder / "provider"),
            "TUNEDESK_REHEARSAL_SCRIPT": str(folder / "script.json"),
            "TUNEDESK_RUNTIMES_DIR": str(folder / "runtimes"),
            "TUNEDESK_RUNTIME_AUTOINSTALL": "false",
        }
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with (self.folder / "server.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-c", SERVE], env=self.environment, cwd=self.folder, stdout=log, stderr=log
            )

    def kill(self) -> None:
        """End the process as a power cut would, and start the next one."""
        self.process.kill()
        self.process.wait()
        self.process = self._start()

    def comes_up(self, client: httpx.Client) -> None:
        """Wait until the server answers.

        Raises:
            AssertionError: it ended by itself, or never answers; its log is told.
        """
        for _ in range(int(_PATIENCE_S / 0.05)):
            try:
                client.get(f"http://127.0.0.1:{self.port}/healthz")
            except httpx.TransportError:
                self.stands(0.05)
            else:
                return
        raise AssertionError(f"the server never answers:\n{self._log()}")

    def _log(self) -> str:
        return (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")[-3000:]

    def stands(self, seconds: float) -> None:
        """Let that much time go by while the server runs.

        Raises:
            AssertionError: it ended by itself; its log is told.
        """
        try:
            code = self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return
        raise AssertionError(f"the server ended by itself with {code}:\n{self._log()}")

    def ask(self, client: httpx.Client, method: str, path: str, **more: Any) -> Any:  # noqa: ANN401 -- JSON
        """Ask until there is an answer, over as many deaths as there are."""
        for _ in range(int(_PATIENCE_S / 0.05)):
            try:
                answer = client.request(method, f"http://127.0.0.1:{self.port}/api/v1{path}", **more)
            except httpx.TransportError:
                threading.Event().wait(0.05)
                continue
            assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
            return answer.json()
        raise AssertionError(f"no answer to {method} {path} within {_PATIENCE_S} s")


@contextmanager
def running(folder: Path, script: Mapping[str, Any]) -> Iterator[Server]:
    """Give a server; it is ended for good when the block ends."""
    server = Server(folder, script)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()


def run(folder: Path, *, seed: int, jobs: int, kills: int, longest_life_s: float = 2.0) -> Verdict:
    """Post `jobs` jobs while the server is killed `kills` times, let the last one finish, and judge."""
    chance = random.Random(seed)
    acknowledged: dict[str, str] = {}
    with running(folder, {**BAD_DAY, "seed": seed}) as server, httpx.Client(timeout=20) as client:
        wish = _ready(server, client)
        poster = threading.Thread(target=_post, args=(server, wish, jobs, acknowledged), name="poster")
        poster.start()
        for _ in range(kills):
            if chance.random() < _STILLBORN:
                server.stands(chance.uniform(0.0, 1.0))
            else:
                server.comes_up(client)
                server.stands(chance.uniform(0.0, longest_life_s))
            server.kill()
        poster.join()
        assert len(acknowledged) == jobs
        _finish(server, client, jobs)
        known = _records(server, client)
    return judge(Ledger(folder / "provider" / "ledger.jsonl").entries(), known, set(acknowledged.values()), kills)


def _ready(server: Server, client: httpx.Client) -> dict[str, Any]:
    """Make a project and a dataset; return a job's fields."""
    project = server.ask(client, "POST", "/projects", json={"name": "Campaign"})
    where = {"name": "rows", "filename": "rows.jsonl", "project": project["id"]}
    rows = server.ask(client, "PUT", "/datasets", params=where, content=rows_file(12))
    return {
        "project": project["id"],
        "connection": REHEARSAL_ID,
        "base_model": "rehearsal:small",
        "training_dataset": rows["id"],
    }


def _post(server: Server, wish: dict[str, Any], jobs: int, acknowledged: dict[str, str]) -> None:
    """Post every job under a key of its own until it is acknowledged, twice, so that repeats are tried as well."""
    with httpx.Client(timeout=20) as client:
        for number in range(jobs):
            key = f"campaign-{number:04d}"
            body = wish | {"name": f"job-{number:04d}"}
            ids = {server.ask(client, "POST", "/jobs", json=body, headers={"Idempotency-Key": key})["id"] for _ in "ab"}
            assert len(ids) == 1, f"two jobs under one key: {ids}"
            acknowledged[key] = ids.pop()


def _finish(server: Server, client: httpx.Client, jobs: int) -> None:
    """Wait until no job is open any more, or nothing has moved for a long time."""
    last, quiet = -1, 0
    while last < jobs and quiet < _PATIENCE_S / 0.3:
        server.stands(0.3)
        ended = sum(record["status"] == "succeeded" for record in _records(server, client).values())
        quiet = quiet + 1 if ended == last else 0
        last = ended


def _records(server: Server, client: httpx.Client) -> dict[str, dict[str, Any]]:
    """Return every job that TuneDesk knows, by id."""
    known: dict[str, dict[str, Any]] = {}
    cursor: str | None = None
    while True:
        asked: dict[str, Any] = {"limit": 200} | ({"cursor": cursor} if cursor else {})
        page = server.ask(client, "GET", "/jobs", params=asked)
        known |= {job["id"]: job for job in page["items"]}
        cursor = page.get("next")
        if not cursor:
            return known


def judge(book: list[Entry], known: Mapping[str, Mapping[str, Any]], acknowledged: set[str], kills: int) -> Verdict:
    """Compare the provider's book with TuneDesk's record."""
    accepted = Counter(entry.tag for entry in book if entry.call == "submit" and entry.id is not None)
    verdict = Verdict(jobs=len(acknowledged), kills=kills)
    verdict.lost = sorted(
        job for job in acknowledged if not accepted[job] or known.get(job, {}).get("status") != "succeeded"
    )
    verdict.doubled = sorted(tag for tag, count in accepted.items() if count > 1)
    verdict.strange = sorted(accepted.keys() - known.keys())
    verdict.refused = sum(entry.call == "submit" and entry.fault is not None for entry in book)
    verdict.most_at_once = most_at_once(book)
    return verdict


def most_at_once(book: list[Entry]) -> int:
    """Return how many trainings ran at the same time at most, interruptions counted as running."""
    moments: list[tuple[float, int]] = []
    for entry in book:
        if entry.call == "submit" and entry.id is not None:
            begins = entry.data["accepted_at"]
            moments += [(begins, 1), (begins + entry.data["queue_s"] + entry.data["train_s"], -1)]
    now = most = 0
    for _, change in sorted(moments):
        now += change
        most = max(most, now)
    return most
