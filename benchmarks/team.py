"""A team at work with accounts: pages, open streams and jobs over a hundred thousand recorded ones, for minutes on end.

Each person opens a page every 3 to 8 seconds, has the stream of a job open, and submits a job a minute, which the
rehearsal trains. What pages take is told beside an answer with nothing in it (`/healthz/live`), asked once a second
meanwhile: the machine's own share. Whoever asks runs at niceness 5, the server at none.

    python3 -m benchmarks.team [--minutes 30] [--people 30] [--jobs 100000]
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from uuid import uuid4

from app.demo import server
from app.settings import ROOT
from benchmarks.crowd import crowded
from benchmarks.measuring import Goal, Sample, cpu_of, rss_of, tell
from benchmarks.staff import staffed

MOST_PERCENT, MOST_MB_AN_HOUR = 40, 1
_SETTLED_MIN = 10  # memory is looked at from then on, or from a third of a shorter run
_LOOK_EVERY_S = 5
_NICENESS = 5
_ROWS = ROOT / "app" / "samples" / "praise_or_complaint" / "train.jsonl"
_SCRIPT = {"queue_s": 0.2, "train_s": 2.0, "evaluate_s": 0.2, "look_s": 1.0}  # four at once: no line grows behind them
_SETTINGS = {"runtime_autoinstall": "false", "disk_reserve_mb": "0", "log_level": "warning", "rehearsal": "true"}
_PAGES = ("/", "/jobs", "/jobs?status=succeeded", "/datasets", "/models", "/deployments", "/playground", "/account")
_PROJECT = "prj_1"


@dataclass
class Kept:
    """What everybody met: seconds a page, seconds an empty answer, and what went wrong."""

    pages: list[float] = field(default_factory=list)
    empty: list[float] = field(default_factory=list)
    streamed: int = 0
    jobs: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass
class Line:
    """One kept connection of somebody, who is known by a cookie."""

    port: int
    cookie: str
    _open: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    def head(self, method: str, path: str, more: Mapping[str, str], length: int) -> bytes:
        """Return a request up to its body."""
        address = f"127.0.0.1:{self.port}"
        headers = {"Host": address, "Origin": f"http://{address}", "Cookie": self.cookie, **more}
        if length:
            headers["Content-Length"] = str(length)
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items() if value)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    async def ask(self, method: str, path: str, body: bytes = b"", **more: str) -> tuple[int, bytes]:
        """Return the status and the body of an answer; asked once more where the kept connection was closed."""
        for fresh in (False, True):
            if self._open is None or fresh:
                self._open = await asyncio.open_connection("127.0.0.1", self.port)
            reader, writer = self._open
            try:
                named = {name.replace("_", "-"): value for name, value in more.items()}
                writer.write(self.head(method, path, named, len(body)) + body)
                return await _answer(reader)
            except (ConnectionError, asyncio.IncompleteReadError):
                if fresh:
                    raise
        raise ConnectionError(path)


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:] if b": " in line)
    length = int(fields.get(b"content-length", b"0"))
    return int(head[9:12]), await reader.readexactly(length) if length else b""


@dataclass
class Member:
    """Somebody at work until cancelled."""

    port: int
    cookie: str
    job: Mapping[str, object]
    kept: Kept
    chance: random.Random
    latest: str = ""

    async def read_pages(self) -> None:
        """Open pages, the own job's among them."""
        line = Line(self.port, self.cookie)
        while True:
            await asyncio.sleep(self.chance.uniform(3, 8))
            own = [f"/jobs/{self.latest}"] if self.latest else []
            path, began = self.chance.choice([*_PAGES, *own, *own]), time.monotonic()
            await self._noted(line, "GET", path)
            self.kept.pages.append(time.monotonic() - began)

    async def submit(self) -> None:
        """Submit a job a minute."""
        line = Line(self.port, self.cookie)
        await asyncio.sleep(self.chance.uniform(0, 60))
        for number in count():
            body = json.dumps({**self.job, "name": f"team-{self.chance.randrange(10**6)}-{number}"}).encode()
            key, kind = str(uuid4()), "application/json"
            answer = await self._noted(line, "POST", "/api/v1/jobs", body, Idempotency_Key=key, Content_Type=kind)
            if answer:
                self.latest = str(json.loads(answer)["id"])
                self.kept.jobs += 1
            await asyncio.sleep(60)

    async def watch(self) -> None:
        """Have a stream open: of the latest job, and of the next one once that has ended."""
        while True:
            watched = self.latest
            if watched:
                await self._stream(f"/jobs/{watched}/live")
            while self.latest == watched:  # noqa: ASYNC110 -- set by a task beside this one, once a minute
                await asyncio.sleep(0.5)

    async def _stream(self, path: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(Line(self.port, self.cookie).head("GET", path, {}, 0))
        try:
            status = int((await reader.readuntil(b"\r\n\r\n"))[9:12])
            if status >= 400:
                self.kept.wrong.append(f"{path}: {status}")
            while piece := await reader.read(1 << 16):
                self.kept.streamed += piece.count(b"\nevent:") + piece.startswith(b"event:")
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            self.kept.wrong.append(f"{path}: {error}")
        finally:
            writer.close()

    async def _noted(self, line: Line, method: str, path: str, body: bytes = b"", **more: str) -> bytes:
        try:
            status, answer = await line.ask(method, path, body, **more)
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            self.kept.wrong.append(f"{method} {path}: {error}")
            return b""
        if status >= 400:
            self.kept.wrong.append(f"{method} {path}: {status} {answer[:200]!r}")
            return b""
        return answer


async def _ask_nothing(port: int, kept: Kept) -> None:
    line = Line(port, "")
    while True:
        began = time.monotonic()
        await line.ask("GET", "/healthz/live")
        kept.empty.append(time.monotonic() - began)
        await asyncio.sleep(1)


async def days_work(pid: int, members: list[Member], minutes: float) -> tuple[list[float], list[tuple[float, float]]]:
    """Let everybody work so long, told by minute; return the share of a core by minute in %, and seconds with MB."""
    tasks = [asyncio.create_task(act()) for one in members for act in (one.read_pages, one.submit, one.watch)]
    tasks.append(asyncio.create_task(_ask_nothing(members[0].port, members[0].kept)))
    began, shares, sizes = time.monotonic(), [], []
    minute, spent, shown = began, cpu_of(pid), 0
    while (now := time.monotonic()) - began < minutes * 60:
        sizes.append((now - began, rss_of(pid) / 1e6))
        if now - minute >= 60:
            fresh = cpu_of(pid)
            shares.append((fresh - spent) / (now - minute) * 100)
            minute, spent = now, fresh
            wrong = members[0].kept.wrong
            for each in wrong[shown:]:
                print("wrong:", each)
            shown = len(wrong)
            print(f"minute {len(shares)}: {shares[-1]:.1f} % of a core, {sizes[-1][1]:.1f} MB", flush=True)
        await asyncio.sleep(_LOOK_EVERY_S)
    ended = [task.exception() for task in tasks if task.done()]
    members[0].kept.wrong += [repr(each) for each in ended]
    for task in tasks:
        task.cancel()
    return shares, sizes


def slope_mb_an_hour(sizes: list[tuple[float, float]], minutes: float) -> float:
    """Return how fast memory grows once it has settled: the line of least squares."""
    after = min(_SETTLED_MIN, minutes / 3) * 60
    late = [(at / 3600, size) for at, size in sizes if at >= after]
    return statistics.linear_regression([at for at, _ in late], [size for _, size in late]).slope


def p99(seconds: list[float]) -> float:
    """Return what one in a hundred takes longer than, in milliseconds."""
    return statistics.quantiles(seconds, n=100)[98] * 1000


async def _job(port: int, cookie: str) -> dict[str, object]:
    """Return the body of everybody's jobs, over rows that are brought for it."""
    line = Line(port, cookie)
    query = f"name=rows&filename=rows.jsonl&project={_PROJECT}"
    made = json.loads((await line.ask("PUT", f"/api/v1/datasets?{query}", _ROWS.read_bytes()))[1])
    return {
        "project": _PROJECT,
        "connection": "con_rehearsal",
        "base_model": "rehearsal:small",
        "training_dataset": made["id"],
        "validation": {"kind": "split", "ratio": 0.2, "seed": 7},
    }


def main() -> int:
    """Measure; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--people", type=int, default=30)
    parser.add_argument("--jobs", type=int, default=100_000)
    asked = parser.parse_args()
    kept = Kept()
    with tempfile.TemporaryDirectory(prefix="tunedesk-team-") as made:
        folder, script = Path(made) / "data", Path(made) / "script.json"
        folder.mkdir()
        script.write_text(json.dumps(_SCRIPT), encoding="utf-8")
        crowded(folder, asked.jobs)
        cookies = staffed(folder, _PROJECT, asked.people)
        with server.serving(folder, {**_SETTINGS, "rehearsal_script": str(script)}) as served:
            os.nice(_NICENESS)
            port = int(served.url.rpartition(":")[2])
            job = asyncio.run(_job(port, cookies[0]))
            members = [Member(port, each, job, kept, random.Random(number)) for number, each in enumerate(cookies)]
            shares, sizes = asyncio.run(days_work(served.process.pid, members, asked.minutes))
    cpu = Sample(f"{asked.people} people, by minute", shares, "% of a core")
    slope = Sample("memory, once settled", [slope_mb_an_hour(sizes, asked.minutes)], "MB an hour")
    errors = Sample("errors", [len(kept.wrong)], "")
    median = Sample("a page, median", [statistics.median(kept.pages) * 1000], "ms")
    counted = [
        Sample(name, [number], "") for name, number in (
            ("pages", len(kept.pages)), ("jobs", kept.jobs), ("messages of streams", kept.streamed),
        )
    ]  # fmt: skip
    pages, empty = (
        Sample("a page, p99", [p99(kept.pages)], "ms"),
        Sample("an empty answer, p99", [p99(kept.empty)], "ms"),
    )
    memory = Sample("resident memory", [size for _, size in sizes], "MB")
    samples = [cpu, memory, slope, errors, median, pages, empty, *counted]
    goals = [Goal(cpu, at_most=MOST_PERCENT), Goal(slope, at_most=MOST_MB_AN_HOUR), Goal(errors, at_most=0)]
    return tell(samples, goals)


if __name__ == "__main__":
    sys.exit(main())
