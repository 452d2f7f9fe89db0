"""What a training will take here, from rates that trainings on this machine have left behind."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.backends.local.context import LocalContext
from app.backends.local.errors import in_backend_words, untyped
from app.backends.local.hyperparameters import DPO, rate_for_lora, resolve
from app.backends.local.models import Base
from app.backends.local.resources import Architecture, Evaluated, disk, memory
from app.domain.backend import BackendError, Estimates
from app.domain.estimates import Estimate, Notice, ResourceEstimate, Verdict
from app.domain.jobs import JobSpec, TaskType
from app.training import trl_arguments

RATES = "rates.jsonl"
_REMEMBERED = 5  # the newest trainings say most
_ASSUMED_FLOPS = 3e10  # per second and thread: what the starter reached on one thread of a 2-core server
# What a batch costs besides its arithmetic, which decides about models of few parameters: a model of 0.15 million took
# 15 ms a batch more than its tokens on that server.
_ASSUMED_BATCH_S = 0.015
_MOST_BESIDES = 0.9  # of a training's time that is not its tokens': a bound where batches are faster than assumed
_FLOPS_PER_TOKEN = 6  # per parameter: forward 2, backward 4 (Kaplan et al. 2020)
_ASSUMED_OVERHEAD_S = 12.0  # importing the libraries, loading and saving a small model
_EVALUATION_SPEED = 3.0  # evaluating is the forward third of training


Resources = Sequence[ResourceEstimate]


@dataclass(frozen=True, slots=True)
class _Pace:
    """How fast a training goes: tokens for their arithmetic, batches for what each costs however few tokens it has."""

    tokens_per_second: float | None
    batch_s: float
    overhead_s: float  # around the training: importing, loading, evaluating, saving
    basis: str  # in words, where that is from

    def seconds(self, tokens: float, batches: int) -> float | None:
        """Return how long this many tokens in this many batches take, or None where the rate is not known."""
        if self.tokens_per_second is None:
            return None
        return round(self.overhead_s + batches * self.batch_s + tokens / self.tokens_per_second, 1)


class LocalEstimate(Estimates):
    """To say what a training will take."""

    context: LocalContext

    @in_backend_words
    def estimate(
        self, spec: JobSpec, *, rows: int, tokens: int, validation_rows: int, longest: int | None = None
    ) -> Estimate:
        """Estimate tokens, steps and seconds; `basis` says whether the rate was measured on this machine."""
        base, model = self.context.models.resolve(spec.base_model), self.context.models.one(spec.base_model)
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
        batches = trl_arguments.batches_per_epoch(rows, settings) * epochs
        pace = self._pace(base.root, str(settings["adapter"]), model.parameters)
        measured = epochs * int(settings["checkpoints_per_epoch"]) + 1
        validated = validation_rows * (tokens / max(1, rows)) * measured / _EVALUATION_SPEED
        evaluated = Evaluated(longest, model.context_length, answers_only=spec.task_type is TaskType.CHAT_COMPLETION)
        resources = self._resources(base, model.parameters, settings, spec.method.value, evaluated)
        return Estimate(
            tokens=trained,
            epochs=float(epochs),
            steps=trl_arguments.total_steps(rows, settings) if rows else None,
            duration_s=pace.seconds(trained + validated, batches),
            basis=pace.basis,
            resources=resources,
            warnings=[
                *self._warnings(resources, lora=settings["adapter"] == "lora"),
                *_low_rate(spec, settings, starter=base.is_starter),
            ],
        )

    def _pace(self, base: str, adapter: str, parameters: int | None) -> _Pace:
        lines = self._rates()
        same = [line for line in lines if line["base"] == base and line["adapter"] == adapter][-_REMEMBERED:]
        if same:
            return _Pace(
                statistics.median(map(_arithmetic_rate, same)),
                statistics.median(map(_batch_s, same)),
                statistics.median(float(line["overhead_s"]) for line in same),
                f"Measured on this machine in the last {_trainings(len(same))} of this model.",
            )
        if parameters and lines:
            newest = lines[-1]
            rate = _arithmetic_rate(newest) * float(newest["parameters"]) / parameters
            basis = "Scaled by size from another model's training on this machine."
            return _Pace(rate, _batch_s(newest), _ASSUMED_OVERHEAD_S, basis)
        if parameters:
            rate = self.context.threads * _ASSUMED_FLOPS / (_FLOPS_PER_TOKEN * parameters)
            basis = "Assumed, not measured: nothing was trained on this machine yet."
            return _Pace(rate, _ASSUMED_BATCH_S, _ASSUMED_OVERHEAD_S, basis)
        basis = "Unknown: the model's size is not known before it is downloaded."
        return _Pace(None, _ASSUMED_BATCH_S, _ASSUMED_OVERHEAD_S, basis)

    def _rates(self) -> Sequence[dict[str, Any]]:
        try:
            lines = (self.context.runs.root / RATES).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        read = [untyped(json.loads(line)) for line in lines if line.startswith("{") and line.endswith("}")]
        return [line for line in read if line.get("tokens_per_second") and line.get("parameters")]

    def _resources(
        self, base: Base, parameters: int | None, settings: Mapping[str, Any], method: str, evaluated: Evaluated
    ) -> Resources:
        config = self.context.models.config(base)
        model = None if parameters is None or not config else Architecture.of(config, parameters)
        reserve = self.context.reserve
        return (
            memory(model, settings, preferring=method == DPO, evaluated=evaluated),
            disk(self.context.runs.root, model, settings, reserve=reserve),
        )

    def _warnings(self, resources: Resources, *, lora: bool) -> Sequence[Notice]:
        notices = []
        try:
            self.context.runs.interpreter()
        except BackendError as error:
            notices.append(
                Notice(step="model", pointer="/base_model", message=error.detail, fix="The job waits for it.")
            )
        needs = {each.kind: each for each in resources if each.verdict is Verdict.DOES_NOT_FIT}
        if "memory" in needs:
            evaluating = "evaluation" in needs["memory"].parts
            message = f"{'The evaluation afterwards' if evaluating else 'This'} takes up to "
            message += f"{_gigabytes(needs['memory'].needed_bytes)} of memory; "
            message += f"{_gigabytes(needs['memory'].available_bytes)} can be had."
            fix = "Choose a smaller batch, a shorter max length, Save memory"
            fix += ", or a smaller model." if lora else ", LoRA, or a smaller model."
            fix = "Shorten the longest test rows, or choose a smaller model." if evaluating else fix
            notices.append(Notice(step="hyperparameters", pointer="/hyperparameters", message=message, fix=fix))
        if "disk" in needs:
            notices.append(
                Notice(
                    step="hyperparameters",
                    pointer="/hyperparameters/keep_checkpoints",
                    message=disk_sentence(needs["disk"]),
                    fix="Keep fewer checkpoints, or free some space; the job waits until there is room.",
                )
            )
        return notices


def _batch_s(line: Mapping[str, Any]) -> float:
    """Return what a batch of that training is taken to have cost besides its tokens (0 where lines have no batches)."""
    batches = int(line.get("batches") or 0)
    worked_s = float(line.get("working_s") or 0.0)
    return min(_ASSUMED_BATCH_S, _MOST_BESIDES * worked_s / batches) if batches else 0.0


def _arithmetic_rate(line: Mapping[str, Any]) -> float:
    """Return tokens per second of that training, were its batches free: both together give what it took."""
    rate = float(line["tokens_per_second"])
    besides = int(line.get("batches") or 0) * _batch_s(line)
    return rate / (1 - besides / float(line["working_s"])) if besides else rate


def _low_rate(spec: JobSpec, settings: Mapping[str, Any], *, starter: bool) -> Sequence[Notice]:
    better = rate_for_lora(spec.hyperparameters, settings, method=spec.method.value, starter=starter)
    if better is None:
        return ()
    given = settings["learning_rate"]
    return (
        Notice(
            step="hyperparameters",
            pointer="/hyperparameters/learning_rate",
            message=f"A learning rate of {given:g} suits tuning all weights; LoRA usually takes {better:g} here.",
            fix="Leave the learning rate empty to take that.",
        ),
    )


def disk_sentence(need: ResourceEstimate) -> str:
    """Return why a training does not fit on the disk."""
    return (
        f"The checkpoints and the model take about {_gigabytes(need.needed_bytes)}; "
        f"{_gigabytes(need.available_bytes)} of the disk can be used."
    )


def _gigabytes(size: int | None) -> str:
    return f"{(size or 0) / 1e9:.1f} GB"


def _trainings(count: int) -> str:
    return "training" if count == 1 else f"{count} trainings"
