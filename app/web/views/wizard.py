"""The wizard's pages as values: marks of the stepper, lines of the readiness card, fields out of forms and back."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.catalog import CatalogModel
from app.domain.datasets import Dataset
from app.domain.drafts import STEPS, DraftReview, JobDraft, Step
from app.domain.errors import Problem
from app.domain.hyperparameters import AUTO, HyperparameterSpec, HyperparameterType, Preset
from app.domain.jobs import Method, SplitStrategy, ValidationKind
from app.domain.projects import Project
from app.domain.splits import SplitSpec
from app.web.i18n import gettext as _
from app.web.views.parts import CheckItem, FieldError, StepMark

OTHER = "other"
NEW = "new"
_PERCENT = 100
REVIEW = "review"
_DIRECTORY_OR_HUB_ID = re.compile(r"(?:path:)?~?/.+|(?:hf:)?[\w.-]+/[\w.-]+", re.ASCII)


def labels() -> dict[str, str]:
    """Return the steps' names for people, in their order, Review last."""
    return {
        Step.PROJECT.value: _("Project"),
        Step.MODEL.value: _("Model"),
        Step.DATA.value: _("Data"),
        Step.VALIDATION.value: _("Validation"),
        Step.HYPERPARAMETERS.value: _("Hyperparameters"),
        REVIEW: _("Review"),
    }


def after(step: Step) -> str:
    """Return the step that follows, the review behind the last."""
    position = STEPS.index(step) + 1
    return STEPS[position].value if position < len(STEPS) else REVIEW


def before(step: Step) -> str:
    """Return the step before, the first one's being itself."""
    return STEPS[max(STEPS.index(step) - 1, 0)].value


def marks(review: DraftReview, current: str) -> list[StepMark]:
    """Return the stepper: a step is done once it was visited and nothing in it is wrong."""
    draft, answers = review.draft, _answers(review)
    result = []
    for name, label in labels().items():
        href = f"/wizard/{draft.id}/{name}"
        if name == REVIEW:
            result.append(StepMark(label=label, href=href, current=current == REVIEW))
            continue
        step = Step(name)
        state = "todo" if step not in draft.visited else "error" if review.problems[step] else "done"
        answer = answers[step] if step in draft.visited else ""
        result.append(StepMark(label=label, state=state, href=href, answer=answer, current=name == current))
    return result


def _answers(review: DraftReview) -> dict[Step, str]:
    draft, chosen = review.draft, review.checked
    rows = chosen.training.rows if chosen.training else None
    epochs = values_of(draft, "hyperparameters").get("n_epochs")
    return {
        Step.PROJECT: chosen.project.name if chosen.project else "",
        Step.MODEL: chosen.model.name if chosen.model else "",
        Step.DATA: _("%(n)d rows") % {"n": rows} if rows else "",
        Step.VALIDATION: {
            ValidationKind.DATASET.value: _("a dataset"),
            ValidationKind.SPLIT.value: _("automatic split"),
            ValidationKind.NONE.value: _("none"),
        }.get(str(values_of(draft, "validation").get("kind", "")), ""),
        Step.HYPERPARAMETERS: _("%(n)s epochs") % {"n": epochs} if epochs else _("defaults"),
    }


def readiness(review: DraftReview) -> list[CheckItem]:
    """Return the checklist: what blocks, what might surprise, what is still to come, and what is in order."""
    items, draft = [], review.draft
    for step in STEPS:
        href = f"/wizard/{draft.id}/{step.value}"
        problems = review.problems[step]
        if step not in draft.visited:
            items.append(CheckItem(tone="wait", text=labels()[step.value], href=href))
        elif not problems:
            items.append(CheckItem(tone="ok", text=labels()[step.value]))
        items += [_blocker(problem, href) for problem in problems if step in draft.visited]
    known = {problem.message for problems in review.problems.values() for problem in problems}
    items += [
        CheckItem(
            tone="bad", text=f"{each.message} {each.fix}".strip(), href=_field_href(draft, each.step, each.pointer)
        )
        for each in review.blockers
        if each.message not in known
    ]
    items += [
        CheckItem(
            tone="warn", text=f"{each.message} {each.fix}".strip(), href=_field_href(draft, each.step, each.pointer)
        )
        for each in review.warnings
    ]
    return items


