"""What a training will take here, from rates that trainings on this machine have left behind."""

import json
import os
import statistics
from collections.abc import Sequence
from typing import Any

from app.backends.local.children import recipe
from app.backends.local.errors import in_backend_words, untyped
from app.backends.local.hyperparameters import resolve
from app.backends.local.workshop import Workshop
from app.domain.backend import BackendError
from app.domain.estimates import Estimate, Notice
from app.domain.jobs import JobSpec

RATES = "rates.jsonl"
_REMEMBERED = 5  # the newest trainings say most
_ASSUMED_FLOPS = 3e10  # per second and thread: what the starter reached on one thread of a 2-core server
_FLOPS_PER_TOKEN = 6  # per parameter: forward 2, backward 4 (Kaplan et al. 2020)
_ASSUMED_OVERHEAD_S = 12.0  # importing the libraries, loading and saving a small model
_EVALUATION_SPEED = 3.0  # evaluating is the forward third of training
_BYTES_PER_PARAMETER = 16  # weight, gradient and Adam's two moments, fp32
_BYTES_PER_FROZEN = 4


class EstimatesHere:
    """To say what a training will take."""

    workshop: Workshop

    @in_backend_words
    def estimate(self, spec: JobSpec, *, rows: int, tokens: int, validation_rows: int) -> Estimate:
        """Estimate tokens, steps and seconds; `basis` says whether the rate was measured on this machine."""
        base, model = self.workshop.models.resolve(spec.base_model), self.workshop.models.one(spec.base_model)
        settings = resolve(
            spec.hyperparameters,
            spec.options,
            method=spec.method.value,
            starter=base.is_starter,
            adapter=base.adapter is not None,
            context_length=model.context_length,
            rows=rows,
        )
        epochs = int(settings["n_epochs"])
        trained = tokens * epochs
        rate, overhead, basis = self._rate(base.root, str(settings["adapter"]), model.parameters)
        measured = epochs * int(settings["checkpoints_per_epoch"]) + 1
        validated = validation_rows * (tokens / max(1, rows)) * measured / _EVALUATION_SPEED
        return Estimate(
            tokens=trained,
            epochs=float(epochs),
            steps=recipe.total_steps(rows, settings) if rows else None,
            duration_s=round(overhead + (trained + validated) / rate, 1) if rate else None,
            basis=basis,
            warnings=self._warnings(model.parameters, lora=settings["adapter"] == "lora"),
        )

    def _rate(self, base: str, adapter: str, parameters: int | None) -> tuple[float | None, float, str]:
        """Return (tokens per second, seconds besides, in words where that is from)."""
        lines = self._rates()
        same = [line for line in lines if line["base"] == base and line["adapter"] == adapter][-_REMEMBERED:]
        if same:
            rate = statistics.median(float(line["tokens_per_second"]) for line in same)
            overhead = statistics.median(float(line["overhead_s"]) for line in same)
            return rate, overhead, f"Measured on this machine in the last {len(same)} trainings of this model."
        if parameters and lines:
            newest = lines[-1]
            rate = float(newest["tokens_per_second"]) * float(newest["parameters"]) / parameters
            return rate, _ASSUMED_OVERHEAD_S, "Scaled by size from another model's training on this machine."
        if parameters:
            rate = self.workshop.threads * _ASSUMED_FLOPS / (_FLOPS_PER_TOKEN * parameters)
            return rate, _ASSUMED_OVERHEAD_S, "Assumed, not measured: nothing was trained on this machine yet."
        return None, _ASSUMED_OVERHEAD_S, "Unknown: the model's size is not known before it is downloaded."

    def _rates(self) -> Sequence[dict[str, Any]]:
        try:
            lines = (self.workshop.runs.root / RATES).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        read = [untyped(json.loads(line)) for line in lines if line.startswith("{") and line.endswith("}")]
        return [line for line in read if line.get("tokens_per_second") and line.get("parameters")]

    def _warnings(self, parameters: int | None, *, lora: bool) -> Sequence[Notice]:
        notices = []
        try:
            self.workshop.runs.interpreter()
        except BackendError as error:
            notices.append(
                Notice(step="model", pointer="/base_model", message=error.detail, fix="The job waits for it.")
            )
        memory = memory_bytes()
        needed = (parameters or 0) * (_BYTES_PER_FROZEN if lora else _BYTES_PER_PARAMETER)
        if memory and needed > memory:
            message = (
                f"Tuning this model takes about {needed / 1e9:.1f} GB of memory; this machine has {memory / 1e9:.1f}."
            )
            fix = "Choose a smaller model." if lora else "Choose LoRA, or a smaller model."
            notices.append(Notice(step="model", pointer="/base_model", message=message, fix=fix))
        return notices


def memory_bytes() -> int | None:
    """Return this machine's main memory; None where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None
