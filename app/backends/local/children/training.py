"""One training from its spec to a model folder, top to bottom, with TRL's SFTTrainer."""

import json
import os
import shutil
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from transformers import set_seed
from trl import SFTConfig, SFTTrainer

from app.backends.local.children import checkpoints, learning, loading, origin, recipe
from app.backends.local.children.channel import Channel
from app.backends.local.children.failures import ChildError, Stopped
from app.backends.local.children.model_card import card
from app.backends.local.children.presence import write_whole
from app.backends.local.children.progress import Progress
from app.backends.local.children.rows import read_rows

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
    result = trainer.train(resume_from_checkpoint=str(newest) if newest else None)
    if channel.stop.is_set() and trainer.state.global_step < trainer.state.max_steps:
        raise Stopped({"step": trainer.state.global_step})
    channel.state("saving", step=trainer.state.global_step)
    facts = _facts(trainer, progress, device, startup_s=startup_s, runtime_s=result.metrics["train_runtime"])
    facts |= origin.facts(spec["base"])
    save(trainer, spec, channel.run, facts)
    _remember_rate(spec, facts)
    channel.state("succeeded", **facts)


def build(spec: dict[str, Any], channel: Channel, device: str) -> tuple[SFTTrainer, Progress]:
    """Return the trainer over the spec's rows and model, and what listens to it."""
    settings, seed = spec["settings"], spec["seed"]
    rows = read_rows(Path(spec["train"]))
    validation = read_rows(Path(spec["validation"])) if spec.get("validation") else None
    if validation and validation[0].shape != rows[0].shape:
        raise ChildError(
            "mixed_rows",
            f"The training rows have {rows[0].shape}, the validation rows have {validation[0].shape}.",
            "Bring both files to one shape.",
        )
    where = loading.locate(spec["base"])
    tokenizer = loading.load_tokenizer(where)
    lesson = learning.plan(rows, tokenizer, answers_only=settings["assistant_only_loss"])
    channel.log(lesson.told)
    lora = recipe.lora_arguments(settings)
    bf16 = loading.has_bf16(device)
    set_seed(seed)
    model = loading.load_model(where, device=device, half=bf16 and lora is not None, dropout=settings["dropout"])
    channel.raise_if_stopped()
    _check_length(model, settings["max_length"])
    progress = Progress(channel)
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            output_dir=str(channel.run / "checkpoints"),
            **recipe.sft_arguments(settings, rows=len(rows), validation=validation is not None, seed=seed),
            **recipe.device_arguments(device, bf16=bf16),
            **lesson.arguments,
        ),
        train_dataset=lesson.dataset(rows),
        eval_dataset=lesson.dataset(validation) if validation else None,
        processing_class=tokenizer,
        peft_config=LoraConfig(**lora) if lora else None,
        callbacks=[progress],
    )
    learning.tell_rows(trainer, channel, given=len(rows), max_length=settings["max_length"])
    return trainer, progress


def save(trainer: SFTTrainer, spec: dict[str, Any], run: Path, facts: dict[str, Any]) -> None:
    """Save the model under another name, then give it its own: a `model` folder is always a whole one.

    The adapter of a LoRA training is saved alone, with a note of the base that it belongs to.
    """
    partial, final = run / "model.partial", run / "model"
    shutil.rmtree(partial, ignore_errors=True)
    trainer.save_model(str(partial))
    kind = "adapter" if spec["settings"]["adapter"] == "lora" else "full"
    write_whole(partial / loading.NOTE, {"kind": kind, "base": spec["base"], "name": spec["name"]})
    (partial / "README.md").write_text(card(spec, facts), encoding="utf-8")
    arguments = trainer.args.to_dict()
    (run / "training_args.json").write_text(json.dumps(arguments, indent=2, default=str) + "\n", encoding="utf-8")
    shutil.copyfile(partial / "training_args.bin", run / "training_args.bin")
    shutil.rmtree(final, ignore_errors=True)
    partial.rename(final)


def _check_length(model: Any, max_length: int) -> None:
    context = loading.context_length(model)
    if context is not None and max_length > context:
        raise ChildError(
            "max_length_beyond_context",
            f"Max length is {max_length} tokens, but this model looks at {context} at most.",
            f"Set max length to {context} or less.",
        )


def _facts(
    trainer: SFTTrainer, progress: Progress, device: str, *, startup_s: float, runtime_s: float
) -> dict[str, Any]:
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
        "tokens": progress.tokens,
        "parameters": sum(parameter.numel() for parameter in parameters),
        "trained_parameters": sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        "device": torch.cuda.get_device_name() if device == "cuda" else device,
        "threads": torch.get_num_threads(),
        "versions": {name: version(name) for name in _PACKAGES},
    }


def _remember_rate(spec: dict[str, Any], facts: dict[str, Any]) -> None:
    """Add what this machine did to the file that estimates are made from; one write, so lines never mix."""
    if facts["working_s"] <= 0 or not facts["tokens"]:
        return
    line = {
        "base": spec["base"]["id"],
        "adapter": spec["settings"]["adapter"],
        "parameters": facts["parameters"],
        "tokens_per_second": round(facts["tokens"] / facts["working_s"], 1),
        "overhead_s": round(max(0.0, facts["train_runtime"] - facts["working_s"]) + facts["startup_s"], 1),
    }
    handle = os.open(spec["rates"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
