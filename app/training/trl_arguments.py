"""From the wizard's values to the arguments that TRL is given. Standard library only: "view as code" uses it too."""

import math
from collections.abc import Mapping
from typing import Any

# A curve of more points than this says nothing more, and every point is a line of JSON and a row in the database.
_MOST_LOGGED_STEPS = 2_000
ALL, LAST = "all", "last"  # which answers of a conversation are learned
# The names under which architectures keep their dropout rates (Phi, Llama, Qwen, GPT-2, GPT-NeoX, Bloom, OPT …).
DROPOUT_FIELDS = ("attention_dropout", "attn_pdrop", "resid_pdrop", "embd_pdrop", "hidden_dropout", "dropout")


def batches_per_epoch(rows: int, settings: Mapping[str, Any]) -> int:
    """Return how often one epoch goes forward and backward; the last batch may be smaller."""
    return math.ceil(rows / int(settings["batch_size"]))


def steps_per_epoch(rows: int, settings: Mapping[str, Any]) -> int:
    """Return optimizer steps in one epoch; the last accumulation may be shorter."""
    return max(1, math.ceil(batches_per_epoch(rows, settings) / int(settings["gradient_accumulation_steps"])))


def total_steps(rows: int, settings: Mapping[str, Any]) -> int:
    """Return the optimizer steps of the whole training."""
    return steps_per_epoch(rows, settings) * int(settings["n_epochs"])


def sft_arguments(settings: Mapping[str, Any], *, rows: int, validation: bool, seed: int) -> dict[str, Any]:
    """Return the arguments of TRL's `SFTConfig` (1.16), apart from the folder and what the device decides."""
    return {
        **_common_arguments(settings, rows=rows, validation=validation, seed=seed),
        "loss_type": settings["loss_type"],
    }


def dpo_arguments(settings: Mapping[str, Any], *, rows: int, validation: bool, seed: int) -> dict[str, Any]:
    """Return the arguments of TRL's `DPOConfig` (1.16), apart from the folder and what the device decides.

    Dropout is off, as TRL has it by default: the model is compared with itself as it was.
    """
    return {
        **_common_arguments(settings, rows=rows, validation=validation, seed=seed),
        "beta": float(settings["beta"]),
        "loss_type": [settings["loss_type"]],
    }


def _common_arguments(settings: Mapping[str, Any], *, rows: int, validation: bool, seed: int) -> dict[str, Any]:
    """Return the arguments that both trainers share.

    With validation rows, each checkpoint is evaluated and the one of least validation loss is kept as the model;
    without, the last one is. TRL's own defaults that would surprise are set: no model card upload, no progress bar,
    NaN shown as NaN.
    """
    often = int(settings["checkpoints_per_epoch"])
    cadence: dict[str, Any] = {"save_strategy": "epoch", "eval_strategy": "epoch" if validation else "no"}
    if often > 1:
        # A share of all steps, so that TRL itself applies it to the steps that remain once too long rows are dropped.
        share = 1 / (often * int(settings["n_epochs"]))
        cadence = {"save_strategy": "steps", "save_steps": share}
        cadence |= {"eval_strategy": "steps", "eval_steps": share} if validation else {"eval_strategy": "no"}
    if validation:
        cadence |= {"load_best_model_at_end": True, "metric_for_best_model": "eval_loss", "greater_is_better": False}
    return {
        "num_train_epochs": int(settings["n_epochs"]),
        "per_device_train_batch_size": int(settings["batch_size"]),
        "per_device_eval_batch_size": int(settings["batch_size"]),
        "gradient_accumulation_steps": int(settings["gradient_accumulation_steps"]),
        "learning_rate": float(settings["learning_rate"]),
        "lr_scheduler_type": settings["lr_scheduler"],
        "warmup_steps": int(settings["warmup_steps"]),
        "optim": settings["optimizer"],
        "adam_beta1": float(settings["adam_beta1"]),
        "adam_beta2": float(settings["adam_beta2"]),
        "weight_decay": float(settings["weight_decay"]),
        "max_grad_norm": float(settings["max_grad_norm"]),
        "max_length": int(settings["max_length"]),
        "activation_checkpointing": bool(settings["activation_checkpointing"]),
        "seed": seed,
        "save_total_limit": int(settings["keep_checkpoints"]),
        "logging_steps": max(1, math.ceil(total_steps(rows, settings) / _MOST_LOGGED_STEPS)),
        "logging_nan_inf_filter": False,
        # A model's experts are not balanced anew on a few rows: TRL (1.16) would add that to the loss that is shown,
        # and transformers (5.23) fails on it where a batch has padding.
        "router_aux_loss_coef": 0.0,
        "report_to": "none",
        "disable_tqdm": True,
        **cadence,
    }


def device_arguments(device: str, *, bf16: bool) -> dict[str, Any]:
    """Return the `SFTConfig` arguments that depend on the device: cpu, cuda or mps."""
    return {"use_cpu": device == "cpu", "bf16": bf16, "dataloader_pin_memory": device == "cuda"}


def lora_arguments(settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the arguments of PEFT's `LoraConfig`; None for full fine-tuning, or where an adapter is there already."""
    if settings["adapter"] != "lora" or "lora_r" not in settings:
        return None
    targets = str(settings["lora_target_modules"])
    return {
        "r": int(settings["lora_r"]),
        "lora_alpha": int(settings["lora_alpha"]),
        "lora_dropout": float(settings.get("lora_dropout", 0.0)),
        "target_modules": targets if targets == "all-linear" else [name.strip() for name in targets.split(",")],
        "task_type": "CAUSAL_LM",
    }
