"""A job's settings as a configuration for AutoTrain: what means the same there, and the rest as comments.

Read back by `reading` and `translating`, the mapped settings come out as they went in.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.domain.autotrain.parameters import PARAMETERS
from app.domain.canonical import Shape
from app.domain.hyperparameters import Hyperparameter
from app.domain.jobs import Method

_NAME_LIMIT = 50  # AutoTrain refuses longer project names
_MAPPED = frozenset(
    {"optimizer", "lr_scheduler", "max_length", "activation_checkpointing", "warmup_steps", "adapter"}
    | {each.field.rpartition("/")[2] for each in PARAMETERS.values() if each.field}
)
_COLUMNS: Mapping[Shape, Mapping[str, str]] = {
    Shape.MESSAGES: {"text_column": "messages"},
    Shape.TEXT: {"text_column": "text"},
    Shape.PROMPT: {"text_column": "text"},
    Shape.PREFERENCE: {
        "text_column": "chosen", "rejected_text_column": "rejected", "prompt_text_column": "prompt",
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """A training with every setting decided. `rows` is a file of canonical rows; `steps` its optimizer steps.

    `chats`: whether the rows are made of messages. `base_model` is a name at the hub or a directory.
    """

    name: str
    method: Method
    base_model: str
    seed: int
    settings: Mapping[str, Hyperparameter]
    rows: Path
    shape: Shape
    chats: bool
    steps: int
    asked: Mapping[str, str] = field(default_factory=dict)  # what else was asked for, to be named in the comments


def write(training: Training) -> str:
    """Return the file: runs as pasted where the base model and the rows are."""
    import yaml

    body = yaml.safe_dump(_configuration(training), sort_keys=False, allow_unicode=True, width=120)
    head = [f"{_one_line(training.name)}: for AutoTrain Advanced 0.8.36, by `autotrain --config` and this file."]
    lines = [*head, *_notes(training), "", "Without a counterpart in AutoTrain:", *_unmapped(training)]
    comments = "".join(f"# {line}".rstrip() + "\n" for line in lines)
    return f"{comments}{body}"


def _configuration(training: Training) -> dict[str, Any]:
    chosen = training.settings
    block = int(chosen["max_length"])
    return {
        "task": f"llm-{training.method.value}",
        "base_model": training.base_model,
        "project_name": training.name[:_NAME_LIMIT].strip("-"),
        "log": "none",
        "backend": "local-cli",
        "data": {
            "path": str(training.rows.parent),
            "train_split": training.rows.name.removesuffix(".jsonl"),
            "valid_split": None,
            "chat_template": "tokenizer" if training.chats else None,
            "column_mapping": dict(_COLUMNS[training.shape]),
        },
        "params": {
            "block_size": block,
            "model_max_length": block,
            "epochs": chosen["n_epochs"],
            "batch_size": chosen["batch_size"],
            "lr": float(chosen["learning_rate"]),
            "gradient_accumulation": chosen["gradient_accumulation_steps"],
            "optimizer": chosen["optimizer"],
            "scheduler": chosen["lr_scheduler"],
            "warmup_ratio": warmup_ratio(int(chosen["warmup_steps"]), training.steps),
            "weight_decay": float(chosen["weight_decay"]),
            "max_grad_norm": float(chosen["max_grad_norm"]),
            "save_total_limit": chosen["keep_checkpoints"],
            "disable_gradient_checkpointing": not chosen["activation_checkpointing"],
            "seed": training.seed,
            **({"dpo_beta": float(chosen["beta"])} if training.method is Method.DPO else {}),
            **_adapter(chosen),
        },
    }


def _adapter(chosen: Mapping[str, Hyperparameter]) -> dict[str, Any]:
    if chosen["adapter"] != "lora":
        return {"peft": False}
    theirs = ("lora_r", "lora_alpha", "lora_dropout", "target_modules")
    ours = {name: PARAMETERS[name].field.rpartition("/")[2] for name in theirs}
    lora = {name: chosen[own] for name, own in ours.items() if own in chosen}
    return {"peft": True, "quantization": None, **lora}


def warmup_ratio(steps: int, total: int) -> float:
    """Return the share of `total` steps that AutoTrain rounds up to `steps`; 1 where there are no more."""
    if steps >= total:
        return 1.0 if steps else 0.0
    ratio = steps / total
    # As a double, the share may lie a hair above the step that it means, and would be rounded up to the next one.
    return ratio if math.ceil(ratio * total) == steps else (steps - 0.5) / total


def _notes(training: Training) -> list[str]:
    """Return what AutoTrain does otherwise, each a line."""
    found = (
        ["AutoTrain learns from every token and packs rows into full blocks."] if training.method is Method.SFT else []
    )
    if training.shape is Shape.PROMPT:
        found.append(
            "AutoTrain reads one column: join prompt and completion of each row into a column named text first."
        )
    if len(training.name) > _NAME_LIMIT:
        found.append(f"project_name is cut: AutoTrain takes {_NAME_LIMIT} characters.")
    if int(training.settings["warmup_steps"]) > training.steps:
        warmup = training.settings["warmup_steps"]
        found.append(f"warmup_steps is {warmup}, more than the {training.steps} steps: the warm-up lasts to the end.")
    if training.seed != PARAMETERS["seed"].default:
        found.append("AutoTrain's trainer takes the seed 42 whatever stands in seed.")
    return found


def _unmapped(training: Training) -> list[str]:
    found = [f"{name}: {_one_line(value)}" for name, value in training.asked.items()]
    return found + [
        f"{name}: {_one_line(value)}"
        for name, value in training.settings.items()
        if name not in _MAPPED or (name == "beta" and training.method is not Method.DPO)
    ]


def _one_line(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return "".join(each if each.isprintable() else " " for each in text)
