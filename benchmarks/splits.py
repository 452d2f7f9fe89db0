"""A split against the check of the same file: CPU seconds and peak memory, as ratios from one run.

Random, grouped by a field, and stratified by one, each with its look for leaks between the parts.

    python3 -m benchmarks.splits [--mb 300] [--rounds 3]
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from app.data.split import plan_split
from app.data.validation import validate
from app.domain.datasets import DatasetReport, DatasetStatus
from app.domain.jobs import SplitStrategy
from app.domain.splits import SplitSpec
from app.store import codec
from benchmarks.measuring import Goal, Sample, ratios, tell
from benchmarks.validation import write_rows

SYLLABLES = ["ka", "to", "ri", "ne", "lo", "sé", "mu", "an", "er", "di"]
CHECK = "check"
SPECS = {
    "random": SplitSpec(ratio=0.1, test_ratio=0.1, seed=7),
    "grouped": SplitSpec(ratio=0.1, seed=7, strategy=SplitStrategy.GROUPED, key="group"),
    "stratified": SplitSpec(ratio=0.1, seed=7, strategy=SplitStrategy.STRATIFIED, key="label"),
}


def write_sound_rows(path: Path, megabytes: int) -> None:
    """Write sound rows, each of one of two hundred groups and five labels, in words about as frequent as in prose."""
    raw = path.with_name("raw")
    chance = random.Random(2)
    words = ["".join(chance.choices(SYLLABLES, k=chance.randint(1, 4))) for _ in range(4000)]
    often = [word for number, word in enumerate(words) for _ in range(max(400 // (number + 1), 1))]
    wrong = set(write_rows(raw, megabytes, often))
    with raw.open("rb") as source, path.open("wb") as target:
        for number, line in enumerate(source, 1):
            if number not in wrong:
                more = b', "group": "g%d", "label": "l%d"}\n' % (number % 200, number % 5)
                target.write(line.rstrip(b"\n")[:-1] + more)
    raw.unlink()


def run(name: str, path: Path) -> None:
    """Check or split, and print CPU seconds and MB of peak memory beyond what was imported."""
    np.zeros(1)
    kept = path.with_suffix(".report")
    report = codec.load(DatasetReport, kept.read_text(encoding="utf-8")) if kept.is_file() else None
    before, base = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if report is None or name == CHECK:
        made = validate(path)
    else:
        plan_split(path, report, SPECS[name])
    used = time.process_time() - before
    if report is None:
        if made.status is not DatasetStatus.READY:
            raise SystemExit(f"the rows are {made.status}")
        kept.write_text(codec.dump(made), encoding="utf-8")
    print(json.dumps([used, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) / 1024]))


def measure(name: str, path: Path) -> tuple[float, float]:
    """Run one in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.splits", "--run", name, "--file", str(path)]
    cpu, memory = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return cpu, memory


def main() -> int:
    """Measure in turns, and print; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--run", choices=[CHECK, *SPECS], help="be the process of one")
    parser.add_argument("--file", type=Path, help="for --run")
    args = parser.parse_args()
    if args.run:
        run(args.run, args.file)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        write_sound_rows(path, args.mb)
        measure(CHECK, path)
        rounds = [{name: measure(name, path) for name in (CHECK, *SPECS)} for _ in range(args.rounds)]
    cpu = {name: Sample(name, [each[name][0] for each in rounds], "s CPU") for name in rounds[0]}
    memory = {name: Sample(f"memory: {name}", [each[name][1] for each in rounds], "MB") for name in SPECS}
    times = [ratios(cpu[name], cpu[CHECK]) for name in SPECS]
    goals = [Goal(each, at_most=2) for each in times] + [Goal(each, at_most=100) for each in memory.values()]
    return tell([*cpu.values(), *memory.values(), *times], goals)


if __name__ == "__main__":
    sys.exit(main())
