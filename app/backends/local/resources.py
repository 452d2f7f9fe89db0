"""What a training needs of memory and disk, from the model's config and the settings; measured in docs/local.md."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.domain.estimates import ResourceEstimate, Verdict
from app.kit.memory import available_memory
from app.training import token_batches
from app.training.disk_guard import checkpoint_bytes

_FP32 = 4
# Bytes that an optimizer keeps for each trained parameter; Adafactor's factors are small beside that.
_OPTIMIZER_BYTES = {"adamw_torch": 8, "adafactor": 0, "sgd": 0, "rmsprop": 4, "adagrad": 4}
# Numbers that the backward pass needs of each token in each layer, in hidden sizes, and for each hidden size that the
# feed-forward is wide: counted for a gated layer with rotary positions (norms, projections and their products, as
# transformers keeps them), and measured (docs/local.md). Korthikanti et al. (2022) count 17 for GPT's plain layer.
_ACTIVATIONS, _PER_WIDTH = 16, 5
_ADAPTED = 1.2  # an adapter's own outputs come on top (measured)
_LOGITS = 3  # the logits, their softmax, and its gradient
# Numbers of each token while a layer is worked on without a gradient: in hidden sizes (the stream, its norm, query,
# key, value, and what attention gives), and in widths of the feed-forward (two projections and their product).
_WORKED_ON, _WORKED_ON_WIDE = 6, 3
# Python with torch and TRL (480 MB when imported), and what preparing rows, evaluating, answering and the allocator's
# own habits add to it: measured with the starter (docs/local.md).
_RUNTIME = 800_000_000
_EASY, _MOST = 0.8, 0.95  # of what is available: with more it is tight, with yet more it does not fit


@dataclass(frozen=True, slots=True)
class Architecture:
    """What a model's config tells of its size; `layers` 0 where there is no config to read."""

    parameters: int
    layers: int = 0
    hidden: int = 0
    feed_forward: int = 0
    vocabulary: int = 0
    heads: int = 1
    kv_heads: int = 1

    @classmethod
    def of(cls, config: Mapping[str, Any], parameters: int) -> "Architecture":
        """Read a config as transformers writes it, Llama's names or GPT-2's."""
        inner = config.get("text_config")
        reported = {**config, **inner} if isinstance(inner, dict) else config

        def number(*names: str, default: int = 0) -> int:
            found = [reported[name] for name in names if isinstance(reported.get(name), int) and reported[name] > 0]
            return int(found[0]) if found else default

        hidden, heads = number("hidden_size", "n_embd", "d_model"), number("num_attention_heads", "n_head", default=1)
        return cls(
            parameters=parameters,
            layers=number("num_hidden_layers", "n_layer"),
            hidden=hidden,
            feed_forward=number("intermediate_size", "n_inner", default=4 * hidden),
            vocabulary=number("vocab_size"),
            heads=heads,
            kv_heads=number("num_key_value_heads", default=heads),
        )

    def adapter_parameters(self, rank: int) -> int:
        """Return the parameters of a LoRA on every linear layer: rank times inputs and outputs of each."""
        keys = self.hidden // self.heads * self.kv_heads
        attention = 2 * (self.hidden + self.hidden) + 2 * (self.hidden + keys)
        return self.layers * rank * (attention + 3 * (self.hidden + self.feed_forward))


