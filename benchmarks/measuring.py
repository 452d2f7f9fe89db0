"""What every benchmark needs: CPU of processes, medians with their spread, the machine in words, and a verdict."""

import ctypes
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it brings no types of its own


def cpu_of(pid: int) -> float:
    """Return the CPU seconds, user and system, of a process and all its living children."""
    root = psutil.Process(pid)
    total = 0.0
    for process in (root, *root.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def exact_cpu_of(pid: int) -> float:
    """Return the CPU seconds of one process, in nanoseconds exact where `cpu_of` counts ticks of 10 ms.

    Raises:
        OSError: there is no such process.
    """
    libc, clock = ctypes.CDLL(None), ctypes.c_int()
    if code := libc.clock_getcpuclockid(pid, ctypes.byref(clock)):  # clock_getcpuclockid(3)
        raise OSError(code, f"the CPU clock of process {pid}")
    return time.clock_gettime(clock.value)


def rss_of(pid: int) -> int:
    """Return the resident bytes of a process and its children."""
    root = psutil.Process(pid)
    return sum(int(process.memory_info().rss) for process in (root, *root.children(recursive=True)))


def cpu_during(pid: int, act: Callable[[], object]) -> float:
    """Return the CPU seconds that a process spends while `act` runs."""
    before = cpu_of(pid)
    act()
    return cpu_of(pid) - before


def own_cpu(act: Callable[[], object]) -> float:
    """Return the CPU seconds that this process spends on `act`."""
    before = time.process_time()
    act()
    return time.process_time() - before


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured thing: its rounds' values."""

    name: str
    values: Sequence[float]
    unit: str

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    def __str__(self) -> str:
        low, high = min(self.values), max(self.values)
        spread = f"{low:.3g} to {high:.3g}"
        return f"{self.name:<52} median {self.median:>9.3g} {self.unit:<14} ({spread}, {len(self.values)} rounds)"


def ratios(many: Sample, few: Sample) -> Sample:
    """Return how many times more the first costs than the second, round by round."""
    pairs = zip(many.values, few.values, strict=True)
    return Sample(f"{many.name} / {few.name}", [left / right for left, right in pairs if right > 0], "times")


@dataclass(frozen=True, slots=True)
class Goal:
    """A limit that a median must keep."""

    sample: Sample
    at_least: float | None = None
    at_most: float | None = None

    @property
    def met(self) -> bool:
        """Whether it does."""
        value = self.sample.median
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)

    def __str__(self) -> str:
        limit = f"at least {self.at_least:g}" if self.at_least is not None else f"at most {self.at_most:g}"
        said = f"{self.sample.name}: {self.sample.median:.3g} {self.sample.unit}, wanted {limit}"
        return f"{'met   ' if self.met else 'MISSED'} {said}"


def machine() -> str:
    """Return the machine in words, and how busy it is: a figure means little without that."""
    cores, load = os.cpu_count() or 1, os.getloadavg()[0]
    memory = psutil.virtual_memory().total / 1e9
    model = platform.processor() or platform.machine()
    if (info := Path("/proc/cpuinfo")).is_file():
        names = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    return f"{cores} cores ({model}), {memory:.0f} GB, Python {platform.python_version()}, load {load:.1f}"


def tell(samples: Sequence[Sample], goals: Sequence[Goal], keep: Path | None = None) -> int:
    """Print everything; return the exit code: 1 where a goal is missed."""
    print(machine())
    for sample in samples:
        print(sample)
    for goal in goals:
        print(goal)
    if keep is not None:
        kept = {sample.name: {"unit": sample.unit, "values": list(sample.values)} for sample in samples}
        keep.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    return 0 if all(goal.met for goal in goals) else 1
