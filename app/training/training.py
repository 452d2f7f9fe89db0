"""One training from its spec to a model folder, top to bottom, with TRL's trainers."""

import json
import os
import resource
import sys
import time
from importlib.metadata import version
from typing import Any

import torch

from app.training import checkpoints, loading, provenance
from app.training.channel import Channel
from app.training.failures import ChildError, Stopped
from app.training.progress import Progress
from app.training.saving import save
from app.training.trainers import build

_PACKAGES = ("torch", "transformers", "trl", "peft", "datasets")


def train(spec: dict[str, Any], channel: Channel) -> None:
    """Train as `spec` says; the model is in `model/` of the run folder when the state is `succeeded`."""
    began = time.monotonic()
    torch.set_num_threads(spec["threads"])
    device = loading.find_device(spec["device"])
    channel.raise_if_stopped()
    channel.state("loading", device=device)
    trainer, progress = build(spec, channel, device)
    newest = checkpoints.newest_complete(channel.run / "checkpoints")
    if trainer.eval_dataset is not None and newest is None:
        channel.state("measuring")  # the untrained model's validation loss: step 0 of the curve
        trainer.evaluate()
    channel.raise_if_stopped()
    if newest is not None:
        channel.log(f"Going on from the checkpoint of step {checkpoints.step_of(newest)}.")
    startup_s = time.monotonic() - began
    result = _trained(trainer, progress, str(newest) if newest else None)
    if channel.stop.is_set() and trainer.state.global_step < trainer.state.max_steps:
        raise Stopped({"step": trainer.state.global_step})
    if progress.stopped_early == "disk":
        raise _disk_is_low(trainer, progress)
    channel.state("saving", step=trainer.state.global_step)
    facts = _facts(trainer, progress, device, startup_s=startup_s, runtime_s=result.metrics["train_runtime"])
    facts |= provenance.facts(spec["base"])
    save(trainer, spec, channel.run, facts)
    _remember_rate(spec, facts)
    channel.state("succeeded", **facts, early=progress.stopped_early == "asked")


def _trained(trainer: Any, progress: Progress, checkpoint: str | None) -> Any:
    """Train, and return TRL's figures; where the disk runs low, the evaluation that would follow is left out."""
    try:
        return trainer.train(resume_from_checkpoint=checkpoint)
    except Stopped:
        if progress.stopped_early == "disk":
            raise _disk_is_low(trainer, progress) from None
        raise


def _disk_is_low(trainer: Any, progress: Progress) -> ChildError:
    free = progress.room.free / 1e9 if progress.room is not None else 0.0
    return ChildError(
        "disk_low",
        f"The disk runs low ({free:.1f} GB are free): the training ended after step {trainer.state.global_step}, and "
        "its checkpoint is kept.",
        "Free some space, then continue from that checkpoint.",
    )


def _facts(trainer: Any, progress: Progress, device: str, *, startup_s: float, runtime_s: float) -> dict[str, Any]:
    state = trainer.state
    parameters = list(trainer.model.parameters())
    return {
        "step": state.global_step,
        "steps": state.max_steps,
        "best_step": state.best_global_step,
        "best_validation_loss": state.best_metric,
        "train_runtime": round(runtime_s, 3),
        "startup_s": round(startup_s, 3),
        "working_s": round(progress.working_s, 3),
        "batches": progress.batches,
        "tokens": progress.tokens,
        "peak_memory_bytes": _peak_memory(),
        "parameters": sum(parameter.numel() for parameter in parameters),
        "trained_parameters": sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        "device": torch.cuda.get_device_name() if device == "cuda" else device,
        "threads": torch.get_num_threads(),
        "versions": {name: version(name) for name in _PACKAGES},
    }


def _peak_memory() -> int:
    """Return the most main memory that this process ever held: Linux tells kibibytes, macOS bytes (getrusage(2))."""
    reported = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return reported if sys.platform == "darwin" else reported * 1024


def _remember_rate(spec: dict[str, Any], facts: dict[str, Any]) -> None:
    """Add what this machine did to the file that estimates are made from; one write, so lines never mix."""
    if not spec.get("rates") or facts["working_s"] <= 0 or not facts["tokens"]:
        return
    line = {
        "base": spec["base"]["root"],
        "adapter": spec["settings"]["adapter"],
        "parameters": facts["parameters"],
        "tokens_per_second": round(facts["tokens"] / facts["working_s"], 1),
        "batches": facts["batches"],
        "working_s": facts["working_s"],
        "overhead_s": round(max(0.0, facts["train_runtime"] - facts["working_s"]) + facts["startup_s"], 1),
    }
    handle = os.open(spec["rates"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