def trained_parameters(model: Architecture, settings: Mapping[str, Any]) -> int:
    """Return how many parameters are trained."""
    if settings["adapter"] != "lora":
        return model.parameters
    return model.adapter_parameters(int(settings.get("lora_r", 8)))


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The rows that a tuned model answers: the tokens of the longest, the model's context, and whether answers
    are only the end of a row. None: not known.
    """

    longest: int | None = None
    context: int | None = None
    answers_only: bool = True


def memory(
    model: Architecture | None,
    settings: Mapping[str, Any],
    *,
    preferring: bool,
    evaluated: Evaluated | None = None,
) -> ResourceEstimate:
    """Return the memory at its peak, every row of a batch being as long as is allowed: of the training or, where that
    takes more, of the evaluation that follows.
    """
    available = available_memory()
    if model is None:
        return ResourceEstimate(kind="memory", verdict=Verdict.UNKNOWN, available_bytes=available)
    trained = trained_parameters(model, settings)
    fresh = settings["adapter"] == "lora" and "lora_r" in settings
    parts = {
        "runtime": _RUNTIME,
        "weights": model.parameters * _FP32 + (trained * _FP32 if trained != model.parameters else 0),
        "reference": model.parameters * _FP32 if preferring and not fresh else 0,
        "gradients": trained * _FP32,
        "optimizer": trained * _OPTIMIZER_BYTES.get(str(settings["optimizer"]), 8),
        "activations": _activations(model, settings, sequences=2 if preferring else 1),
    }
    adapter = trained * _FP32 if trained != model.parameters else 0
    afterwards = {
        "runtime": _RUNTIME,
        "weights": model.parameters * _FP32 + adapter,
        "evaluation": 0 if evaluated is None else _evaluation(model, evaluated),
    }
    most = max(parts, afterwards, key=lambda each: sum(each.values()))
    return _verdict("memory", {name: size for name, size in most.items() if size}, available)


def _evaluation(model: Architecture, evaluated: Evaluated) -> int:
    """Return what an evaluation's largest batch takes: one layer at a time, the keys and values of all, and logits.

    A batch of one row may be larger than the budget; the answers that it makes itself come behind the longest row.
    """
    known = [each for each in (evaluated.longest, evaluated.context) if each]
    longest = min(known, default=0)
    tokens = max(token_batches.TOKENS, longest)
    layer = tokens * (_WORKED_ON * model.hidden + _WORKED_ON_WIDE * model.feed_forward) * _FP32
    keys = 2 * tokens * model.layers * (model.hidden // model.heads * model.kv_heads) * _FP32
    logits = min(token_batches.LOGIT_BYTES, tokens * model.vocabulary * _FP32)
    if not evaluated.answers_only:
        logits = max(logits, longest * model.vocabulary * _FP32)
    return layer + keys + logits


def _activations(model: Architecture, settings: Mapping[str, Any], *, sequences: int) -> int:
    tokens = int(settings["batch_size"]) * int(settings["max_length"]) * sequences
    width = model.feed_forward / max(1, model.hidden)
    layer = tokens * model.hidden * (_ACTIVATIONS + _PER_WIDTH * width) * _FP32
    if settings["adapter"] == "lora":
        layer *= _ADAPTED
    layers = layer * model.layers
    if settings["activation_checkpointing"]:  # only what goes into each layer is kept, and one layer is worked on
        layers = tokens * model.hidden * _FP32 * model.layers + layer
    return round(layers + tokens * model.vocabulary * _FP32 * _LOGITS)


def disk(folder: Path, model: Architecture | None, settings: Mapping[str, Any], *, reserve: int) -> ResourceEstimate:
    """Return the disk: the checkpoints that are kept, the one that is being written, and the model."""
    free = max(0, free_disk(folder) - reserve)
    if model is None:
        return ResourceEstimate(kind="disk", verdict=Verdict.UNKNOWN, available_bytes=free)
    trained = trained_parameters(model, settings)
    # The best checkpoint is never removed, so there may be one more than are kept.
    parts = {
        "checkpoints": checkpoint_bytes(trained) * (int(settings["keep_checkpoints"]) + 1),
        "model": trained * _FP32,
    }
    return _verdict("disk", parts, free)


def _verdict(kind: str, parts: Mapping[str, int], available: int | None) -> ResourceEstimate:
    needed = sum(parts.values())
    verdict = Verdict.UNKNOWN
    if available is not None:
        verdict = Verdict.FITS if needed <= _EASY * available else Verdict.TIGHT
        if needed > _MOST * available:
            verdict = Verdict.DOES_NOT_FIT
    return ResourceEstimate(kind=kind, verdict=verdict, needed_bytes=needed, available_bytes=available, parts=parts)


def free_disk(folder: Path) -> int:
    """Return the bytes that are free where `folder` is, or is going to be."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    status = os.statvfs(there)
    return status.f_bavail * status.f_frsize
