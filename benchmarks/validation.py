"""Validation against the usual cookbook script: CPU seconds and peak memory, as ratios from one run.

The baseline is the well-known data check of OpenAI's cookbook ("Data preparation and analysis for chat model
fine-tuning"): the whole file into a list with json.loads, then counts of nine kinds of errors, without line numbers.
Beside every rule, the cookbook's alone are measured: `rules.COOKBOOK`, a set that a check is asked for, as an edit
asks for those that it mends. Every row is another one, every 2,000th has a fault of one of five kinds, and each must
be found at its line. What is imported (numpy among it, which a server imports once) is neither side's.

    python3 -m benchmarks.validation [--mb 100] [--rounds 3]
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from app.data import rules
from app.data.rules import Rule
from app.data.validation import validate
from benchmarks.measuring import Goal, Sample, ratios, tell

ROLES = {"system", "user", "assistant", "function"}
KEYS = {"role", "content", "name", "function_call", "weight"}
WORDS = ["order", "invoice", "parcel", "password", "charger", "account", "please", "thanks", "cannot", "where", "café"]


def write_rows(path: Path, megabytes: int, words: Sequence[str] = WORDS) -> list[int]:
    """Write chat rows of 0.3 to 4 kB, every 2,000th of them wrong; return the lines of the wrong ones."""
    chance, wrong, number = random.Random(1), list[int](), 0
    with path.open("w", encoding="utf-8") as file:
        while file.tell() < megabytes * 1_000_000:
            number += 1
            turns = [("system", 12)] + [
                ("user", chance.randint(8, 60)),
                ("assistant", chance.randint(8, 120)),
            ] * chance.randint(1, 4)
            messages = [
                {"role": role, "content": " ".join(chance.choices(words, k=length)) + "."} for role, length in turns
            ]
            messages[-1]["content"] += f' "{number}"'
            row: dict[str, Any] = {"messages": messages}
            if number % 10 == 0:
                row["metadata"] = {"source": f"s{number % 7}"}
            if number % 2000 == 0:
                wrong.append(number)
                FAULTS[len(wrong) % len(FAULTS)](row)
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return wrong


FAULTS: tuple[Callable[[dict[str, Any]], object], ...] = (
    lambda row: row["messages"][0].update(role="robot"),
    lambda row: row["messages"][1].pop("content"),
    lambda row: row["messages"][-1].update(content=7),
    lambda row: row["messages"][1].update(contents="x"),
    lambda row: row.update(messages=row["messages"][:2]),
)


def cookbook(path: Path) -> int:
    """Check as the cookbook does; return the number of errors."""
    with path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    errors: Counter[str] = Counter()
    for row in rows:
        if not isinstance(row, dict):
            errors["data_type"] += 1
            continue
        messages = row.get("messages")
        if not messages:
            errors["missing_messages_list"] += 1
            continue
        for message in messages:
            errors["message_missing_key"] += "role" not in message or "content" not in message
            errors["message_unrecognized_key"] += any(key not in KEYS for key in message)
            errors["unrecognized_role"] += message.get("role") not in ROLES
            content = message.get("content")
            errors["missing_content"] += (not content and not message.get("function_call")) or not isinstance(
                content, str
            )
        errors["example_missing_assistant_message"] += not any(
            message.get("role") == "assistant" for message in messages
        )
    return errors.total()


def cookbook_and_figures(path: Path) -> int:
    """Check as the cookbook does, then find equal rows, lengths and the file's hash, which a report here holds too."""
    seen: set[str] = set()
    lengths = []
    with path.open(encoding="utf-8") as file:
        for line in file:
            messages = json.loads(line)["messages"]
            seen.add(json.dumps(messages))
            lengths.append(sum(len(str(message.get("content"))) for message in messages))
    sha256(path.read_bytes())
    return cookbook(path)


def ours(path: Path, wanted: Collection[Rule], sha256: str = "") -> list[int]:
    """Check by these rules; return the lines with findings."""
    report = validate(path, sha256=sha256, wanted=wanted)
    return sorted({each.line for each in report.findings if each.line})


COOKBOOK, FIGURES = "cookbook", "cookbook and figures"
ALL, RULES, KNOWN = "everything", "all rules but duplicates", "all rules but duplicates, hash known"
SAME = "the cookbook's rules, hash known"
NO_DUPLICATES = rules.ALL - {rules.DUPLICATE, rules.DUPLICATES_UNCHECKED}
HASH = "0" * 64  # as after an upload, which has counted it: the check of a server counts none
OURS: dict[str, Callable[[Path], object]] = {
    ALL: lambda path: ours(path, rules.ALL),
    RULES: lambda path: ours(path, NO_DUPLICATES),
    KNOWN: lambda path: ours(path, NO_DUPLICATES, HASH),
    SAME: lambda path: ours(path, rules.COOKBOOK, HASH),
}
CANDIDATES: dict[str, Callable[[Path], object]] = {COOKBOOK: cookbook, FIGURES: cookbook_and_figures, **OURS}


def run(name: str, path: Path) -> None:
    """Run one candidate, and print CPU seconds, MB of peak memory beyond what was imported, and what it found."""
    np.zeros(1)
    before, base = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = CANDIDATES[name](path)
    used = time.process_time() - before
    print(json.dumps([used, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) / 1024, found]))


def measure(name: str, path: Path) -> tuple[float, float, object]:
    """Run one candidate in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.validation", "--run", name, "--file", str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    cpu, memory, found = json.loads(done.stdout)
    return cpu, memory, found


def main() -> int:
    """Measure in turns, and print; 1 where a goal is missed or a fault was not found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--run", choices=list(CANDIDATES), help="be the process of one candidate")
    parser.add_argument("--file", type=Path, help="for --run")
    args = parser.parse_args()
    if args.run:
        run(args.run, args.file)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        wrong = write_rows(path, args.mb)
        rounds = [{name: measure(name, path) for name in CANDIDATES} for _ in range(args.rounds)]
    print(f"{args.mb} MB, {len(wrong)} rows wrong")
    cpu = {name: Sample(name, [each[name][0] for each in rounds], "s CPU") for name in CANDIDATES}
    memory = {name: Sample(f"memory: {name}", [each[name][1] for each in rounds], "MB") for name in CANDIDATES}
    unfound = [name for name in OURS for each in rounds if each[name][2] != wrong]
    if unfound:
        print(f"MISSED faults at their lines: {unfound}")
    times = {name: ratios(cpu[COOKBOOK], cpu[name]) for name in OURS}
    goals = [Goal(times[SAME], at_least=4), Goal(times[RULES], at_least=2.5)]
    goals += [Goal(memory[name], at_most=64) for name in OURS]
    return tell([*cpu.values(), *memory.values(), *times.values()], goals) or bool(unfound)


if __name__ == "__main__":
    sys.exit(main())
