"""From a spec to TRL's trainer over its rows and model, supervised or by preferences, and what listens to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from transformers import PreTrainedTokenizerBase, set_seed
from trl import DPOConfig, SFTConfig

from app.domain.canonical import Shape
from app.training import (
    dpo,
    examples,
    first_batch,
    handing_out,
    loading,
    loss_masking,
    preflight,
    self_check,
    trl_arguments,
)
from app.training.channel import Channel
from app.training.disk_guard import DiskSpaceGuard
from app.training.failures import ChildError
from app.training.notes import TAUGHT
from app.training.progress import Progress
from app.training.rendering import Renderer
from app.training.row_look import Rows
from app.training.rows import Row
from app.training.run_lock import BATCH, write_whole
from app.training.sample_answers import Samples
from app.training.saving import Preferring, Supervised


@dataclass(frozen=True)
class Material:
    """What a trainer is made of: rows as sequences, the tokenizer, and where the model is to be."""

    training: Rows
    validation: Rows | None
    tokenizer: PreTrainedTokenizerBase
    device: str
    renderer: Renderer

    @property
    def rows(self) -> Sequence[Row]:
        """The rows that are trained on."""
        return self.training.rows

    @property
    def can_be_asked(self) -> bool:
        """Whether the rows have questions: text has none, and conversations need a template to be asked in."""
        return self.rows[0].shape is not Shape.TEXT


def build(spec: dict[str, Any], channel: Channel, device: str) -> tuple[Any, Progress]:
    """Return the trainer over the spec's rows and model, and what listens to it."""
    material = _looked_at(spec, channel, device)
    progress = Progress(channel)
    make = _preferring if spec["method"] == "dpo" else _supervised
    trainer = make(spec, channel, material, progress)
    trained = sum(each.numel() for each in trainer.model.parameters() if each.requires_grad)
    if not trained:
        message = "None of the model's parameters would be trained: the adapter's targets match nothing in this model."
        raise ChildError("nothing_trained", message, "Choose other target modules, or all weights.")
    answers_only = bool(spec["settings"].get("assistant_only_loss", True))
    self_check.check(trainer, material.rows, answers_only=answers_only)
    chat = material.rows[0].is_conversation
    handing_out.fit(trainer.model, material.renderer, chat=chat)
    write_whole(channel.run / TAUGHT, {"chat": chat})
    progress.room = DiskSpaceGuard(channel.run, reserve=spec.get("reserve", 0), parameters=trained)
    if not (channel.run / BATCH).exists():
        trainer.on_first_batch = lambda inputs: first_batch.keep(channel.run, inputs, material.tokenizer)
    count = int(spec["settings"].get("sample_answers", 0))
    if spec.get("validation") and count and material.can_be_asked:
        trainer.add_callback(Samples(Path(spec["validation"]), material.tokenizer, channel, count=count))
    return trainer, progress


def _looked_at(spec: dict[str, Any], channel: Channel, device: str) -> Material:
    """Return what is trained, once the pre-flight has found nothing that stands in the way.

    Raises:
        ChildError: with what it found.
    """

    def tell(_: str) -> None:
        channel.raise_if_stopped()

    found = preflight.look(spec, tell)
    renderer, training = found.ready()
    for each in found.findings:
        channel.log(f"{each.message} {each.fix}".strip(), level="warning")
    return Material(training, found.validation, renderer.tokenizer, device, renderer)


def _supervised(spec: dict[str, Any], channel: Channel, material: Material, progress: Progress) -> Any:
    settings, rows, validation = spec["settings"], material.rows, material.validation
    only_last = settings.get("learn_turns") == trl_arguments.LAST
    answers_only = settings["assistant_only_loss"]
    channel.log(loss_masking.note(rows, material.tokenizer, answers_only=answers_only, only_last=only_last))
    model, lora = _model(spec, channel, material)
    sizes = {"rows": len(rows), "validation": validation is not None, "seed": spec["seed"]}
    trainer = Supervised(
        model=model,
        args=SFTConfig(
            output_dir=str(channel.run / "checkpoints"),
            **trl_arguments.sft_arguments(settings, **sizes),
            **trl_arguments.device_arguments(material.device, bf16=loading.has_bf16(material.device)),
        ),
        train_dataset=examples.columns(material.training.made),
        eval_dataset=examples.columns(validation.made) if validation else None,
        processing_class=material.tokenizer,
        peft_config=lora,
        callbacks=[progress],
    )
    made = len(material.training.made)
    loss_masking.tell_rows(trainer, channel, given=len(rows), made=made, max_length=settings["max_length"])
    return trainer


def _preferring(spec: dict[str, Any], channel: Channel, material: Material, progress: Progress) -> Any:
    settings, rows, validation = spec["settings"], material.rows, material.validation
    channel.log(dpo.NOTE)
    model, lora = _model(spec, channel, material)
    sizes = {"rows": len(rows), "validation": validation is not None, "seed": spec["seed"]}
    trainer = Preferring(
        model=model,
        # A fresh adapter is compared with the model without it. Anything else needs the model as it was, beside it.
        ref_model=None if lora else _as_it_is(spec, material),
        args=DPOConfig(
            output_dir=str(channel.run / "checkpoints"),
            **trl_arguments.dpo_arguments(settings, **sizes),
            **trl_arguments.device_arguments(material.device, bf16=loading.has_bf16(material.device)),
        ),
        train_dataset=dpo.pairs(material.training.made, max_length=settings["max_length"]),
        eval_dataset=dpo.pairs(validation.made, max_length=settings["max_length"]) if validation else None,
        processing_class=material.tokenizer,
        peft_config=lora,
        callbacks=[progress],
    )
    dpo.tell_rows(trainer, channel, given=len(rows), max_length=settings["max_length"])
    return trainer


def _model(spec: dict[str, Any], channel: Channel, material: Material) -> tuple[Any, LoraConfig | None]:
    """Return the model to be trained, and the configuration of a fresh adapter where one is to be put upon it.

    A base that is an adapter itself is trained further as that adapter, or merged where all weights are tuned.
    """
    settings, base, device = spec["settings"], spec["base"], material.device
    half, lora = _is_half(spec, device), trl_arguments.lora_arguments(settings)
    set_seed(spec["seed"])
    if base.get("adapter") and settings["adapter"] == "lora":
        model = loading.load_model(loading.locate(base), device=device, half=half, dropout=settings["dropout"])
        model, lora = loading.with_adapter(model, base["adapter"], trained=True), None
        channel.log("The adapter of the chosen model is trained further; its rank and targets stay as they are.")
    else:
        model = loading.load_base(base, device=device, half=half, dropout=settings["dropout"])
    if settings["adapter"] != "lora" and (own := loading.own_dtype(base)) is not torch.float32:
        name = str(own).removeprefix("torch.")
        channel.log(f"The base's weights are {name}; all of them are trained and saved in float32, twice the size.")
    channel.raise_if_stopped()
    return model, LoraConfig(**lora) if lora else None


def _is_half(spec: dict[str, Any], device: str) -> bool:
    """Tell whether the frozen weights below an adapter are held in bfloat16; what is trained never is."""
    return loading.has_bf16(device) and spec["settings"]["adapter"] == "lora"


def _as_it_is(spec: dict[str, Any], material: Material) -> Any:
    model = loading.load_base(spec["base"], device=material.device, half=_is_half(spec, material.device))
    return model.requires_grad_(requires_grad=False)
