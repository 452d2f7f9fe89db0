"""The one side of each comparison: TuneDesk's training, evaluation and serving, called as their processes call them."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback, TrainerCallback

from app.training import evaluation, loading
from app.training.channel import Channel
from app.training.chat_request import BadRequest, parse
from app.training.generation import Answer, AnswerGenerator
from app.training.merging import merge
from app.training.saving import save
from app.training.trainers import build
from tests.families.plain import Learned
from tests.families.rows import DPO

LONGEST = 1024  # tokens of a row
_SETTINGS: Mapping[str, Any] = {
    "n_epochs": 120, "batch_size": 64, "gradient_accumulation_steps": 1, "warmup_steps": 0, "lr_scheduler": "constant",
    "optimizer": "adamw_torch", "adam_beta1": 0.9, "adam_beta2": 0.99, "weight_decay": 0.0, "max_grad_norm": 1.0,
    "max_length": LONGEST, "activation_checkpointing": False, "checkpoints_per_epoch": 1, "keep_checkpoints": 1,
    "sample_answers": 0, "dropout": 0.0, "assistant_only_loss": True, "learn_turns": "all",
}  # fmt: skip
_LORA: Mapping[str, Any] = {
    "lora_r": 16, "lora_alpha": 32, "lora_dropout": 0.0, "lora_target_modules": "all-linear",
}  # fmt: skip
BETA = 0.1


def base_of(folder: Path) -> dict[str, Any]:
    """Return a model directory as a process's spec has it."""
    name = f"path:{folder}"
    return {"id": name, "path": str(folder), "hub": None, "adapter": None, "root": name}


def spec_of(folder: Path, run: Path, rows: Path, shape: str, *, lora: bool) -> dict[str, Any]:
    """Return the spec of a training; the rates are those at which a dozen rows are soon known by heart."""
    method: Mapping[str, Any] = (
        {"beta": BETA, "loss_type": "sigmoid", "learning_rate": 1e-3 if lora else 2e-4}
        if shape == DPO
        else {"loss_type": "nll", "learning_rate": 1e-2 if lora else 4e-3}
    )
    return {
        "kind": "train", "method": "dpo" if shape == DPO else "sft", "name": "tuned", "base": base_of(folder),
        "settings": {**_SETTINGS, **method, "adapter": "lora" if lora else "none", **(_LORA if lora else {})},
        "seed": 0, "threads": 1, "niceness": 0, "device": "cpu", "offline": True, "reserve": 0, "licence": None,
        "train": str(rows), "validation": None, "rates": str(run / "rates.jsonl"),
    }  # fmt: skip


class Training:
    """One training of a spec, step by step."""

    def __init__(self, spec: dict[str, Any], run: Path) -> None:
        self.spec, self.run = spec, run
        run.mkdir(parents=True)
        self.channel = Channel(run)
        self.trainer, _ = build(spec, self.channel, "cpu")
        self.trainer.args.save_strategy = "no"  # no epoch of a tiny model is worth a checkpoint
        self.batch: dict[str, Any] = next(iter(self.trainer.get_train_dataloader()))

    def learned(self) -> Learned:
        """Return what the first batch teaches: each learned token, with what stands before it."""
        found: Learned = Counter()
        marks = self.batch["completion_mask"] if "completion_mask" in self.batch else self.batch["labels"] != -100
        for ids, here, mark in zip(
            self.batch["input_ids"].tolist(), self.batch["attention_mask"].tolist(), marks.tolist(), strict=True
        ):
            shown = [(token, bool(learns)) for token, there, learns in zip(ids, here, mark, strict=True) if there]
            tokens = tuple(token for token, _ in shown)
            found.update((tokens[:at], token) for at, (token, learns) in enumerate(shown) if learns and at)
        return found

    def loss(self) -> float:
        """Return the loss of the first batch, before any step."""
        self.trainer.model.eval()
        with torch.no_grad():
            found = float(self.trainer.compute_loss(self.trainer.model, self.batch))
        self.trainer.model.train()
        return found

    def shift(self) -> None:
        """Move the trained weights a little, so that a model is not its own reference any more."""
        torch.manual_seed(1)
        with torch.no_grad():
            for weight in self.trainer.model.parameters():
                if weight.requires_grad:
                    weight.add_(torch.randn_like(weight) * 0.02)

    def finish(self, callback: TrainerCallback) -> Path:
        """Train to the end, save, and return the model's folder."""
        self.trainer.remove_callback(PrinterCallback)
        self.trainer.add_callback(callback)
        self.trainer.train()
        facts = {"step": self.trainer.state.global_step, "steps": self.trainer.state.max_steps}
        save(self.trainer, self.spec, self.run, _Facts(facts))
        return self.run / "model"

    def merged(self) -> Path:
        """Merge the saved adapter as its process does, and return the whole model's folder."""
        run = self.run / "merged"
        run.mkdir()
        merge({"target": self.target(), "name": "tuned"}, Channel(run))
        return run / "model"

    def target(self) -> dict[str, Any]:
        """Return the tuned model as a process's spec has it."""
        return {"base": self.spec["base"], "model": str(self.run / "model")}


class _Facts(dict[str, Any]):
    """What a model card asks for and this training has not counted is 0."""

    def __missing__(self, name: str) -> int:
        return 0


def evaluated(target: dict[str, Any], rows: Path, run: Path) -> list[str]:
    """Return an evaluation's answers to the rows, in their order."""
    run.mkdir()
    spec: dict[str, Any] = {
        "target": target, "rows": str(rows), "system_prompt": None, "few_shot": [], "labels": [], "batch_size": 8,
        "threads": 1, "device": "cpu",
    }  # fmt: skip
    evaluation.evaluate(spec, Channel(run))
    lines = (run / evaluation.ROWS).read_text(encoding="utf-8").splitlines()
    return [str(json.loads(line)["answer"]) for line in lines]


class Deployment:
    """The tuned model as it is served, without the HTTP."""

    def __init__(self, target: dict[str, Any]) -> None:
        self.voice = AnswerGenerator(*loading.load_target(target, device="cpu"))

    def answers(self, asked: Sequence[Mapping[str, Any]], *, limit: int) -> list[tuple[str, bool]]:
        """Return each answer, and whether it ended by itself; it answers no more after that."""
        try:
            return [self._answer(each, limit) for each in asked]
        finally:
            self.voice.close()

    def _answer(self, asked: Mapping[str, Any], limit: int) -> tuple[str, bool]:
        body = json.dumps({"model": "tuned", **asked, "temperature": 0, "max_tokens": limit}).encode()
        try:
            request = parse(body, alias="tuned", chat="messages" in asked)
            ids = self.voice.prompt(request)
        except BadRequest as bad:
            return f"({bad.message})", False
        answer = Answer(prompt_tokens=len(ids))
        return "".join(self.voice.pieces(request, ids, answer)), answer.finish_reason == "stop"
