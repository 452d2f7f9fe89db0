"""From a configuration to a draft's answers, with an entry for every line of it and for AutoTrain's own defaults."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.autotrain import lengths, rows
from app.domain.autotrain.entries import CHANGED, LEFT_OUT, TAKEN, Answers, Surroundings
from app.domain.autotrain.parameters import OPTIMIZER, PARAMETERS, SCHEDULER, SCHEDULERS
from app.domain.autotrain.reading import DPO, GENERIC, SFT, Configuration, shown
from app.domain.autotrain.report import ImportReport
from app.domain.jobs import Method
from app.domain.names import MODEL_NAME

_NAME_LIMIT = 64
_MAX_SEED = 2**31 - 1
_ONLY_WITH_ADAPTER = ("lora_r", "lora_alpha", "lora_dropout", "target_modules")
_HUB_NAME = re.compile(r"[\w-][\w.-]*(?:/[\w.-]+)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """A draft's answers, and what became of each line."""

    fields: Mapping[str, Any]
    report: ImportReport


def translate(configuration: Configuration, around: Surroundings) -> Translation:
    """Return the answers and the report; whatever the configuration says stands in the report."""
    answers = Answers(configuration, around)
    for part in (_task, _model, rows.answer, _copies, _length, _named, _seed, _adapter, _warmup, _rest):
        part(answers)
    fields = {**answers.fields, **{name: values for name, values in answers.settings.items() if values}}
    return Translation(fields=fields, report=ImportReport.of(answers.entries))


def _task(answers: Answers) -> None:
    file, method = answers.file, answers.method.value
    answers.fields["method"] = method
    joined = (
        "AutoTrain joins all rows and cuts the whole into blocks; here each row is learned by itself, and what is "
        "beyond the max length is cut off."
    )
    outcome, why = (CHANGED, joined) if file.trainer == GENERIC else (TAKEN, "")
    answers.say_besides(outcome, "task", file.task, why, pointer="/method", becomes=method)
    if "trainer" in file.given:
        answers.say(TAKEN, "trainer", "It beats the task, as in AutoTrain.", pointer="/method", becomes=method)
    if file.trainer == SFT:
        why = "AutoTrain packs rows into full blocks; here no row sees another one's text."
        answers.say_always(CHANGED, "packing", value=True, why=why, becomes=False)
    name = "assistant_only_loss"
    known = answers.around.specs is None or answers.spec("hyperparameters", name) is not None
    if file.trainer != DPO and known:
        answers.settings["hyperparameters"][name] = False
        why = "AutoTrain learns from every token, also of what is asked."
        answers.say_always(TAKEN, name, value=False, why=why, pointer=f"/hyperparameters/{name}", becomes=False)


def base_model(configuration: Configuration) -> str:
    """Return the id here of the configuration's base model: a directory, or a name at the hub."""
    base = configuration.text("model")
    return f"path:{base}" if base.startswith("/") else f"hf:{base}" if _HUB_NAME.fullmatch(base) else base


def _model(answers: Answers) -> None:
    base, name, identifier = answers.file.text("model"), answers.file.text("project_name"), base_model(answers.file)
    answers.fields["base_model"] = identifier
    two = "Names at the hub have two parts today, as openai-community/gpt2 has: choose the model in the wizard."
    bare = "/" not in base and identifier != base
    answers.say(TAKEN, "model", two if bare else "", pointer="/base_model", becomes=identifier)
    if not name:
        return
    fitting = re.sub(r"[^a-z0-9]+", "-", name.lower())[:_NAME_LIMIT].strip("-")
    rule = "A model's name has lower-case letters, digits and hyphens."
    if not MODEL_NAME.match(fitting):
        answers.say(LEFT_OUT, "project_name", f"{rule} Choose one in the wizard.")
        return
    answers.fields["name"] = fitting
    outcome, why = (TAKEN, "") if fitting == name else (CHANGED, rule)
    answers.say(outcome, "project_name", why, pointer="/name", becomes=fitting)


def _copies(answers: Answers) -> None:
    """Take what means the same here."""
    for name, parameter in PARAMETERS.items():
        if not parameter.field or name in _ONLY_WITH_ADAPTER:
            continue
        if name != "dpo_beta" or answers.method is Method.DPO:
            answers.copy(name)
        elif name in answers.file.given:
            answers.say(LEFT_OUT, name, "Only DPO has it.")
    name, pointer = "disable_gradient_checkpointing", "/hyperparameters/activation_checkpointing"
    answers.set(name, pointer, not answers.file.value(name), "Said the other way round here: true saves memory.")


