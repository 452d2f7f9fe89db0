"""The local backend over a folder of its own: with the real runtime, or with stand-ins that need no torch."""

import json
import os
import shlex
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from app.backends.local.backend import LocalBackend, Machine
from app.backends.local.runs import SPAWNED
from app.domain.backend import JobObservation, RemoteJob, TrainingRequest
from app.domain.hyperparameters import Hyperparameter
from app.domain.metrics import Checkpoint
from app.kit.clock import Clock, SystemClock
from app.training import run_lock
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[2]
STARTER = ROOT / "app" / "samples" / "starter"
TRIAGE = ROOT / "app" / "samples" / "support_triage"


def runtime_python() -> Path:
    """Return the interpreter of the runtime environment, or skip: it is named, or made in the checkout."""
    named = os.environ.get("TUNEDESK_TEST_RUNTIME_PYTHON")
    made = sorted((ROOT / ".runtimes").glob("trl-*/env/bin/python"))
    if named:
        return Path(named)
    if not made:
        pytest.skip(
            "no runtime environment: set TUNEDESK_TEST_RUNTIME_PYTHON, or make one: python3 -m app runtime install trl"
        )
    return made[-1]


def backend_over(
    runs: Path,
    interpreter: Path | Callable[[], Path],
    *,
    clock: Clock | None = None,
    starter: Path = STARTER,
    slots: int = 1,
    niceness: int = 0,
    offline: bool = True,
) -> LocalBackend:
    """Return a backend that asks no hub unless it may, and uses one thread, so that figures repeat to the last bit."""
    return LocalBackend(
        runs=runs,
        starter=starter,
        interpreter=interpreter if callable(interpreter) else lambda: interpreter,
        environment=os.environ,
        clock=clock or SystemClock(),
        machine=Machine(threads=1, offline=offline, slots=slots, device="cpu", niceness=niceness),
    )


def stand_in(folder: Path, script: Path) -> Path:
    """Return an "interpreter" that runs `script` with whatever it is given, in place of a child."""
    path = folder / "interpreter"
    path.write_text(
        f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(script))} "$@"\n', encoding="utf-8"
    )
    path.chmod(0o755)
    return path


def kill(run: Path) -> None:
    """Kill the child of a run as the kernel does when memory runs out, and wait until that is seen."""
    process = run_lock.read_whole(run / run_lock.PROCESS)
    assert process is not None
    os.kill(process["pid"], signal.SIGKILL)
    until(lambda: not run_lock.is_locked(run), doing="the child's end")


def end_all(runs: Path) -> None:
    """End every child under `runs`, at work or on its way, by its recorded identity."""
    folders = [folder for folder in runs.glob("*") if (folder / run_lock.SPEC).exists()]
    for folder in folders:
        (folder / run_lock.CANCEL).touch()  # what comes too late to be seen here ends by itself

    def ended() -> bool:
        for folder in folders:
            for name in (run_lock.PROCESS, SPAWNED):
                known = run_lock.read_whole(folder / name)
                if known and run_lock.start_time(known["pid"]) == known["started"]:
                    with suppress(ProcessLookupError):
                        os.killpg(known["pid"], signal.SIGKILL)
        return not any(run_lock.is_locked(folder) for folder in folders)

    until(ended, doing="the children's end")


def head(source: Path, rows: int, target: Path) -> Path:
    """Write the first rows of a file to another."""
    lines = source.read_text(encoding="utf-8").splitlines(keepends=True)[:rows]
    target.write_text("".join(lines), encoding="utf-8")
    return target


def preferences(source: Path, rows: int, target: Path) -> Path:
    """Write the first conversations of a file as pairs: the right answer is chosen, another one's is rejected."""
    read = [json.loads(line)["messages"] for line in source.read_text(encoding="utf-8").splitlines()[:rows]]
    answers = sorted({turns[-1]["content"] for turns in read})
    lines = []
    for turns in read:
        right = turns[-1]["content"]
        wrong = answers[(answers.index(right) + 1) % len(answers)]
        pair = {
            name: [{"role": "assistant", "content": text}] for name, text in (("chosen", right), ("rejected", wrong))
        }
        lines.append(json.dumps({"prompt": turns[:-1], **pair}))
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return target


def request(
    backend: LocalBackend,
    tag: str,
    files: Sequence[Path],
    values: Mapping[str, Hyperparameter],
    *,
    base_model: str = "builtin:starter",
    method: str = "sft",
    options: Mapping[str, Hyperparameter] | None = None,
) -> TrainingRequest:
    """Return a training of the first file, validated by the second one if there is one."""
    training, *validation = [
        backend.upload(path, tag=f"{tag}-{name}") for path, name in zip(files, ("training", "validation"), strict=False)
    ]
    return TrainingRequest(
        tag=tag,
        base_model=base_model,
        method=method,
        task_type="chat_completion",
        training_file=training,
        validation_file=validation[0] if validation else None,
        hyperparameters=values,
        options=options or {},
        seed=0,
        suffix="triage",
    )


class Watched:
    """A job looked at as the engine does it: everything it has told so far, newest word last."""

    def __init__(self, backend: LocalBackend, job: RemoteJob) -> None:
        self.backend, self.job = backend, job
        self.cursor: str | None = None
        self.looks: list[JobObservation] = []

    def look(self) -> JobObservation:
        seen = self.backend.observe(self.job, since=self.cursor)
        self.cursor = seen.cursor
        self.looks.append(seen)
        return seen

    def until_final(self) -> JobObservation:
        """Look until nothing can follow, or until it was interrupted."""

        def final() -> JobObservation | None:
            seen = self.look()
            return seen if seen.status.is_final or seen.interrupted else None

        return until(final, within=600.0, doing="the training's end")

    @property
    def messages(self) -> list[str]:
        return [event.message for look in self.looks for event in look.events]

    @property
    def begun(self) -> int:
        """How often training has begun, the first time and after each resumption."""
        return sum(text.startswith("Training from step") for text in self.messages)

    @property
    def sent(self) -> Mapping[str, Hyperparameter]:
        return next(look.sent for look in self.looks if look.sent is not None)

    @property
    def checkpoints(self) -> Sequence[Checkpoint]:
        """Return the checkpoints as they were told last."""
        return next((look.checkpoints for look in reversed(self.looks) if look.checkpoints), ())

    def series(self, name: str) -> dict[int, float]:
        """Return a series by step; a step that was trained twice has its later value."""
        return {metric.step: metric.value for look in self.looks for metric in look.metrics if metric.name == name}
