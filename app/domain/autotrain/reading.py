"""From the YAML to a configuration: which task it is, and each parameter with the line that says it.

Precedence is AutoTrain's: the columns, `data`, `log` and `hub` come first, and what stands in `params` beats them all.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.autotrain.parameters import OTHER_TASKS, PARAMETERS, Kind, Value
from app.domain.autotrain.secret_words import HIDDEN, SECRET_NAME, without_tokens
from app.domain.errors import Invalid, Problem

SFT, DPO, GENERIC = "sft", "dpo", "default"
_TRAINED = "llm-sft, llm-generic and llm-dpo"
_REFUSED: Mapping[str, tuple[str, str]] = {
    "orpo": (
        "ORPO (llm-orpo) is not trained here.",
        "Keep the rows and write task: llm-dpo: it learns from the same three columns, best after a run of llm-sft.",
    ),
    "reward": (
        "A reward model (llm-reward) scores answers instead of writing them, and is not trained here.",
        "To learn from the same preferences directly, add prompt_text_column and write task: llm-dpo.",
    ),
    "grpo": (
        "GRPO (llm-grpo) needs a function that scores answers, and is not trained here.",
        "Where the rows have right answers, write task: llm-sft; where they have pairs, task: llm-dpo.",
    ),
}
_TRAINERS = {"sft": SFT, "dpo": DPO, "default": GENERIC, "generic": GENERIC}
_TRUE, _FALSE = frozenset({"true", "yes", "on", "1", "t", "y"}), frozenset({"false", "no", "off", "0", "f", "n"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A parameter as the file says it: where, and the value as its kind."""

    name: str
    where: str  # "params.lr"
    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """What AutoTrain has no name for, or TuneDesk nothing to do with; `value` is shown, and never a secret."""

    where: str
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """A configuration for a task that is trained here. `given` has known parameters by name, each once."""

    task: str
    trainer: str  # SFT, DPO or GENERIC
    backend: str
    given: Mapping[str, Given]
    unknown: tuple[Unknown, ...]

    def value(self, name: str) -> Value:
        """Return what a parameter is, by the file or by AutoTrain's default."""
        return self.given[name].value if name in self.given else PARAMETERS[name].default

    def text(self, name: str) -> str:
        """Return a parameter's text; "" where it is null, or says none."""
        value = self.value(name)
        return "" if value is None or str(value).lower() == "none" else str(value)


def read(value: Mapping[str, Any]) -> Configuration:
    """Return the configuration behind the YAML's mapping.

    Raises:
        Invalid: it is of a task that is not trained here, by name; or with everything that is missing or of a wrong
            type, at once.
    """
    task = value.get("task")
    if not isinstance(task, str) or not task.strip():
        message = "The configuration names no task, so it is none of AutoTrain's."
        raise Invalid([Problem("/task", "missing", message, f"Write one of {_TRAINED}.")])
    reading = _Reading()
    reading.sections(value)
    trainer = _trainer(task.strip().lower(), reading.given.get("trainer"))
    problems = reading.problems
    if not reading.given.get("model") or not reading.given["model"].value:
        fix = "Write the model's name at the hub, or a whole path, as base_model."
        problems.append(Problem("/base_model", "missing", "The configuration names no base model.", fix))
    if problems:
        raise Invalid(problems)
    backend = value.get("backend")
    return Configuration(
        task=task.strip(),
        trainer=trainer,
        backend=str(backend)[:60] if backend is not None else "",
        given=reading.given,
        unknown=tuple(reading.unknown),
    )


def _trainer(task: str, given: Given | None) -> str:
    """Return the trainer; `params` beats the task's own."""
    if task.startswith("llm-"):
        wanted = task.removeprefix("llm-")
        if wanted == "default":  # no alias of AutoTrain's either
            raise _not_trained("AutoTrain has no task llm-default.", "Write task: llm-generic.")
    elif task in {"llm", "lm_training"}:
        wanted = "default"
    elif task.startswith(OTHER_TASKS):
        message = f"{task[:60]} is a task of AutoTrain, and not one that tunes a language model."
        raise _not_trained(message, f"TuneDesk trains {_TRAINED}.")
    else:
        raise _not_trained(f"{task[:60]!r} is no task of AutoTrain.", f"Write one of {_TRAINED}.")
    pointer = "/task"
    if given is not None and given.value is not None:
        wanted, pointer = str(given.value).strip().lower(), f"/{given.where.replace('.', '/')}"
    if wanted in _REFUSED:
        raise Invalid([Problem(pointer, "not_trained", *_REFUSED[wanted])])
    if wanted not in _TRAINERS:
        message = f"AutoTrain has no language-model trainer {wanted[:60]!r}."
        raise Invalid([Problem(pointer, "not_trained", message, f"Write one of {_TRAINED}.")])
    return _TRAINERS[wanted]