def _length(answers: Answers) -> None:
    block, tokenizer = answers.file.value("block_size"), answers.file.value("model_max_length")
    length = lengths.of(block, tokenizer)
    cut = lengths.is_set(block) and block != length
    why = f"model_max_length is less, and cuts it to {length} in AutoTrain, too." if cut else ""
    if not lengths.is_set(block):
        why = f"Unset, AutoTrain takes what the tokenizer may have, and at most {lengths.UNSET}."
    answers.set("block_size", "/hyperparameters/max_length", length, why, changed=cut)
    if "model_max_length" in answers.file.given:
        answers.say(LEFT_OUT, "model_max_length", "It bounds block_size, which has become the max length.")


def _named(answers: Answers) -> None:
    """Take the optimizer and the schedule by their names, or what does nearly the same here."""
    near: tuple[tuple[str, str, Mapping[str, str], str], ...] = (
        ("optimizer", "optimizer", {}, OPTIMIZER),
        ("scheduler", "lr_scheduler", SCHEDULERS, SCHEDULER),
    )
    for name, ours, alike, fallback in near:
        value = answers.file.text(name).lower() or fallback
        spec = answers.spec("hyperparameters", ours)
        offered = spec.choices if spec is not None else (value,)
        becomes, why = (value, "") if value in offered else (alike.get(value, fallback), "")
        if becomes != value:
            why = f"Offered here are {', '.join(offered)}; {becomes} comes nearest."
        if becomes != value and "adamw" in value:
            why = f"{becomes} is the same rule, with its state in full precision."
        answers.set(name, f"/hyperparameters/{ours}", becomes, why, changed=becomes != value)


def _seed(answers: Answers) -> None:
    value = answers.file.value("seed")
    if not isinstance(value, int) or not 0 <= value <= _MAX_SEED:
        answers.say(LEFT_OUT, "seed", f"A seed is a whole number from 0 to {_MAX_SEED:,}: one is drawn.")
        return
    answers.fields["seed"] = value
    why = "AutoTrain never hands it to its trainer, which takes 42 whatever the file says; here it counts."
    why = "" if value == PARAMETERS["seed"].default else why
    answers.say(TAKEN, "seed", why, pointer="/seed", becomes=value)


def _adapter(answers: Answers) -> None:
    file, wanted = answers.file, bool(answers.file.value("peft"))
    answers.set("peft", "/options/adapter", "lora" if wanted else "none")
    bits = file.text("quantization")
    if wanted and bits:
        why = "The base is loaded unquantised, which takes more memory: the estimate says how much."
        answers.say(CHANGED, "quantization", why, becomes="none")
    elif "quantization" in file.given:
        why = "AutoTrain ignores it without peft: true."
        answers.say(*((LEFT_OUT, "quantization", why) if bits else (TAKEN, "quantization")))
    for name in _ONLY_WITH_ADAPTER:
        if wanted and not (name == "lora_dropout" and answers.method is Method.DPO):
            answers.copy(name)
        elif name in file.given:
            why = "DPO runs without dropout here, as TRL has it." if wanted else "It counts only with peft: true."
            answers.say(LEFT_OUT, name, why)


def _warmup(answers: Answers) -> None:
    ratio, total = answers.file.value("warmup_ratio"), answers.around.total_steps
    share = min(max(float(ratio), 0.0), 1.0) if isinstance(ratio, int | float) else 0.0
    if total is None:
        why = "It is a share of the steps, which are known once rows are chosen: until then the warm-up is automatic."
        answers.say(LEFT_OUT, "warmup_ratio", why)
        return
    steps = total(answers.settings["hyperparameters"])
    why = f"{shown(share)} of this training's {steps} steps."
    answers.set("warmup_ratio", "/hyperparameters/warmup_steps", math.ceil(share * steps), why)


def _rest(answers: Answers) -> None:
    """Leave out, with its reason, whatever else the file says."""
    for name in answers.file.given:
        if PARAMETERS[name].why:
            answers.say(LEFT_OUT, name, PARAMETERS[name].why)
    if answers.file.backend:
        answers.say_besides(LEFT_OUT, "backend", answers.file.backend, "Where it trains is the connection's choice.")
    for each in answers.file.unknown:
        why = "AutoTrain's last version has no parameter of this name."
        answers.say_besides(LEFT_OUT, each.where, each.value, why)