def missing(review: DraftReview) -> list[CheckItem]:
    """Return everything that still blocks the submit, visited or not, each as a link to its field."""
    draft = review.draft
    found = [
        CheckItem(tone="bad", text=each.message, href=_field_href(draft, step.value, each.pointer))
        for step in STEPS
        for each in review.problems[step]
    ]
    known = {item.text for item in found}
    return found + [
        CheckItem(tone="bad", text=each.message, href=_field_href(draft, each.step, each.pointer))
        for each in review.blockers
        if each.message not in known
    ]


def _blocker(problem: Problem, href: str) -> CheckItem:
    return CheckItem(tone="bad", text=problem.message, href=f"{href}#{anchor(problem.pointer)}")


def _field_href(draft: JobDraft, step: str, pointer: str) -> str:
    return f"/wizard/{draft.id}/{step or Step.PROJECT.value}#{anchor(pointer)}"


def anchor(pointer: str) -> str:
    """Return the id of the field that a pointer names."""
    name = pointer.strip("/").replace("/", "-")
    return "validation-kind" if name == "validation" else name


def errors_by_field(problems: Sequence[Problem]) -> dict[str, str]:
    """Return the first sentence for each field's id."""
    sentences: dict[str, str] = {}
    for problem in problems:
        sentences.setdefault(anchor(problem.pointer), f"{problem.message} {problem.fix}".strip())
    return sentences


def error_links(problems: Sequence[Problem]) -> list[FieldError]:
    """Return the summary's lines."""
    return [FieldError(field=anchor(each.pointer), message=each.message) for each in problems]


def options(things: Sequence[Project] | Sequence[Dataset]) -> list[tuple[str, str]]:
    """Return (id, name) for a select; a dataset's rows stand behind its name."""
    return [
        (each.id, f"{each.name} ({each.rows})" if isinstance(each, Dataset) and each.rows else each.name)
        for each in things
    ]


def values_of(draft: JobDraft, name: str) -> Mapping[str, Any]:
    """Return an answer that is an object; anything else that was stored there is an empty one."""
    value = draft.values.get(name)
    return value if isinstance(value, Mapping) else {}


def fields_of(step: Step, form: Mapping[str, str]) -> dict[str, Any]:
    """Return a step's form as the fields of a job; empty answers are None, which takes them back."""
    match step:
        case Step.PROJECT:
            project = form.get("project", "")
            return {"project": None if project in {"", NEW} else project, "connection": form.get("connection") or None}
        case Step.MODEL:
            chosen = form.get("base_model", "")
            model = form.get("base_model_other", "").strip() if chosen == OTHER else chosen
            return {"base_model": model or None} | {
                name: form.get(name, "").strip() or None for name in ("name", "task_type", "method")
            }
        case Step.DATA:
            return {"training_dataset": form.get("training_dataset") or None}
        case Step.VALIDATION:
            test = form.get("test_dataset") or None
            validation = _validation(form)
            if test is not None:
                validation.pop("test_ratio", None)  # the share that is offered is for those who have no such dataset
            return {"validation": validation, "test_dataset": test}
        case Step.HYPERPARAMETERS:
            return {
                "hyperparameters": _group(form, "hyperparameters."),
                "options": _group(form, "options."),
                "seed": form.get("seed", "").strip() or None,
            }


def named_model(text: str) -> str:
    """Return what was searched for where it names a model that no list holds: a directory, or an id of the hub."""
    wanted = text.strip()
    return wanted if _DIRECTORY_OR_HUB_ID.fullmatch(wanted) else ""


