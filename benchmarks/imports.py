"""Reading CSV and Parquet in against `datasets` with to_json: CPU seconds and peak memory, as ratios from one run.

The baseline runs in the interpreter of a runtime environment, which has `datasets`; without one only ours is measured.

    python3 -m benchmarks.imports [--mb 300] [--rounds 3] [--runtime-python PATH]
"""

import argparse
import csv
import json
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

WORDS = ["order", "invoice", "parcel", "password", "charger", "account", "please", "thanks", "cannot", "where", "café"]
OURS = """
import json, resource, sys, time
from itertools import count
from pathlib import Path
from app.data.imports.importing import Importer
from app.data.mapping import write_mapped
from app.domain.mappings import ColumnMapping, Role
folder, numbers, begun = Path(sys.argv[2]), count(), time.process_time()
made = Importer(lambda: folder / f"made-{next(numbers)}").run(Path(sys.argv[1]), sys.argv[1])
imported = time.process_time() - begun
roles = {"question": Role.USER, "answer": Role.ASSISTANT}
write_mapped(made.path, ColumnMapping(roles=roles), ["question", "answer", "team"], folder / "canonical")
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([imported, time.process_time() - begun, used.ru_maxrss / 1024]))
"""
THEIRS = """
import json, resource, sys, time
begun = time.process_time()
from datasets import load_dataset
kind = "parquet" if sys.argv[1].endswith(".parquet") else "csv"
rows = load_dataset(kind, data_files=sys.argv[1], cache_dir=sys.argv[2], split="train")
rows.to_json(sys.argv[2] + "/rows.jsonl", lines=True, force_ascii=False)
used = time.process_time() - begun
print(json.dumps([used, used, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


def write_tables(folder: Path, megabytes: int) -> list[Path]:
    """Write the same rows as CSV (of that size) and as Parquet; return both paths."""
    chance = random.Random(1)
    paths = [folder / "rows.csv", folder / "rows.parquet"]
    with paths[0].open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["question", "answer", "team"])
        table: list[list[str]] = []
        schema = pa.schema([("question", pa.string()), ("answer", pa.string()), ("team", pa.string())])
        with pq.ParquetWriter(paths[1], schema) as columns:
            while file.tell() < megabytes * 1_000_000:
                table = [
                    [
                        " ".join(chance.choices(WORDS, k=40)) + f' "{number}"?',
                        " ".join(chance.choices(WORDS, k=20)) + ", soon.\nBye.",
                        chance.choice(WORDS),
                    ]
                    for number in range(1000)
                ]
                writer.writerows(table)
                columns.write_table(pa.table(list(map(list, zip(*table, strict=True))), schema=schema))
    return paths


def measured(python: str, script: str, path: Path) -> tuple[float, float, float]:
    """Return CPU seconds to rows, to canonical rows, and the peak of memory in MB."""
    with tempfile.TemporaryDirectory() as folder:
        said = subprocess.run([python, "-c", script, str(path), folder], check=True, capture_output=True, text=True)
    rows, canonical, memory = json.loads(said.stdout.splitlines()[-1])
    return rows, canonical, memory


def main() -> None:
    """Measure both kinds of files, in turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runtime-python", default="")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for path in write_tables(Path(folder), wanted.mb):
            ours, theirs = [], []
            for _ in range(wanted.rounds):
                ours.append(measured(sys.executable, OURS, path))
                if wanted.runtime_python:
                    theirs.append(measured(wanted.runtime_python, THEIRS, path))
            rows, canonical, memory = (statistics.median(each) for each in zip(*ours, strict=True))
            print(f"{path.suffix}: rows {rows:.2f} s, canonical {canonical:.2f} s, {memory:.0f} MB")
            if theirs:
                used, _, most = (statistics.median(each) for each in zip(*theirs, strict=True))
                print(f"  datasets {used:.2f} s, {most:.0f} MB: {used / rows:.2f} x, {used / canonical:.2f} x whole")


if __name__ == "__main__":
    main()
