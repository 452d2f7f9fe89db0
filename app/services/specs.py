"""From the fields that a form or REST sends to a checked `JobSpec`: every problem at once, each with its place."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeVar

from app.domain.catalog import CatalogModel
from app.domain.connections import Connection
from app.domain.datasets import Dataset, DatasetFormat, DatasetStatus
from app.domain.drafts import Checked
from app.domain.errors import Invalid, NotFound, Problem
from app.domain.hyperparameters import Hyperparameter, HyperparameterSpec, check_values
from app.domain.jobs import TRAINED, JobSpec, Method, SplitStrategy, TaskType, ValidationChoice, ValidationKind
from app.domain.metadata import check_metadata
from app.domain.names import model_name_problem
from app.domain.projects import Project
from app.domain.splits import MAX_SEED, SplitSpec, split_problems
from app.services import catalog, connections, datasets, projects, verbs
from app.services.provider_errors import PROVIDER_ERRORS
from app.services.scope import Scope

E = TypeVar("E", bound=StrEnum)
_DIGITS = re.compile(r"[0-9]{1,15}")
FIELDS = tuple(JobSpec.__dataclass_fields__)


class _Check:
    """One reading of the fields; collects problems as it goes."""

    def __init__(self, scope: Scope, fields: Mapping[str, Any], *, waits: bool) -> None:
        self.scope = scope
        self.waits = waits
        self.fields = fields
        self.problems: list[Problem] = []

    def complain(self, pointer: str, code: str, message: str, fix: str) -> None:
        self.problems.append(Problem(pointer, code, message, fix))

    def text(self, field: str, what: str) -> str:
        value = self.fields.get(field)
        if isinstance(value, str) and value.strip():
            return value.strip()
        self.complain(f"/{field}", "missing", f"Choose {what[0].lower()}{what[1:]}.", "")
        return ""

    def choice(self, field: str, kind: type[E], default: E, among: Sequence[E] | None = None) -> E:
        value = self.fields.get(field) or default
        offered = tuple(kind) if among is None else among
        if isinstance(value, str) and value in offered:
            return kind(value)
        listed = ", ".join(offered)
        self.complain(f"/{field}", "invalid", f"{field} must be one of {listed}.", "Choose one of them.")
        return default

    def connection(self) -> Connection | None:
        identifier = self.text("connection", "A connection")
        if not identifier:
            return None
        try:
            return connections.get(self.scope, identifier)
        except NotFound as error:
            self.complain("/connection", "not_found", error.message, "Choose a connection from the list.")
            return None

    def project(self) -> Project | None:
        identifier = self.text("project", "A project")
        if not identifier:
            return None
        try:
            return projects.get(self.scope, identifier)
        except NotFound as error:
            self.complain("/project", "not_found", error.message, "Choose a project from the list.")
            return None

    def model(self, connection: Connection | None) -> CatalogModel | None:
        identifier = self.text("base_model", "A base model")
        if not identifier or connection is None:
            return None
        try:
            model = catalog.model(self.scope, connection.id, identifier)
        except Invalid as error:
            self.problems.extend(error.problems)
            return None
        except PROVIDER_ERRORS as error:  # what has been answered already can still be checked, and shown
            self.complain("/base_model", "provider_failed", error.message, error.fix)
            return None
        if not model.usable:
            self.complain("/base_model", "unusable", model.unusable_reason, "Choose another base model.")
        return model

    def dataset(self, field: str, what: str, identifier: object, *, required: bool) -> Dataset | None:
        pointer = f"/{field}"
        if not isinstance(identifier, str) or not identifier:
            if required:
                self.complain(
                    pointer,
                    "missing",
                    f"Choose {what[0].lower()}{what[1:]}.",
                    "Upload a file, or choose a stored dataset.",
                )
            return None
        try:
            dataset = datasets.get(self.scope, identifier)
        except NotFound as error:
            self.complain(pointer, "not_found", error.message, "Choose a dataset from the list.")
            return None
        problem = datasets.ready_problem(dataset, pointer)
        if problem is not None and not (self.waits and dataset.status is DatasetStatus.VALIDATING):
            self.problems.append(problem)
        return dataset

    def seed(self) -> int | None:
        value = self.fields.get("seed")
        if value in (None, ""):
            return None
        number = _whole(value)
        if isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= MAX_SEED:
            return number
        self.complain("/seed", "range", "The seed is not a whole number in range.", f"Enter 0 to {MAX_SEED}.")
        return None

    def metadata(self) -> dict[str, str]:
        good, problems = check_metadata(self.fields.get("metadata"), "/metadata")
        self.problems.extend(problems)
        return good

    def hyperparameter_fields(self, field: str, model: CatalogModel | None, method: str) -> dict[str, Hyperparameter]:
        values = self.fields.get(field) or {}
        if not isinstance(values, Mapping):
            self.complain(f"/{field}", "invalid", f"{field} must be an object.", 'Write {"n_epochs": 3}, for example.')
            return {}
        if model is None:
            return {name: value for name, value in values.items() if isinstance(value, int | float | str | bool)}
        known: list[HyperparameterSpec] = [
            spec for spec in model.hyperparameters if spec.option == (field == "options") and spec.fits(method)
        ]
        good, problems = check_values(known, values, f"/{field}")
        self.problems.extend(problems)
        return good


@verbs.reads("jobs")
def check(scope: Scope, fields: Mapping[str, Any], *, waits: bool = False) -> Checked:
    """Check the fields of a job; writes nothing, and calls the backend for its knowledge of the base model.

    With `waits` its files may still be being checked: the job waits for that before anything is sent (`file_problem`).
    """
    reading = _Check(scope, fields, waits=waits)
    for field in fields:
        if field not in FIELDS:
            reading.complain(f"/{field}", "unknown", f"{field} is not a field of a job.", f"Use {', '.join(FIELDS)}.")
    _read_named(scope, fields)
    project, connection = reading.project(), reading.connection()
    model = reading.model(connection)
    name_problem = model_name_problem(fields.get("name"), "/name")
    if name_problem is not None:
        reading.problems.append(name_problem)
    method = reading.choice("method", Method, Method.SFT, TRAINED)
    tasks = model.task_types if model else ()
    task_type = reading.choice("task_type", TaskType, TaskType(next(iter(tasks), "chat_completion")))
    _check_offered(reading, model, method, task_type)
    training = reading.dataset("training_dataset", "A training dataset", fields.get("training_dataset"), required=True)
    _check_format(reading, training, "/training_dataset", method, task_type)
    choice = _validation(reading, fields.get("validation"))
    validation = reading.dataset("validation/dataset", "A validation dataset", choice.dataset, required=False)
    test = reading.dataset("test_dataset", "A test dataset", fields.get("test_dataset"), required=False)
    _check_test_shape(reading, choice, test)
    spec = JobSpec(
        project=project.id if project else "",
        connection=connection.id if connection else "",
        base_model=model.id if model else str(fields.get("base_model") or ""),
        name=str(fields.get("name") or ""),
        task_type=task_type,
        method=method,
        training_dataset=training.id if training else "",
        validation=choice,
        test_dataset=test.id if test else None,
        hyperparameters=reading.hyperparameter_fields("hyperparameters", model, method),
        seed=reading.seed(),
        options=reading.hyperparameter_fields("options", model, method),
        metadata=reading.metadata(),
    )
    return Checked(
        spec=None if reading.problems else spec,
        problems=tuple(reading.problems),
        project=project,
        connection=connection,
        model=model,
        training=training,
        validation=validation,
        test=test,
    )


def _read_named(scope: Scope, fields: Mapping[str, Any]) -> None:
    """Read the datasets that the fields name together; each is looked at by itself after that."""
    choice = fields.get("validation")
    chosen = choice.get("dataset") if isinstance(choice, Mapping) else None
    named = (fields.get("training_dataset"), fields.get("test_dataset"), chosen)
    identifiers = sorted({each for each in named if isinstance(each, str) and each})
    if len(identifiers) > 1:
        datasets.many(scope, identifiers)


@verbs.reads("jobs")
def file_problem(scope: Scope, spec: JobSpec) -> Problem | None:
    """Return what keeps a job's files from being trained on, if anything does; that they are being checked included."""
    reading = _Check(scope, {}, waits=False)
    asked = {"/training_file": spec.training_dataset, "/validation_file": spec.validation.dataset}
    for pointer, identifier in asked.items():
        dataset = reading.dataset(pointer[1:], "A file", identifier, required=False)
        _check_format(reading, dataset, pointer, spec.method, spec.task_type)
    return next(iter(reading.problems), None)