def _not_trained(message: str, fix: str) -> Invalid:
    return Invalid([Problem("/task", "not_trained", message, fix)])


class _Reading:
    """One reading of the file's sections, in the order in which AutoTrain lays them over one another."""

    def __init__(self) -> None:
        self.given: dict[str, Given] = {}
        self.unknown: list[Unknown] = []
        self.problems: list[Problem] = []

    def sections(self, value: Mapping[str, Any]) -> None:
        names = {"base_model": "model", "project_name": "project_name", "log": "log"}
        for name, raw in value.items():
            if name in names:
                self._take(names[name], name, raw)
            elif name not in {"task", "backend", "data", "params", "hub"}:
                self._leave(name, raw)
        data = dict(self._section(value, "data"))
        for name, raw in self._section(data, "column_mapping", "data.").items():
            self._take(name, f"data.column_mapping.{name}", raw)
        data.pop("column_mapping", None)
        for name, raw in data.items():
            self._take("data_path" if name == "path" else name, f"data.{name}", raw)
        for name in ("hub", "params"):
            for inner, raw in self._section(value, name).items():
                self._take(inner, f"{name}.{inner}", raw)

    def _section(self, value: Mapping[str, Any], name: str, before: str = "") -> Mapping[str, Any]:
        section = value.get(name)
        if section is None:
            return {}
        if isinstance(section, dict):
            return section
        pointer = f"/{(before + name).replace('.', '/')}"
        self.problems.append(
            Problem(pointer, "type", f"{before}{name} is no mapping of names to values.", "Write one.")
        )
        return {}

    def _take(self, name: str, where: str, raw: Any) -> None:  # noqa: ANN401 -- whatever YAML writes
        parameter = PARAMETERS.get(name)
        if parameter is None:
            self._leave(where, raw)
            return
        if name == "token":  # not even looked at
            self.given[name] = Given(name=name, where=where, value=None)
            return
        value = as_kind(raw, parameter.kind)
        if value is None and raw is not None:
            message = f"{where} must be {parameter.kind}, and is {shown(raw, name)}."
            pointer = f"/{where.replace('.', '/')}"
            fix = (
                "Put it into quotation marks." if parameter.kind is Kind.TEXT else "Correct it, or leave the line out."
            )
            self.problems.append(Problem(pointer, "type", message, fix))
            return
        if value is None and parameter.default is not None and name not in _NULLABLE:
            return  # a line without a value says nothing
        self.given[name] = Given(name=name, where=where, value=value)

    def _leave(self, where: str, raw: Any) -> None:  # noqa: ANN401
        self.unknown.append(Unknown(where=where, value=raw))


_NULLABLE = frozenset({"quantization", "padding", "target_modules"})  # null is a value of theirs, beside a default


def as_kind(raw: object, kind: Kind) -> Value:
    """Return a value as a parameter's kind; None for null, and for what is not of it."""
    match kind:
        case Kind.TEXT:
            return {True: "yes", False: "no"}[raw] if isinstance(raw, bool) else raw if isinstance(raw, str) else None
        case Kind.BOOLEAN:
            word = str(raw).strip().lower() if isinstance(raw, bool | str | int) else ""
            return True if word in _TRUE else False if word in _FALSE else None
        case Kind.NUMBER | Kind.INTEGER:
            number = _number(raw)
            if number is None or kind is Kind.NUMBER:
                return number
            return int(number) if number.is_integer() else None


def _number(raw: object) -> float | None:
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        return None
    try:
        number = float(raw)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and abs(number) <= 2**53 else None


def shown(value: object, name: str = "") -> str:
    """Return a value for a report, as YAML has it, cut; what is secret by its name is hidden."""
    if SECRET_NAME.search(name.rpartition(".")[2]) and name.rpartition(".")[2] not in PARAMETERS:
        return HIDDEN
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case float():
            return f"{value:.10g}"
        case list() | dict():
            return f"{'a list' if isinstance(value, list) else 'a mapping'} of {len(value)}"
        case _:
            text = without_tokens("".join(each if each.isprintable() else "�" for each in str(value)))
            return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


_SHOWN = 80
