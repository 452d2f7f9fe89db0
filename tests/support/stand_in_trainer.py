"""A child without torch: keeps the rules of training/channel.py, trains nothing, and does what files in its folder say.

It trains eight steps, one for each file `step` that it finds and takes away; `fail`, `vanish` and `boom` end it. Where
there is a file `saves`, it leaves a checkpoint after each step. Started again, it goes on from where it stopped or
saved.
"""

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from app.training import checkpoints, run_lock
from app.training.channel import Channel, run_child
from app.training.failures import ChildError, Stopped

STEPS = 8
_PATIENCE_S = 300


def work(spec: dict[str, Any], channel: Channel) -> None:
    run, tick = channel.run, threading.Event()
    latest = time.monotonic() + _PATIENCE_S
    if spec["kind"] == "preflight":
        _look_ahead(channel, tick, latest)
        return
    reported = run_lock.read_whole(run / "reached") or {}
    newest = checkpoints.newest_complete(run / "checkpoints")
    step = max(int(reported.get("step", 0)), checkpoints.step_of(newest) if newest else 0)
    channel.state("training", step=step, steps=STEPS, epochs=2)
    sys.stderr.write("training\n")
    while step < STEPS:
        if channel.stop.is_set() and not (run / "stubborn").exists():
            run_lock.write_whole(run / "reached", {"step": step})
            raise Stopped({"step": step})
        if not (run / run_lock.SPEC).exists() or time.monotonic() > latest:
            os._exit(4)  # whoever moved it is gone
        if (run / "fail").exists():
            raise ChildError("diverged", "It diverged.", "Go slower.")
        if (run / "boom").exists():
            sys.stderr.write("SomethingError: boom\n")
            os._exit(3)
        if (run / run_lock.FINISH).exists():
            break
        if (run / "step").exists():
            (run / "step").unlink()
            step += 1
            channel.emit(
                "metrics", step=step, steps=STEPS, epoch=step / 4, epochs=2, eta_s=8.0 - step, train_loss=1 / step
            )
            if (run / "saves").exists():
                _save(run, channel, step)
        tick.wait(0.01)
    (run / "model").mkdir(exist_ok=True)
    _write_model(run / "model")
    (run / "model" / "README.md").write_text("a card", encoding="utf-8")
    early = {"early": True, "best_step": None} if step < STEPS else {}
    channel.state("succeeded", step=step, steps=STEPS, train_runtime=1.0, **early)


def _look_ahead(channel: Channel, tick: threading.Event, latest: float) -> None:
    """Find what the file `found` beside the run folders says, once there is one."""
    channel.state("checking", stage="The rows")
    while (found := run_lock.read_whole(channel.run.parent / "found")) is None:
        channel.raise_if_stopped()
        if time.monotonic() > latest:
            os._exit(4)
        tick.wait(0.01)
    channel.state("succeeded", **found)


def _save(run: Path, channel: Channel, step: int) -> None:
    folder = run / "checkpoints" / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    _write_model(folder)
    checkpoints.seal(folder)
    whole = [checkpoints.step_of(path) for path in checkpoints.checkpoints(run / "checkpoints")]
    channel.emit("checkpoint", step=step, all=[{"step": each, "present": True} for each in whole])


def _write_model(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "chat_template.jinja").write_text("{{ messages }}", encoding="utf-8")  # a tokenizer saves its own


if __name__ == "__main__":
    sys.argv = [sys.argv[0], sys.argv[-1]]
    sys.exit(run_child(work))
