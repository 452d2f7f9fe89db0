"""A training under TuneDesk against a bare TRL script written apart: CPU seconds per token, in interleaved pairs.

TuneDesk's side counts the trainer's whole process, all looks at it and the recording of what they tell; the bare side
its whole process. Both start from the starter, see the same rows the same number of times on one thread, evaluate and
save at every epoch, and keep the best.

    OMP_NUM_THREADS=1 python3 -m benchmarks.training_overhead [--pairs 11]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from app.backends.local.backend import LocalBackend, Machine
from app.domain.backend import RemoteJob, TrainingRequest
from app.domain.hyperparameters import Hyperparameter
from app.domain.jobs import JobStatus
from app.kit.clock import SystemClock
from app.settings import ROOT
from app.store import metrics
from app.store.database import Database
from app.training import run_lock
from benchmarks.crowd import crowded
from benchmarks.measuring import Goal, Sample, ratios, tell

SAMPLE = ROOT / "app" / "samples" / "support_triage"
STARTER = ROOT / "app" / "samples" / "starter"
SETTINGS: dict[str, Hyperparameter] = {"n_epochs": 2, "batch_size": 16, "learning_rate": 5e-4, "max_length": 256}
MOST = 1.05


def interpreter() -> Path:
    """Return the runtime's Python: TUNEDESK_RUNTIME_PYTHON, or the one that was made in the checkout."""
    named = os.environ.get("TUNEDESK_RUNTIME_PYTHON")
    made = sorted((ROOT / ".runtimes").glob("trl-*/env/bin/python"))
    if named or made:
        return Path(named) if named else made[-1]
    sys.exit("There is no runtime environment: python3 -m app runtime install trl")


def children_s() -> float:
    """Return the CPU seconds of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def bare(folder: Path) -> float:
    """Train by the script; return CPU seconds."""
    script = ROOT / "benchmarks" / "baselines" / "bare_trl.py"
    files = [str(SAMPLE / "train.jsonl"), str(SAMPLE / "validation.jsonl")]
    command = [str(interpreter()), str(script), str(STARTER), *files, str(folder), json.dumps(SETTINGS)]
    before = children_s()
    # As TuneDesk's trainer, which is handed none of these: what it imports is compiled beside its packages.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run(command, check=True, capture_output=True, env={**environ, "OMP_NUM_THREADS": "1"})
    return children_s() - before


def under_tunedesk(folder: Path, database: Database) -> float:
    """Train by the backend, looking once a second and recording what is told; return CPU seconds."""
    backend = LocalBackend(
        runs=folder / "runs",
        starter=STARTER,
        interpreter=interpreter,
        environment=os.environ,
        clock=SystemClock(),
        machine=Machine(threads=1, offline=True, device="cpu"),
    )
    own = resource.getrusage(resource.RUSAGE_SELF)
    before, began = children_s(), own.ru_utime + own.ru_stime
    training, validation = (
        backend.upload(SAMPLE / f"{part}.jsonl", tag=f"job-{part}") for part in ("train", "validation")
    )
    request = TrainingRequest(
        tag="job",
        base_model="builtin:starter",
        method="sft",
        task_type="chat_completion",
        training_file=training,
        validation_file=validation,
        hyperparameters=SETTINGS,
        options={},
        seed=0,
        suffix="benchmark",
    )
    _follow(backend, backend.submit(request), database)
    run = folder / "runs" / "job"
    tick = threading.Event()
    while run_lock.is_locked(run):  # its last word is said before its interpreter has gone
        tick.wait(0.05)
    tick.wait(0.5)  # whoever waits for the child counts it
    own = resource.getrusage(resource.RUSAGE_SELF)
    return children_s() - before + own.ru_utime + own.ru_stime - began


def _follow(backend: LocalBackend, job: RemoteJob, database: Database) -> None:
    tick, cursor = threading.Event(), None
    with database.reading() as tx:
        row = tx.exec_driver_sql("SELECT id FROM jobs LIMIT 1").scalar_one()
    while True:
        seen = backend.observe(job, since=cursor)
        cursor = seen.cursor
        with database.writing() as writer:
            metrics.add(writer, str(row), seen.metrics)
        if seen.status is JobStatus.SUCCEEDED:
            return
        if seen.status.is_final:
            sys.exit(f"The training ended as {seen.status}: {seen.message}")
        tick.wait(1.0)


def main() -> int:
    """Measure; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=11)
    pairs = parser.parse_args().pairs
    ours, theirs = [], []
    with tempfile.TemporaryDirectory(prefix="tunedesk-overhead-") as made:
        folder = Path(made)
        database = Database(f"sqlite:///{crowded(folder, 1)}")
        for number in range(pairs):
            one, other = folder / f"ours-{number}", folder / f"bare-{number}"
            one.mkdir()
            other.mkdir()
            if number % 2:
                theirs.append(bare(other))
                ours.append(under_tunedesk(one, database))
            else:
                ours.append(under_tunedesk(one, database))
                theirs.append(bare(other))
            print(f"pair {number + 1}: TuneDesk {ours[-1]:.2f} s, bare {theirs[-1]:.2f} s", flush=True)
        database.close()
    left, right = Sample("training under TuneDesk", ours, "CPU s"), Sample("bare TRL script", theirs, "CPU s")
    ratio = ratios(left, right)  # the same rows the same number of times: the ratio of CPU per token
    return tell([left, right, ratio], [Goal(ratio, at_most=MOST)])


if __name__ == "__main__":
    sys.exit(main())
