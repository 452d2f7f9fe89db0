"""A backend's knobs as data: what the wizard's form, REST and the checks are made from."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from app.domain.errors import Problem

Hyperparameter = int | float | str | bool
AUTO = "auto"


class HyperparameterType(StrEnum):
    """The kind of value a knob takes."""

    INTEGER = "integer"
    NUMBER = "number"
    STRING = "string"
    BOOLEAN = "boolean"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperparameterSpec:
    """One knob: its field-standard name, range (both ends included), default, and a sentence of help."""

    name: str
    label: str
    type: HyperparameterType
    default: Hyperparameter
    auto: bool = False
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: bool = False
    choices: Sequence[str] = ()
    help: str = ""
    unit: str = ""
    advanced: bool = False
    option: bool = False  # belongs to `options` rather than to `hyperparameters`
    methods: Sequence[str] = ()  # of training, where it is for some of them only
    only_with: str = ""  # a choice without which it counts for nothing, as "name=value": "adapter=lora"
    # What "auto" stands for by method, where that is known before, and as long as no option is chosen.
    auto_values: Mapping[str, float] = field(default_factory=dict)

    def fits(self, method: str) -> bool:
        """Whether the knob is there for a method of training."""
        return not self.methods or method in self.methods


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A named set of values, with what it costs in words."""

    id: str
    label: str
    help: str
    values: Mapping[str, Hyperparameter]


def check_value(spec: HyperparameterSpec, value: object, pointer: str) -> tuple[Hyperparameter | None, Problem | None]:
    """Return (value, None) if `value` fits `spec`, else (None, problem). Text is read as the spec's type."""
    if isinstance(value, str) and (not value.strip() or value.strip() == AUTO):
        return (AUTO, None) if spec.auto else (spec.default, None)
    match spec.type:
        case HyperparameterType.INTEGER | HyperparameterType.NUMBER:
            return _check_number(spec, value, pointer)
        case HyperparameterType.BOOLEAN:
            return _check_boolean(spec, value, pointer)
        case HyperparameterType.CHOICE:
            good = isinstance(value, str) and value in spec.choices
            return _text_or(spec, value if good else None, pointer, f"must be one of {', '.join(spec.choices)}")
        case HyperparameterType.STRING:
            return _text_or(spec, value, pointer, "must be text")


def check_values(
    specs: Sequence[HyperparameterSpec], values: Mapping[str, object], pointer: str
) -> tuple[dict[str, Hyperparameter], list[Problem]]:
    """Check every given value against its spec; unknown names are problems. Missing names are left out."""
    known = {spec.name: spec for spec in specs}
    good: dict[str, Hyperparameter] = {}
    problems: list[Problem] = []
    for name, value in values.items():
        where = f"{pointer}/{name}"
        spec = known.get(name)
        if spec is None:
            names = ", ".join(sorted(known))
            problems.append(
                Problem(where, "unknown", f"{name} is not a setting of this model.", f"Use one of {names}.")
            )
            continue
        checked, problem = check_value(spec, value, where)
        if problem is not None:
            problems.append(problem)
        elif checked is not None:
            good[name] = checked
    return good, problems


def with_defaults(
    specs: Sequence[HyperparameterSpec], values: Mapping[str, Hyperparameter]
) -> dict[str, Hyperparameter]:
    """Return every knob with its value or default."""
    return {
        spec.name: values.get(spec.name, AUTO if spec.auto and spec.default == AUTO else spec.default) for spec in specs
    }


def _check_number(
    spec: HyperparameterSpec, value: object, pointer: str
) -> tuple[Hyperparameter | None, Problem | None]:
    whole = spec.type is HyperparameterType.INTEGER
    wanted = "a whole number" if whole else "a number"
    number = _read_number(value, whole=whole)
    if number is None or not math.isfinite(number):
        return None, _problem(spec, pointer, f"must be {wanted}", _range_hint(spec))
    low, high = spec.minimum, spec.maximum
    too_low = low is not None and (number < low or (spec.exclusive_minimum and number == low))
    if too_low or (high is not None and number > high):
        return None, _problem(spec, pointer, f"is out of range: {number:g}", _range_hint(spec))
    return number, None


def _read_number(value: object, *, whole: bool) -> int | float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            value = int(value) if whole else float(value)
        except (ValueError, OverflowError):
            return None
    if isinstance(value, int):
        # Integers beyond 2^53 cannot be told apart as doubles, and none of our knobs means one.
        return value if abs(value) <= 2**53 else None
    if isinstance(value, float):
        if whole:
            return int(value) if math.isfinite(value) and value.is_integer() else None
        return value
    return None


def _check_boolean(
    spec: HyperparameterSpec, value: object, pointer: str
) -> tuple[Hyperparameter | None, Problem | None]:
    if isinstance(value, bool):
        return value, None
    if value in {"true", "on", "1"}:
        return True, None
    if value in {"false", "off", "0"}:
        return False, None
    return None, _problem(spec, pointer, "must be true or false", "Switch it on or off.")


def _text_or(
    spec: HyperparameterSpec, value: object, pointer: str, what: str
) -> tuple[Hyperparameter | None, Problem | None]:
    return (value, None) if isinstance(value, str) else (None, _problem(spec, pointer, what, "Choose another value."))


def _range_hint(spec: HyperparameterSpec) -> str:
    low = "" if spec.minimum is None else f"{spec.minimum:g}"
    high = "" if spec.maximum is None else f"{spec.maximum:g}"
    example = f", for example {spec.default}" if spec.default != AUTO else ""
    if low and high:
        start = f"a number above {low} and up to {high}" if spec.exclusive_minimum else f"a number from {low} to {high}"
        return f"Enter {start}{example}."
    if low:
        return f"Enter a number {'above' if spec.exclusive_minimum else 'of at least'} {low}{example}."
    return f"Enter a number{example}."


def _problem(spec: HyperparameterSpec, pointer: str, what: str, fix: str) -> Problem:
    return Problem(pointer, "invalid", f"{spec.label} {what}.", fix)
