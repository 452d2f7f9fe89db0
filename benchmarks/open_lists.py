"""A hundred open lists of jobs with twenty filters, while a job is submitted every second: CPU, and when they show it.

Each list does what its page does: it asks for itself with the version of what it shows, again when the answer says. The
baseline is the same window with the same jobs and nobody watching: the engine's and the submits' own share.

    python3 -m benchmarks.open_lists [--lists 100] [--filters 20] [--seconds 20] [--rounds 3]
"""

import argparse
import asyncio
import json
import re
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from app.demo import server
from app.demo.client import DemoClient
from app.settings import ROOT
from benchmarks.crowd import crowded
from benchmarks.measuring import Goal, Sample, cpu_of, tell

MOST_PERCENT, MOST_S = 25, 3
_FIRST_WITHIN_S = 1.5
_ROWS = ROOT / "app" / "samples" / "support_triage" / "train.jsonl"
# Jobs that stay under way for longer than any window: what costs are the lists, not the trainings.
_SCRIPT = {"queue_s": 3600.0}
_AGAIN = re.compile(rb"ask-again-ms: (\d+)")
_VERSION = re.compile(rb'data-version="([^"]+)"')


@dataclass
class OpenList:
    """One page of the list, asked as its script asks."""

    port: int
    address: str
    shown: dict[str, float] = field(default_factory=dict)  # a job's id, and when it was first seen
    followed: asyncio.Event = field(default_factory=asyncio.Event)  # set once it asks as an open page does

    async def watch(self, delay: float) -> None:
        """Look until cancelled."""
        await asyncio.sleep(delay)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        headers = ""  # the whole page at first
        while True:
            status, again, page = await self._ask(reader, writer, headers)
            self.followed.set() if headers else None
            found = _VERSION.search(page)
            if status == 200 and found:
                known = found[1].decode().replace("&#34;", '"')
                headers = f"HX-Request-Type: partial\r\nIf-None-Match: {known}\r\n"
                for job in re.findall(rb'id="row-(job_[0-9a-z]+)"', page):
                    self.shown.setdefault(job.decode(), time.monotonic())
            await asyncio.sleep(again)

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, headers: str
    ) -> tuple[int, float, bytes]:
        writer.write(f"GET {self.address} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n{headers}\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        page = await reader.readexactly(int(length[1])) if length else b""
        again = _AGAIN.search(head)
        return int(head[9:12]), int(again[1]) / 1000 if again else _FIRST_WITHIN_S, page


async def window(
    served: server.Server, client: DemoClient, body: dict[str, object], lists: list[OpenList], seconds: int
) -> tuple[float, dict[str, float]]:
    """Return the share of a core that a window costs in %, and when each of its jobs had been submitted."""
    watching = [asyncio.create_task(each.watch(n * _FIRST_WITHIN_S / len(lists))) for n, each in enumerate(lists)]
    for each in lists:  # a hundred whole pages are another cost than a hundred open ones
        await each.followed.wait()
    before, began, submitted = cpu_of(served.process.pid), time.monotonic(), {}
    for second in range(seconds):
        job = await asyncio.to_thread(client.post, "/jobs", {**body, "name": f"new-{time.time_ns()}"})
        submitted[str(job["id"])] = time.monotonic()
        await asyncio.sleep(max(0.0, began + second + 1 - time.monotonic()))
    share = (cpu_of(served.process.pid) - before) / (time.monotonic() - began) * 100
    await asyncio.sleep(MOST_S)
    for task in watching:
        task.cancel()
    return share, submitted


def main() -> int:
    """Measure; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lists", type=int, default=100)
    parser.add_argument("--filters", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    watched, alone, late = [], [], []
    with tempfile.TemporaryDirectory(prefix="tunedesk-lists-") as made:
        folder, script = Path(made) / "data", Path(made) / "script.json"
        folder.mkdir()
        script.write_text(json.dumps(_SCRIPT), encoding="utf-8")
        crowded(folder, 2000)
        settings = {"rehearsal": "true", "rehearsal_script": str(script), "log_level": "warning"}
        with server.serving(folder, {"runtime_autoinstall": "false", "disk_reserve_mb": "0", **settings}) as served:
            client = DemoClient(served.url)
            body = _job(client)
            port = int(served.url.rpartition(":")[2])
            for _ in range(asked.rounds):
                alone.append(asyncio.run(window(served, client, body, [], asked.seconds))[0])
                filters = ["", *(f"?q={'new-'[: 1 + n % 4]}&sort=-created_at&n={n}" for n in range(1, asked.filters))]
                lists = [OpenList(port, f"/jobs{filters[n % asked.filters]}") for n in range(asked.lists)]
                share, submitted = asyncio.run(window(served, client, body, lists, asked.seconds))
                watched.append(share)
                late += [each.shown.get(job, float("inf")) - at for each in lists for job, at in submitted.items()]
    ours = Sample(f"{asked.lists} lists with {asked.filters} filters, a new job a second", watched, "% of a core")
    slowest = Sample("a new job's first sight on the slowest list", [max(late)], "s")
    return tell(
        [ours, Sample("the same, nobody watching", alone, "% of a core"), slowest],
        [Goal(ours, at_most=MOST_PERCENT), Goal(slowest, at_most=MOST_S)],
    )


def _job(client: DemoClient) -> dict[str, object]:
    project = client.post("/projects", {"name": "Lists"})["id"]
    dataset = client.upload(_ROWS, name="rows", project=str(project))
    rehearsal = next(each["id"] for each in client.items("/connections") if each["backend"] == "rehearsal")
    validation = {"kind": "split", "ratio": 0.2, "seed": 7}
    return {
        "project": project,
        "connection": rehearsal,
        "base_model": "rehearsal:small",
        "training_dataset": dataset["id"],
        "validation": validation,
    }


if __name__ == "__main__":
    sys.exit(main())
