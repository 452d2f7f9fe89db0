"""Lives of an engine that are ended by SIGKILL: forks of a process that has imported everything before."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from app.settings import ROOT


@dataclass(kw_only=True)
class Verdict:
    """What the provider's own record and TuneDesk's say at the end."""

    jobs: int
    kills: int
    lives: int = 0
    met: Counter[str] = field(default_factory=Counter)  # faults that were met
    doubled: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)

    def expect_whole(self) -> None:
        """Hold it: nothing doubled, lost, strange or stuck, every life was ended, and the provider had a bad day."""
        sys.stdout.write(f"{self}\n")
        assert (self.doubled, self.lost, self.strange, self.stuck) == ([], [], [], [])
        assert self.lives == self.kills
        assert self.met.total() > self.jobs // 4, "the provider had a good day; this run proves nothing"


class Births:
    """A midwife's process: it forks a life whenever it is asked to, and says how each ended."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self._process = process
        self._log = log
        self.tick = threading.Event()

    def give(self) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write("live\n")
        self._process.stdin.flush()
        return int(self.read())

    @contextmanager
    def one_after_another(self) -> Iterator[None]:
        """Let there be a life for as long as the block runs."""
        over, child = threading.Event(), [self.give()]

        def follow() -> None:
            while int(self.read()) < 0 and not over.is_set():
                child[0] = self.give()

        follower = threading.Thread(target=follow, name="births")
        follower.start()
        try:
            yield
        finally:
            over.set()
            with suppress(ProcessLookupError):
                os.kill(child[0], signal.SIGKILL)
            follower.join()

    def end(self, child: int) -> None:
        """Kill a life. A fork of a process with so many native libraries may also crash by itself: a death as well.

        Raises:
            AssertionError: it had ended without a signal; its log is told.
        """
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        code = self.read()
        if int(code) >= 0:
            raise AssertionError(
                f"a life ended by itself with {code}:\n{self._log.read_text(encoding='utf-8')[-3000:]}"
            )

    def read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line, "the midwife is gone"
        return line


@contextmanager
def midwife(folder: Path, module: str, *given: str, environment: Mapping[str, str]) -> Iterator[Births]:
    """Give the births of a module that is run with a folder and what else is given; its log lies in the folder."""
    command = [sys.executable, "-W", "ignore", "-m", module, str(folder), *given]
    with (folder / "lives.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            env=dict(environment),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        births = Births(process, folder / "lives.log")
        assert births.read() == "ready"
        yield births
    finally:
        process.kill()
        process.communicate()