def split_spec(choice: ValidationChoice) -> SplitSpec:
    """Return the split behind a validation choice of that kind."""
    return SplitSpec(
        ratio=choice.ratio if choice.ratio is not None else 0.1,
        test_ratio=choice.test_ratio or None,
        seed=choice.seed,
        strategy=choice.strategy,
        key=choice.key,
    )


def _check_offered(reading: _Check, model: CatalogModel | None, method: Method, task_type: TaskType) -> None:
    if model is None:
        return
    for field, wanted, offered in (("method", method, model.methods), ("task_type", task_type, model.task_types)):
        if wanted.value not in offered:
            message, listed = f"{model.name} is not trained for {wanted}.", ", ".join(offered)
            reading.complain(f"/{field}", "unsupported", message, f"Choose {listed}, or another base model.")


def _check_format(reading: _Check, dataset: Dataset | None, pointer: str, method: Method, task_type: TaskType) -> None:
    if dataset is None or dataset.format is DatasetFormat.UNKNOWN:
        return
    offered = all(problem.pointer != "/task_type" for problem in reading.problems)
    if offered and dataset.format is DatasetFormat.CHAT and task_type is TaskType.TEXT_COMPLETION:
        fix = "Choose chat_completion and a base model that learns it, or rows of prompt and completion."
        message = "The rows are chats, which a model learns as chat_completion, not as text_completion."
        reading.complain("/task_type", "format", message, fix)
    fits = dataset.format is DatasetFormat.PREFERENCE if method is Method.DPO else dataset.format.trains_sft
    if not fits:
        message = f"Rows of the format {dataset.format} cannot be used for {method}."
        reading.complain(pointer, "format", message, "Choose another dataset or another method.")


