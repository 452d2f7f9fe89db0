"""A thousand people watch one training that tells something new once a second: CPU of the server, in shares of a core.

The baseline is each connection's own timer and query, in the same server, one window after the other; it is measured
with fewer viewers (a thousand of them need more than a core) and stands as cost a viewer.

    python3 -m benchmarks.live_viewers [--viewers 1000] [--alone 50] [--seconds 10] [--rounds 3]
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from app.domain.metrics import TRAIN_LOSS, Metric
from app.settings import ROOT
from app.store import metrics, schema
from app.store.database import Database
from benchmarks.crowd import crowded
from benchmarks.measuring import Goal, Sample, cpu_of, rss_of, tell
from benchmarks.mlflow_server import free_port

MOST_PERCENT = 5
_SETTLE_S = 4
_PATIENCE_S = 120


@dataclass
class Crowd:
    """Open connections, and what they got."""

    port: int
    path: str
    events: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    readers: list[asyncio.Task[None]] = field(default_factory=list)

    async def open(self, count: int) -> None:
        """Connect so many viewers, a few at a time."""
        for number in range(count):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(f"GET {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n\r\n".encode())
            self.writers.append(writer)
            self.readers.append(asyncio.create_task(self._read(reader)))
            if number % 20 == 0:
                await asyncio.sleep(0.02)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while piece := await reader.read(1 << 18):
            self.events += piece.count(b"event: metric")

    def close(self) -> None:
        """Hang up."""
        for task in self.readers:
            task.cancel()
        for writer in self.writers:
            writer.close()


class Training:
    """A job that is under way, as the engine would record it: one more point every second."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(f"sqlite:///{crowded(folder, 1)}")
        self.step = 0
        with self.database.writing() as tx:
            self.job = str(tx.exec_driver_sql("SELECT id FROM jobs").scalar_one())
            tx.execute(schema.jobs.update().values(status="running", ended_at=None))
        for _ in range(200):
            self.go_on()

    def go_on(self) -> None:
        """Tell one more step."""
        self.step += 1
        with self.database.writing() as tx:
            names = (TRAIN_LOSS, "learning_rate", "grad_norm", "tokens_per_second")
            metrics.add(tx, self.job, [Metric(step=self.step, name=name, value=1 / self.step) for name in names])
            tx.execute(schema.jobs.update().values(gen=schema.jobs.c.gen + 1))


async def window(
    training: Training, port: int, pid: int, path: str, viewers: int, seconds: float
) -> tuple[float, float]:
    """Return the share of a core that a window costs, and the messages a viewer got a second."""
    crowd = Crowd(port, path)
    going = asyncio.create_task(_go_on(training))
    try:
        await crowd.open(viewers)
        await asyncio.sleep(_SETTLE_S)
        crowd.events, before, began = 0, cpu_of(pid), time.monotonic()
        await asyncio.sleep(seconds)
        spent, took = cpu_of(pid) - before, time.monotonic() - began
        return spent / took * 100, crowd.events / viewers / took
    finally:
        going.cancel()
        crowd.close()
        await asyncio.sleep(1)


async def _go_on(training: Training) -> None:
    while True:
        await asyncio.to_thread(training.go_on)
        await asyncio.sleep(1)


async def measure(asked: argparse.Namespace, training: Training, port: int, pid: int) -> int:
    """Measure; returns the exit code."""
    shared, alone, rates = [], [], []
    await _until_open(port)
    for _ in range(asked.rounds):
        path = f"/jobs/{training.job}/live"
        share, rate = await window(training, port, pid, path, asked.viewers, asked.seconds)
        shared.append(share)
        rates.append(rate)
        share, _rate = await window(training, port, pid, f"/alone/{training.job}", asked.alone, asked.seconds)
        alone.append(share)
    memory = Sample("resident memory", [rss_of(pid) / 1e6], "MB")
    ours = Sample(f"{asked.viewers} viewers of one stream", shared, "% of a core")
    theirs = Sample(f"{asked.alone} viewers, each with its own timer and query", alone, "% of a core")
    each = [many / asked.alone / (one / asked.viewers) for one, many in zip(shared, alone, strict=True)]
    reported_rate = Sample("messages a viewer got a second", rates, "")
    samples = [ours, theirs, Sample("own timer and query / shared, a viewer", each, "times"), reported_rate, memory]
    return tell(samples, [Goal(ours, at_most=MOST_PERCENT), Goal(reported_rate, at_least=0.8)])


async def _until_open(port: int) -> None:
    latest = time.monotonic() + _PATIENCE_S
    while time.monotonic() < latest:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.2)
            continue
        writer.close()
        return
    sys.exit("The server does not listen.")


def main() -> int:
    """Measure; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viewers", type=int, default=1000)
    parser.add_argument("--alone", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    with tempfile.TemporaryDirectory(prefix="tunedesk-live-") as folder:
        training, port = Training(Path(folder)), free_port()
        server = subprocess.Popen([sys.executable, "-m", "benchmarks.live_server", folder, str(port)], cwd=ROOT)
        try:
            return asyncio.run(measure(parser.parse_args(), training, port, server.pid))
        finally:
            server.terminate()
            server.wait()
            training.database.close()


if __name__ == "__main__":
    sys.exit(main())
