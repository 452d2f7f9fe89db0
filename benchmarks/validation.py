"""Validation against the usual cookbook script: CPU seconds and peak memory, as ratios from one run.

The baseline is the well-known data check of OpenAI's cookbook ("Data preparation and analysis for chat model
fine-tuning"): the whole file into a list with json.loads, then counts of nine kinds of errors, without line numbers.

    python3 -m benchmarks.validation [--mb 50] [--rounds 3]
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from app.data.validation import validate

ROLES = {"system", "user", "assistant", "function"}
KEYS = {"role", "content", "name", "function_call", "weight"}
WORDS = ["order", "invoice", "parcel", "password", "charger", "account", "please", "thanks", "cannot", "where", "café"]


def write_rows(path: Path, megabytes: int) -> int:
    """Write chat rows of 0.3 to 4 kB, every 2,000th of them wrong; return the number of wrong rows."""
    chance, wrong, number = random.Random(1), 0, 0
    with path.open("w", encoding="utf-8") as file:
        while file.tell() < megabytes * 1_000_000:
            number += 1
            turns = [("system", 12)] + [
                ("user", chance.randint(8, 60)),
                ("assistant", chance.randint(8, 120)),
            ] * chance.randint(1, 4)
            messages = [
                {"role": role, "content": " ".join(chance.choices(WORDS, k=words)) + "."} for role, words in turns
            ]
            messages[-1]["content"] += f' "{number}"'
            row: dict[str, Any] = {"messages": messages}
            if number % 10 == 0:
                row["metadata"] = {"source": f"s{number % 7}"}
            if number % 2000 == 0:
                messages[0]["role"], wrong = "robot", wrong + 1
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return wrong


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
            lengths.append(sum(len(message["content"]) for message in messages))
    sha256(path.read_bytes())
    return cookbook(path)


CANDIDATES: dict[str, Callable[[Path], int]] = {
    "cookbook": cookbook,
    "cookbook and figures": cookbook_and_figures,
    "tunedesk": lambda path: validate(path).errors,
}


def run(name: str, path: Path) -> None:
    """Run one candidate, and print CPU seconds, MB of peak memory and errors found."""
    before = os.times()
    errors = CANDIDATES[name](path)
    after = os.times()
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.user + after.system - before.user - before.system
    print(json.dumps({"cpu": cpu, "mb": used.ru_maxrss / 1024, "errors": errors}))


def measure(name: str, path: Path) -> dict[str, float]:
    """Run one candidate in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.validation", "--run", name, "--file", str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def report(megabytes: int, wrong: int, rounds: list[dict[str, dict[str, float]]]) -> None:
    """Print the medians and their ratios."""
    print(f"{megabytes} MB, {wrong} rows wrong, median of {len(rounds)} interleaved rounds, process CPU time")
    medians = {}
    for name in CANDIDATES:
        one = sorted((results[name] for results in rounds), key=lambda result: result["cpu"])[len(rounds) // 2]
        medians[name] = one
        speed = megabytes / one["cpu"]
        print(f"  {name:20} {one['cpu']:6.2f} s {speed:6.0f} MB/s {one['mb']:6.0f} MB peak  {one['errors']:.0f} errors")
    ours = medians.pop("tunedesk")
    for name, one in medians.items():
        cpu, memory = one["cpu"] / ours["cpu"], one["mb"] / ours["mb"]
        print(f"  {name}: {cpu:.1f} times the CPU time, {memory:.1f} times the memory of tunedesk")


def main() -> None:
    """Measure in turns, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--run", choices=list(CANDIDATES), help="be the process of one candidate")
    parser.add_argument("--file", type=Path, help="for --run")
    args = parser.parse_args()
    if args.run:
        run(args.run, args.file)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        wrong = write_rows(path, args.mb)
        rounds = [{name: measure(name, path) for name in CANDIDATES} for _ in range(args.rounds)]
    report(args.mb, wrong, rounds)


if __name__ == "__main__":
    main()