def _check_test_shape(reading: _Check, choice: ValidationChoice, test: Dataset | None) -> None:
    if test is not None and choice.test_ratio:
        message = "A test dataset was chosen, and a test share of the split as well."
        reading.complain("/test_dataset", "twice", message, "Choose one of the two.")


def _validation(reading: _Check, value: object) -> ValidationChoice:
    if value in (None, ""):
        return ValidationChoice()
    if not isinstance(value, Mapping):
        fix = 'Write {"kind": "split", "ratio": 0.1, "seed": 0}, for example.'
        reading.complain("/validation", "invalid", "validation must be an object.", fix)
        return ValidationChoice()
    unknown = set(value) - set(ValidationChoice.__dataclass_fields__)
    for name in sorted(unknown):
        reading.complain(f"/validation/{name}", "unknown", f"{name} is not a field of validation.", "Leave it out.")
    kind = value.get("kind") or ValidationKind.NONE
    if not isinstance(kind, str) or kind not in set(ValidationKind):
        reading.complain("/validation/kind", "invalid", "kind must be dataset, split or none.", "Choose one of them.")
        return ValidationChoice()
    if kind == ValidationKind.DATASET:
        if not value.get("dataset"):
            fix = "Choose a dataset, or choose an automatic split."
            reading.complain("/validation/dataset", "missing", "The validation dataset is missing.", fix)
        return ValidationChoice(kind=ValidationKind.DATASET, dataset=str(value.get("dataset") or "") or None)
    if kind == ValidationKind.SPLIT:
        return _split_choice(reading, value)
    return ValidationChoice()


def _split_choice(reading: _Check, value: Mapping[str, Any]) -> ValidationChoice:
    ratio = _share(reading, value.get("ratio", 0.1), "/validation/ratio")
    test_ratio = _share(reading, value.get("test_ratio"), "/validation/test_ratio")
    seed = _whole(value.get("seed", 0))
    strategy = value.get("strategy") or SplitStrategy.RANDOM
    if not isinstance(seed, int) or isinstance(seed, bool):
        reading.complain("/validation/seed", "invalid", "The seed is not a whole number.", "Enter 0, for example.")
        seed = 0
    if not isinstance(strategy, str) or strategy not in set(SplitStrategy):
        listed = ", ".join(SplitStrategy)
        reading.complain("/validation/strategy", "invalid", f"strategy must be one of {listed}.", "Choose one of them.")
        strategy = SplitStrategy.RANDOM
    choice = ValidationChoice(
        kind=ValidationKind.SPLIT,
        ratio=ratio,
        test_ratio=test_ratio or None,
        seed=seed,
        strategy=SplitStrategy(strategy),
        key=str(value.get("key") or "") or None,
    )
    reading.problems.extend(split_problems(split_spec(choice)))
    return choice


def _whole(value: object) -> object:
    """Return typed digits as a number, anything else as it is; int() itself also takes digits of other scripts."""
    return int(value) if isinstance(value, str) and _DIGITS.fullmatch(value.strip()) else value


def _share(reading: _Check, value: object, pointer: str) -> float | None:
    if value in (None, "", 0, "0"):
        return None
    try:
        share = None if isinstance(value, bool) else float(str(value))
    except (ValueError, OverflowError):
        share = None
    if share is None:
        reading.complain(pointer, "invalid", "The share is not a number.", "Enter a number such as 0.1.")
    return share
