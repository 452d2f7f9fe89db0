"""The knobs of a training here: names, ranges, defaults, help; what "auto" becomes; and three presets."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.domain.backend import Rejected
from app.domain.hyperparameters import (
    AUTO,
    Hyperparameter,
    HyperparameterSpec,
    HyperparameterType,
    Preset,
    check_values,
)
from app.training import trl_arguments

_INT, _NUM, _BOOL = HyperparameterType.INTEGER, HyperparameterType.NUMBER, HyperparameterType.BOOLEAN
_CHOICE, _TEXT = HyperparameterType.CHOICE, HyperparameterType.STRING
SFT, DPO = "sft", "dpo"
METHODS = (SFT, DPO)
_LORA = "adapter=lora"

_SPECS: tuple[HyperparameterSpec, ...] = (
    HyperparameterSpec(
        name="n_epochs", label="Epochs", type=_INT, default=AUTO, auto=True, minimum=1, maximum=100,
        help="How often the model sees every row. More epochs fit the rows better, until the model memorises them.",
    ),
    HyperparameterSpec(
        name="batch_size", label="Batch size", type=_INT, default=AUTO, auto=True, minimum=1, maximum=512,
        help="Rows per step. Larger is steadier and needs more memory.", unit="rows",
    ),
    HyperparameterSpec(
        name="learning_rate", label="Learning rate", type=_NUM, default=AUTO, auto=True,
        minimum=0, maximum=1, exclusive_minimum=True,
        help="The size of each step at its largest. Too high and the loss explodes; too low and nothing is learned.",
    ),
    HyperparameterSpec(
        name="max_length", label="Max length", type=_INT, default=AUTO, auto=True, minimum=8, maximum=1_048_576,
        help="Rows are cut after so many tokens; one whose answer begins later is left out.", unit="tokens",
    ),
    HyperparameterSpec(
        name="warmup_steps", label="Warm-up", type=_INT, default=AUTO, auto=True, minimum=0, maximum=100_000,
        help="Steps in which the learning rate rises from 0.", unit="steps", advanced=True,
    ),
    HyperparameterSpec(
        name="lr_scheduler", label="Learning rate schedule", type=_CHOICE, default="cosine",
        choices=("cosine", "linear", "constant", "constant_with_warmup", "inverse_sqrt"),
        help="How the learning rate falls after the warm-up.", advanced=True,
    ),
    HyperparameterSpec(
        name="optimizer", label="Optimizer", type=_CHOICE, default="adamw_torch",
        choices=("adamw_torch", "adafactor", "sgd", "rmsprop", "adagrad"),
        help="AdamW fits nearly always; Adafactor needs less memory.", advanced=True,
    ),
    HyperparameterSpec(
        name="loss_type", label="Loss", type=_CHOICE, default="nll", choices=("nll", "dft"),
        help="nll: cross entropy. dft: cross entropy weighted by the model's own probability of each token, which "
        "forgets less (arXiv 2508.05629). Validation is measured by the same loss, so runs of the two do not compare.",
        advanced=True, methods=(SFT,),
    ),
    HyperparameterSpec(
        name="beta", label="Beta", type=_NUM, default=0.1, minimum=0, maximum=10, exclusive_minimum=True,
        help="How firmly the model is held to what it was. Smaller lets it go further for the chosen answers.",
        methods=(DPO,),
    ),
    HyperparameterSpec(
        name="loss_type", label="Loss", type=_CHOICE, default="sigmoid",
        choices=("sigmoid", "ipo", "hinge", "apo_zero", "apo_down"),
        help="sigmoid: as DPO was published (arXiv 2305.18290). ipo: against memorising the pairs (2310.12036). "
        "hinge: SLiC (2305.10425). apo_zero, apo_down: for chosen answers that are better, or worse, than the model's "
        "own (2408.06266). Losses of different kinds do not compare.", advanced=True, methods=(DPO,),
    ),
    HyperparameterSpec(
        name="assistant_only_loss", label="Learn from answers only", type=_BOOL, default=True,
        help="The loss counts the assistant's turns (or the completion) and not what is asked.", advanced=True,
        methods=(SFT,),
    ),
    HyperparameterSpec(
        name="learn_turns", label="Answers of a conversation", type=_CHOICE, default=trl_arguments.ALL,
        choices=(trl_arguments.ALL, trl_arguments.LAST),
        help="all: every answer is learned. last: only the last one of each row; earlier ones are shown. Answers of "
        "weight 0 are learned in neither case.", advanced=True, methods=(SFT,),
    ),
    HyperparameterSpec(
        name="weight_decay", label="Weight decay", type=_NUM, default=0.0, minimum=0, maximum=1,
        help="Pulls the weights towards 0, against memorising.", advanced=True,
    ),
    HyperparameterSpec(
        name="dropout", label="Dropout", type=_NUM, default=AUTO, auto=True, minimum=0, maximum=0.9,
        help="The share of activations left out by chance in each step, against memorising.", advanced=True,
        methods=(SFT,),
    ),
    HyperparameterSpec(
        name="gradient_accumulation_steps", label="Gradient accumulation", type=_INT, default=1, minimum=1,
        maximum=1024,
        help="Batches per step: a larger batch in the memory of a small one.", unit="batches", advanced=True,
    ),
    HyperparameterSpec(
        name="max_grad_norm", label="Gradient limit", type=_NUM, default=1.0, minimum=0, maximum=1000,
        help="Longer gradients are cut to this length; 0 cuts none.", advanced=True,
    ),
    HyperparameterSpec(
        name="adam_beta1", label="Adam β₁", type=_NUM, default=0.9, minimum=0, maximum=0.9999,
        help="How long Adam remembers the direction.", advanced=True,
    ),
    HyperparameterSpec(
        name="adam_beta2", label="Adam β₂", type=_NUM, default=AUTO, auto=True, minimum=0, maximum=0.99999,
        help="How long Adam remembers the scale; short trainings want less than 0.999.", advanced=True,
    ),
    HyperparameterSpec(
        name="activation_checkpointing", label="Save memory", type=_BOOL, default=False,
        help="Recompute activations instead of keeping them: less memory, about a fifth slower.", advanced=True,
    ),
    HyperparameterSpec(
        name="checkpoints_per_epoch", label="Checkpoints per epoch", type=_INT, default=1, minimum=1, maximum=50,
        help="How often validation loss is measured and the state kept.", advanced=True,
    ),
    HyperparameterSpec(
        name="sample_answers", label="Sample answers", type=_INT, default=3, minimum=0, maximum=10,
        help="How many validation rows are answered each time validation loss is measured, to be read.",
        advanced=True, unit="rows",
    ),
    HyperparameterSpec(
        name="keep_checkpoints", label="Checkpoints kept", type=_INT, default=3, minimum=1, maximum=100,
        help="Older ones are removed, the best one never.", advanced=True,
    ),
    HyperparameterSpec(
        name="adapter", label="Adapter", type=_CHOICE, default="none", choices=("none", "lora"), option=True,
        help="none: all weights are tuned. lora: a small adapter beside them, for models that are large.",
    ),
    HyperparameterSpec(
        name="lora_r", label="LoRA rank", type=_INT, default=8, minimum=1, maximum=1024, option=True, only_with=_LORA,
        help="The adapter's size: how many directions it may change.",
    ),
    HyperparameterSpec(
        name="lora_alpha", label="LoRA alpha", type=_INT, default=16, minimum=1, maximum=4096, option=True,
        only_with=_LORA, help="The adapter's weight; twice the rank is usual.",
    ),
    HyperparameterSpec(
        name="lora_dropout", label="LoRA dropout", type=_NUM, default=0.0, minimum=0, maximum=0.9, option=True,
        only_with=_LORA, help="Dropout inside the adapter.", methods=(SFT,),
    ),
    HyperparameterSpec(
        name="lora_target_modules", label="LoRA targets", type=_TEXT, default="all-linear", option=True,
        only_with=_LORA, help="all-linear, or names of the layers to adapt, separated by commas.",
    ),
)  # fmt: skip

# What "auto" becomes. The starter's are those of its measured recipe (app/samples/support_triage/recipe*.json). For
# other models, LoRA takes ten times the rate of full fine-tuning (Schulman et al. 2025, "LoRA without regret").
_STARTER: Mapping[str, Hyperparameter] = {
    "n_epochs": 4, "batch_size": 16, "learning_rate": 5e-4, "warmup_steps": 10, "dropout": 0.1, "adam_beta2": 0.99,
    "max_length": 256,
}  # fmt: skip
_STARTER_LORA: Mapping[str, Hyperparameter] = {**_STARTER, "n_epochs": 6, "learning_rate": 3e-3}
_OTHER: Mapping[str, Hyperparameter] = {
    "n_epochs": 3, "batch_size": 8, "learning_rate": 2e-5, "warmup_steps": 10, "dropout": 0.0, "adam_beta2": 0.999,
    "max_length": 1024,
}  # fmt: skip
_OTHER_LORA: Mapping[str, Hyperparameter] = {**_OTHER, "learning_rate": 2e-4}
# Preferences: TRL's rate (1e-6), ten times as much for LoRA; the starter's were measured (docs/local.md).
_DPO: Mapping[str, float] = {"other": 1e-6, "other_lora": 1e-5, "starter": 5e-5, "starter_lora": 5e-4}
_FRESH_ADAPTER = frozenset({"lora_r", "lora_alpha", "lora_dropout", "lora_target_modules"})


def specs(context_length: int | None, *, adapter: bool = False, starter: bool = False) -> Sequence[HyperparameterSpec]:
    """Return the knobs of a base model; max length ends at its context.

    An `adapter` as the base is trained further by default, and then has its size already.
    """
    asked = [spec for spec in _SPECS if not (adapter and spec.name in _FRESH_ADAPTER)]
    return tuple(_fitted(spec, context_length, adapter=adapter, starter=starter) for spec in asked)


def _fitted(
    spec: HyperparameterSpec, context_length: int | None, *, adapter: bool, starter: bool
) -> HyperparameterSpec:
    if spec.name == "learning_rate":
        rates = {each: float(_auto(each, starter=starter, lora=adapter)[spec.name]) for each in (SFT, DPO)}
        return replace(spec, auto_values=rates)
    if spec.name == "max_length" and context_length is not None:
        return replace(spec, maximum=context_length)
    if spec.name == "adapter" and adapter:
        reported = (
            "lora: the adapter is trained further. none: it is merged into its base first, and all weights are tuned."
        )
        return replace(spec, default="lora", help=reported)
    return spec


def presets(*, starter: bool) -> Sequence[Preset]:
    """Return the three presets: values besides them are left as they are."""
    epochs = (1, 4, 8) if starter else (1, 3, 5)
    return (
        Preset(
            id="quick", label="Quick look", values={"n_epochs": epochs[0], "checkpoints_per_epoch": 2},
            help="One pass over the rows: shows that everything works, and where the loss is going.",
        ),
        Preset(
            id="balanced", label="Balanced", values={"n_epochs": epochs[1], "checkpoints_per_epoch": 1},
            help="What usually serves best; the checkpoint of least validation loss is kept.",
        ),
        Preset(
            id="thorough", label="Thorough", values={"n_epochs": epochs[2], "checkpoints_per_epoch": 2},
            help="Twice as long, measured twice as often; the best checkpoint guards against too much.",
        ),
    )  # fmt: skip


def resolve(
    hyperparameters: Mapping[str, Hyperparameter],
    options: Mapping[str, Hyperparameter],
    *,
    method: str = SFT,
    starter: bool,
    adapter: bool = False,
    context_length: int | None,
    rows: int = 0,
) -> dict[str, Any]:
    """Return a value for every knob, defaults filled in and "auto" decided: what is sent to the trainer.

    `starter` and `adapter` tell what the base is, or goes back to. `rows`, where it is known, keeps the warm-up within
    the first fifth of a short training.

    Raises:
        Rejected: with a sentence per value that is unknown or out of range.
    """
    known = [spec for spec in specs(context_length, adapter=adapter) if spec.fits(method)]
    chosen, problems = check_values([spec for spec in known if not spec.option], hyperparameters, "/hyperparameters")
    more, more_problems = check_values([spec for spec in known if spec.option], options, "/options")
    if problems or more_problems:
        found = [*problems, *more_problems]
        raise Rejected(" ".join(problem.message for problem in found), fix=" ".join(problem.fix for problem in found))
    settings: dict[str, Any] = {"dropout": AUTO} | {spec.name: spec.default for spec in known} | chosen | more
    auto = _auto(method, starter=starter, lora=settings["adapter"] == "lora")
    for name, value in settings.items():
        if value == AUTO:
            settings[name] = auto[name]
    if rows and chosen.get("warmup_steps", AUTO) == AUTO:
        settings["warmup_steps"] = min(int(auto["warmup_steps"]), trl_arguments.total_steps(rows, settings) // 5)
    if context_length is not None and settings["max_length"] == auto["max_length"]:
        settings["max_length"] = min(int(auto["max_length"]), context_length)
    return settings


def rate_for_lora(
    chosen: Mapping[str, Hyperparameter], settings: Mapping[str, Any], *, method: str, starter: bool
) -> float | None:
    """Return the rate that LoRA takes by default, where it was given one that is tuning of all weights' or less."""
    given = chosen.get("learning_rate", AUTO)
    if settings["adapter"] != "lora" or not isinstance(given, int | float):
        return None
    whole, lora = (float(_auto(method, starter=starter, lora=each)["learning_rate"]) for each in (False, True))
    return lora if given <= whole else None


def _auto(method: str, *, starter: bool, lora: bool) -> Mapping[str, Hyperparameter]:
    auto = (_STARTER_LORA if lora else _STARTER) if starter else (_OTHER_LORA if lora else _OTHER)
    if method != DPO:
        return auto
    rate = _DPO[f"{'starter' if starter else 'other'}{'_lora' if lora else ''}"]
    return {**auto, "n_epochs": 2 if starter else 1, "learning_rate": rate, "dropout": 0.0}