def _validation(form: Mapping[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {"kind": form.get("validation.kind") or ValidationKind.NONE.value}
    for name in ("dataset", "seed", "strategy", "key"):
        fields[name] = form.get(f"validation.{name}", "").strip()
    for name in ("ratio", "test_ratio"):
        fields[name] = _share(form.get(f"validation.{name}", ""))
    return {name: value for name, value in fields.items() if value not in {"", None}}


def _share(text: str) -> float | str:
    """Return a percentage as a share; text that is no number stays as it was typed, so that it can be told."""
    try:
        return round(float(text) / _PERCENT, 6) if text.strip() else ""
    except ValueError:
        return text


def _group(form: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {
        name.removeprefix(prefix): value.strip()
        for name, value in form.items()
        if name.startswith(prefix) and value.strip()
    }


def percent_of(value: object, otherwise: int) -> str:
    """Return a stored share as the percentage that its slider shows."""
    try:
        return f"{float(str(value)) * _PERCENT:g}"
    except ValueError:
        return str(otherwise)


def preset_fields(preset: Preset, model: CatalogModel, draft: JobDraft) -> dict[str, Any]:
    """Return the answers of the last step with a preset's values laid over them."""
    options = {spec.name for spec in model.hyperparameters if spec.option}
    over = {name: value for name, value in preset.values.items() if name not in options}
    over_options = {name: value for name, value in preset.values.items() if name in options}
    return {
        "hyperparameters": {**values_of(draft, "hyperparameters"), **over},
        "options": {**values_of(draft, "options"), **over_options},
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperparameterField:
    """One field of the last step: its spec, its ids, its value as text, and its choices where it has some."""

    spec: HyperparameterSpec
    id: str
    name: str
    value: str
    choices: Sequence[tuple[str, str]] = ()
    hint: str = ""
    default: str = ""

    @property
    def shown(self) -> str:
        """The value in words, the default where none was given."""
        words = dict(self.choices)
        return words.get(self.value, self.value) if self.value else self.default


def hyperparameter_fields(model: CatalogModel, draft: JobDraft) -> list[HyperparameterField]:
    """Return the fields that the backend's own schema asks for."""
    method = str(draft.values.get("method") or Method.SFT.value)
    return [_hyperparameter_field(spec, draft) for spec in model.hyperparameters if spec.fits(method)]


def _hyperparameter_field(spec: HyperparameterSpec, draft: JobDraft) -> HyperparameterField:
    group = "options" if spec.option else "hyperparameters"
    stored = values_of(draft, group).get(spec.name, "")
    value = str(stored).lower() if isinstance(stored, bool) else str(stored)
    choices: list[tuple[str, str]] = []
    if spec.type is HyperparameterType.CHOICE:
        choices = [(choice, choice) for choice in spec.choices]
    elif spec.type is HyperparameterType.BOOLEAN:
        choices = [("true", _("yes")), ("false", _("no"))]
    default = _word(spec.default)
    if choices:
        choices = [("", _("default (%(value)s)") % {"value": default}), *choices]
    hint = spec.help if choices else f"{spec.help} {_range(spec, default)}".strip()
    return HyperparameterField(
        spec=spec,
        id=f"{group}-{spec.name}",
        name=f"{group}.{spec.name}",
        value="" if value == AUTO else value,
        choices=choices,
        hint=hint,
        default=default,
    )


def _word(value: object) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return _("auto") if value == AUTO else str(value)


def _range(spec: HyperparameterSpec, default: str) -> str:
    parts = []
    if spec.minimum is not None and spec.maximum is not None:
        words = _("above %(low)g, up to %(high)g") if spec.exclusive_minimum else _("%(low)g to %(high)g")
        parts.append(words % {"low": spec.minimum, "high": spec.maximum})
    elif spec.minimum is not None:
        parts.append((_("above %(low)g") if spec.exclusive_minimum else _("at least %(low)g")) % {"low": spec.minimum})
    parts.append(_("empty: %(value)s") % {"value": default})
    return f"({'; '.join(parts)})"


def requested_split(draft: JobDraft) -> SplitSpec | None:
    """Return the split that the fourth step describes, if it does and can be read; its checks are the domain's."""
    values = values_of(draft, "validation")
    if values.get("kind") != ValidationKind.SPLIT.value:
        return None
    try:
        test = values.get("test_ratio")
        return SplitSpec(
            ratio=float(values.get("ratio", 0.1)),
            test_ratio=float(test) if test else None,
            seed=int(values.get("seed", 0)),
            strategy=SplitStrategy(values.get("strategy") or SplitStrategy.RANDOM),
            key=str(values.get("key") or "") or None,
        )
    except (TypeError, ValueError):
        return None
