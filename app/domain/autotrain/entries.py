"""Answers of a draft as they come out of a configuration, each with the entry that tells how."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.domain.autotrain.parameters import PARAMETERS
from app.domain.autotrain.reading import DPO, Configuration, shown
from app.domain.autotrain.report import LineOutcome, ReportLine
from app.domain.autotrain.secret_words import HIDDEN
from app.domain.datasets import Dataset
from app.domain.hyperparameters import Hyperparameter, HyperparameterSpec, check_value
from app.domain.jobs import Method

TAKEN, CHANGED, LEFT_OUT = LineOutcome.TAKEN, LineOutcome.CHANGED, LineOutcome.LEFT_OUT


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the configuration becomes a draft of, as far as that is chosen.

    `specs` are the settings of the base model on the connection, None where they are not known; `total_steps` says how
    many optimizer steps the chosen rows make with such settings.
    """

    training: Dataset | None = None
    validation: Dataset | None = None
    specs: Sequence[HyperparameterSpec] | None = None
    total_steps: Callable[[Mapping[str, Any]], int] | None = None


@dataclass
class Answers:
    """The answers so far. `settings` are those of the last step, `fields` the others."""

    file: Configuration
    around: Surroundings
    entries: list[ReportLine] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, dict[str, Hyperparameter]] = field(
        default_factory=lambda: {"hyperparameters": {}, "options": {}}
    )

    @property
    def method(self) -> Method:
        """How the model is to learn."""
        return Method.DPO if self.file.trainer == DPO else Method.SFT

    def spec(self, group: str, name: str) -> HyperparameterSpec | None:
        """Return the base model's setting of that name, if it has one."""
        fitting = [each for each in self.around.specs or () if each.name == name and each.fits(self.method.value)]
        return next((each for each in fitting if each.option == (group == "options")), None)

    def say(self, outcome: LineOutcome, name: str, why: str = "", *, pointer: str = "", becomes: object = None) -> None:
        """Add the entry of one of AutoTrain's parameters, with its value by the file, or by default."""
        given = self.file.given.get(name)
        self.entries.append(
            ReportLine(
                outcome=outcome,
                parameter=given.where if given is not None else f"params.{name}",
                value=HIDDEN if name == "token" else shown(self.file.value(name)),
                by_default=given is None,
                field=pointer,
                becomes="" if becomes is None else shown(becomes),
                why=why,
            )
        )

    def say_besides(
        self, outcome: LineOutcome, what: str, value: object, why: str, *, pointer: str = "", becomes: object = None
    ) -> ReportLine:
        """Add, and return, the entry of what is none of the trainer's parameters."""
        text = "" if becomes is None else shown(becomes)
        said = ReportLine(
            outcome=outcome, parameter=what, value=shown(value, what), field=pointer, becomes=text, why=why
        )
        self.entries.append(said)
        return said

    def say_always(
        self, outcome: LineOutcome, what: str, value: object, why: str, *, pointer: str = "", becomes: object = None
    ) -> None:
        """Add the entry of what AutoTrain does, whatever a file says."""
        said = self.say_besides(outcome, what, value, why, pointer=pointer, becomes=becomes)
        self.entries[-1] = replace(said, by_default=True)

    def copy(self, name: str) -> None:
        """Take a parameter that means the same here."""
        value = self.file.value(name)
        value = PARAMETERS[name].default if value is None else value  # null says nothing: the default counts
        if value is not None:
            self.set(name, PARAMETERS[name].field, value)

    def set(self, name: str, pointer: str, value: Hyperparameter, why: str = "", *, changed: bool = False) -> None:
        """Make a value the answer at `pointer`, moved into the setting's range where it is out of it."""
        group, _, target = pointer.strip("/").partition("/")
        spec, fitted = self.spec(group, target), value
        if spec is not None:
            fitted = _fitted(spec, value)
        elif self.around.specs is not None:
            self.say(LEFT_OUT, name, "The base model has no such setting on this connection.")
            return
        if spec is not None and fitted != value:
            why = f"Here it goes from {_bounds(spec)}. {why}".strip()
        self.settings[group][target] = fitted
        self.say(CHANGED if changed or fitted != value else TAKEN, name, why, pointer=pointer, becomes=fitted)


def _fitted(spec: HyperparameterSpec, value: Hyperparameter) -> Hyperparameter:
    """Return the value, or the nearest one that the setting takes."""
    checked, problem = check_value(spec, value, "")
    if problem is None and checked is not None:
        return checked
    if isinstance(value, int | float) and not isinstance(value, bool):
        if spec.maximum is not None and value > spec.maximum:
            return type(value)(spec.maximum)
        if spec.minimum is not None and value < spec.minimum:
            return type(value)(spec.minimum)
    return spec.default


def _bounds(spec: HyperparameterSpec) -> str:
    low, high = ("…" if each is None else f"{each:g}" for each in (spec.minimum, spec.maximum))
    return f"{low} to {high}"
