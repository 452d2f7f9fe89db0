"""How a process speaks and is spoken to: JSON lines, into its folder or to standard output, and two signals."""

import io
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
from typing import Any, TextIO

from app.kit import locks
from app.training import run_lock
from app.training.failures import Failure, Stopped, explain

FAILED = 1
PROTOCOL = 1  # told with the first event; grows when a field or a kind of event changes its meaning
HERE = "-"  # for standard input and output


class Channel:
    """The process's way to tell. Every method may be called from any thread."""

    def __init__(self, run: Path, stream: TextIO | None = None) -> None:
        """`run` is the folder for what the work leaves. Events go to `stream`, line by line, to a reader who is there;
        without one they stay in the folder (`events.jsonl`, and the present state in `status.json`) for whoever looks.
        """
        self.run = run
        self.stop = threading.Event()
        self.finish = threading.Event()
        self._mutex = threading.RLock()
        self._stays = stream is None
        self._stream = stream or _appended(run / run_lock.EVENTS)

    def emit(self, kind: str, **fields: Any) -> None:
        """Tell one event; numbers that are not finite become null, because JSON has none."""
        event = {"t": round(time.time(), 3), "kind": kind, **{name: _finite(value) for name, value in fields.items()}}
        with self._mutex:
            self._stream.write(json.dumps(event, allow_nan=False) + "\n")

    def log(self, message: str, *, level: str = "info") -> None:
        """Tell people something; `level` is info, warning or error."""
        self.emit("log", level=level, message=message)

    def state(self, state: str, **fields: Any) -> None:
        """Enter `state`: as an event, then in the folder as the whole file that tells the present state."""
        fields = {name: _finite(value) for name, value in fields.items()}
        with self._mutex:
            self.emit("status", state=state, **fields)
            if self._stays:
                run_lock.write_whole(self.run / run_lock.STATUS, {"state": state, "t": time.time(), **fields})

    @property
    def is_lost(self) -> bool:
        """Whether the folder in which events stay has been removed, so that nobody wants anything any more."""
        return self._stays and not (self.run / run_lock.SPEC).exists()

    @property
    def shall_finish(self) -> bool:
        """Whether somebody has asked to end now with what has been learned as the model."""
        return self.finish.is_set() or (self.run / run_lock.FINISH).exists()

    def raise_if_stopped(self) -> None:
        """Raise `Stopped` if SIGTERM has come. Called between the stages of the work."""
        if self.stop.is_set():
            raise Stopped


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, list) else value


def _appended(events: Path) -> TextIO:
    """Open the file of events; the line that a killed predecessor left unfinished ends before the next event."""
    file = events.open("a+b")
    if file.tell():
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.write(b"\n")
    return io.TextIOWrapper(file, encoding="utf-8", line_buffering=True)


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
    """Do `work` as the arguments say (`app.training`), the one process of its run folder; return the exit code.

    Order matters: the lock and the identity first, so that a second process steps back and the first can be found;
    the handlers of signals before anything slow, so that no wish is lost.
    """
    os.umask(0o077)
    spec_path, events = sys.argv[1], sys.argv[2:]
    run = Path.cwd() if spec_path == HERE else Path(spec_path).resolve().parent
    if events == [HERE]:
        channel = Channel(run, _standard_output())
        if not locks.try_lock(locks.open_lock(run / run_lock.LOCK)):
            return run_lock.TAKEN
    else:
        if run_lock.acquire(run) is None:
            return run_lock.TAKEN
        channel = Channel(run)
    signal.signal(signal.SIGTERM, lambda *_: channel.stop.set())
    signal.signal(signal.SIGUSR1, lambda *_: channel.finish.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        if (run / run_lock.CANCEL).exists():
            channel.stop.set()
        channel.raise_if_stopped()
        channel.state("starting", protocol=PROTOCOL)
        spec = json.loads(sys.stdin.read() if spec_path == HERE else Path(spec_path).read_text(encoding="utf-8"))
        set_environment(spec)
        # On a busy machine people's pages come first; on an idle one this costs nothing.
        os.nice(spec.get("niceness", 0))
        work(spec, channel)
    except Stopped as stopped:
        channel.state("stopped", **stopped.fields)
        return 0
    except BaseException as error:  # noqa: BLE001 -- the outermost step: whatever it was, it is told in one sentence
        traceback.print_exc()
        sys.stderr.flush()
        failure = explain(error)
        _tell_failure(channel, failure)
        return FAILED
    return 0


def _standard_output() -> TextIO:
    """Take standard output for the events alone: what anything else prints there, in C too, goes to standard error."""
    sys.stdout.flush()
    ours = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(ours, "w", buffering=1, encoding="utf-8")


def _tell_failure(channel: Channel, failure: Failure) -> None:
    try:
        channel.state("failed", code=failure.code, message=failure.message, fix=failure.fix)
    except OSError as error:  # a full disk: the log has it, and the observer reads the log
        print(f"could not record the failure {failure.code}: {error}", file=sys.stderr)
