"""How a child speaks: JSON lines in `events.jsonl`, its state in `status.json`, and SIGTERM as the wish to stop."""

import json
import math
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.training import run_lock
from app.training.failures import Failure, Stopped, explain

FAILED = 1


class Channel:
    """The child's way to tell. Every method may be called from any thread."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.stop = threading.Event()
        self._mutex = threading.RLock()
        self._state = "starting"
        _end_half_a_line(run / run_lock.EVENTS)
        self._file = (run / run_lock.EVENTS).open("a", encoding="utf-8", buffering=1)

    def emit(self, kind: str, **fields: Any) -> None:
        """Append one event; numbers that are not finite become null, because JSON has none."""
        event = {"t": round(time.time(), 3), "kind": kind, **{name: _finite(value) for name, value in fields.items()}}
        with self._mutex:
            self._file.write(json.dumps(event, allow_nan=False) + "\n")

    def log(self, message: str, *, level: str = "info") -> None:
        """Tell people something; `level` is info, warning or error."""
        self.emit("log", level=level, message=message)

    def state(self, state: str, **fields: Any) -> None:
        """Enter `state`: as an event, then as the whole file that tells the present state."""
        fields = {name: _finite(value) for name, value in fields.items()}
        with self._mutex:
            self._state = state
            self.emit("status", state=state, **fields)
            run_lock.write_whole(self.run / run_lock.STATUS, {"state": state, "t": time.time(), **fields})

    def raise_if_stopped(self) -> None:
        """Raise `Stopped` if SIGTERM has come. Called between the stages of the work."""
        if self.stop.is_set():
            raise Stopped


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    return value


def _end_half_a_line(events: Path) -> None:
    """End the line that a killed predecessor left unfinished, so that the next event stands on a line of its own."""
    if events.exists() and (size := events.stat().st_size):
        with events.open("rb+") as file:
            file.seek(size - 1)
            if file.read(1) != b"\n":
                file.write(b"\n")


def set_environment(spec: dict[str, Any]) -> None:
    """Set what torch and the Hugging Face libraries read when they are imported; so this comes before them.

    Waiting threads that spin cost a factor of ten on a busy machine with few cores, hence PASSIVE.
    """
    os.environ.update(
        {
            "OMP_NUM_THREADS": str(spec["threads"]),
            "OMP_WAIT_POLICY": "PASSIVE",
            "GOMP_SPINCOUNT": "0",
            "TOKENIZERS_PARALLELISM": "false",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "DO_NOT_TRACK": "1",
            "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }
    )
    if spec.get("offline"):
        os.environ["HF_HUB_OFFLINE"] = "1"


def run_child(work: Callable[[dict[str, Any], Channel], None]) -> int:
    """Do `work` as the one process of the run folder whose `spec.json` is the first argument; return the exit code.

    Order matters: the lock and the identity first, so that a second child steps back and the first can be found;
    the SIGTERM handler before anything slow, so that a stop is never lost.
    """
    os.umask(0o077)
    spec_path = Path(sys.argv[1]).resolve()
    run = spec_path.parent
    if run_lock.acquire(run) is None:
        return run_lock.TAKEN
    channel = Channel(run)
    signal.signal(signal.SIGTERM, lambda *_: channel.stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        if (run / run_lock.CANCEL).exists():
            channel.stop.set()
        channel.raise_if_stopped()
        channel.state("starting")
        spec = json.loads(spec_path.read_text(encoding="utf-8"))
        set_environment(spec)
        # On a busy machine people's pages come first; on an idle one this costs nothing.
        os.nice(spec.get("niceness", 0))
        work(spec, channel)
    except Stopped as stopped:
        channel.state("stopped", **stopped.fields)
        return 0
    except BaseException as error:  # noqa: BLE001 -- the child's outermost step: whatever it was, it is told in one sentence
        traceback.print_exc()
        sys.stderr.flush()
        failure = explain(error)
        _tell_failure(channel, failure)
        return FAILED
    return 0


def _tell_failure(channel: Channel, failure: Failure) -> None:
    try:
        channel.state("failed", code=failure.code, message=failure.message, fix=failure.fix)
    except OSError as error:  # a full disk: the log has it, and the observer reads the log
        print(f"could not record the failure {failure.code}: {error}", file=sys.stderr)
