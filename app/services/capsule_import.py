"""From a capsule file to a job: is everything that it names here, and the same? What is missing is told at once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from app.domain.backend import BackendError
from app.domain.backend_abilities import TellsOrigin
from app.domain.capsule import FORMAT, VERSION, Capsule, Rows
from app.domain.connections import Connection
from app.domain.datasets import Dataset
from app.domain.errors import Conflict, Invalid, Problem
from app.domain.events import EventLevel
from app.domain.jobs import FineTuningJob, JobSpec, ValidationKind
from app.domain.prices import Bill
from app.domain.spending import AcceptedCost
from app.services import connections, estimates, jobs, specs, splits, verbs
from app.services.provider_errors import provider_errors
from app.services.scope import Scope
from app.setup.problems import SetupError
from app.store import datasets as dataset_store
from app.store import events as event_store
from app.store import jobs as store

_SHORT = 12
_RUNTIME = "trl"
Here = Mapping[str, Dataset]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A capsule's job as it would be made here, what it would be billed for, and what is not quite as it was then."""

    spec: JobSpec
    bill: Bill
    warnings: tuple[str, ...]


def read(value: object) -> Capsule:
    """Return the capsule behind JSON.

    Raises:
        Invalid: when it is none, or of a later version than this TuneDesk knows.
    """
    fix = "Choose a file that a job's “Capsule” button gave."
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise Invalid([Problem("/capsule/format", "format", "This is not a capsule of TuneDesk.", fix)])
    if value.get("version") != VERSION:
        message = f"This capsule has version {str(value.get('version'))[:20]!r}; version {VERSION} is known here."
        raise Invalid([Problem("/capsule/version", "version", message, "Bring TuneDesk up to date.")])
    try:
        return msgspec.convert(value, Capsule, strict=False)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        pointer = "/capsule" + path.rstrip("`").replace("[...]", "").replace(".", "/")
        raise Invalid([Problem(pointer[:200], "shape", f"The capsule is damaged: {message[:300]}.", fix)]) from None


@verbs.spends("jobs", verbs.LATER)
def create(
    scope: Scope,
    value: object,
    *,
    project: str | None = None,
    connection: str | None = None,
    base_model: str | None = None,
    accepted: AcceptedCost | None = None,
) -> FineTuningJob:
    """Record the job that a capsule describes; what differs without stopping it stands in its journal.

    `base_model` says what the capsule's base is called here: a directory lies elsewhere on each machine.

    Raises:
        Invalid: with everything that is missing here or not the same, at once.
        CostNotAccepted: as `jobs.record`.
    """
    capsule = read(value)
    where = _connection(scope, capsule, connection)
    base = base_model or _base_model(scope, capsule, where)
    capsule = replace(capsule, recipe=replace(capsule.recipe, base_model=base))
    plan = _plan(scope, capsule, project or "", where)
    known = store.get(scope.read, capsule.job.id)
    jobs.prepare(scope, plan.spec, plan.bill, accepted=accepted)
    job = jobs.record(scope, plan.spec, plan.bill, accepted=accepted, cloned_from=known.id if known else None)
    said = f"Made from the capsule of job {capsule.job.id[:60]}, written by TuneDesk {capsule.tunedesk[:20]}."
    event_store.add(scope.write, job.id, said, at=scope.now(), kind="note")
    for warning in plan.warnings:
        event_store.add(scope.write, job.id, warning, at=scope.now(), level=EventLevel.WARNING, kind="note")
    return job


def _base_model(scope: Scope, capsule: Capsule, where: Connection) -> str:
    """Return the capsule's base model by its id here: one that an earlier job trained, by the name that it travels by.

    Whether its weights are those of then is looked at as for any other.
    """
    named, backend = capsule.recipe.base_model, scope.backends.of(where)
    if not isinstance(backend, TellsOrigin):
        return named
    known = store.base_models(scope.read, where.id)
    with provider_errors():  # calls nobody
        return next((each for each in known if backend.portable_id(each) == named), named)


def _plan(scope: Scope, capsule: Capsule, project: str, where: Connection) -> Plan:
    here = _here(scope, capsule)
    problems = list(_missing_rows(capsule, here))
    fields = _fields(capsule, here, project, where)
    checked = specs.check(scope, fields)
    known = {problem.pointer for problem in problems}
    problems += [each for each in checked.problems if each.pointer not in known | _reported_as_rows(problems)]
    if checked.model is not None:  # of one that may not be named here, nothing is told
        problems += _weights_problems(scope, capsule, where)
    if problems or checked.spec is None:
        raise Invalid(problems)
    problems += _split_problems(scope, capsule, checked.spec)
    if problems:
        raise Invalid(problems)
    return Plan(spec=checked.spec, bill=estimates.bill(scope, checked), warnings=tuple(_warnings(scope, capsule)))


def _connection(scope: Scope, capsule: Capsule, wanted: str | None) -> Connection:
    if wanted:
        return connections.get(scope, wanted)
    fitting = [each for each in connections.list_connections(scope) if each.backend == capsule.backend]
    fitting.sort(key=lambda each: each.name != capsule.connection)
    if not fitting:
        message = f"No connection here leads to the backend {capsule.backend[:60]!r}, which the run used."
        raise Invalid([Problem("/connection", "not_found", message, "Make one, or choose another connection.")])
    return fitting[0]


def _here(scope: Scope, capsule: Capsule) -> Here:
    data = capsule.data
    wanted = [each.sha256 for each in (data.source, data.training, data.validation, data.test) if each is not None]
    return dataset_store.ready_by_hash(scope.read, wanted)


def _is_split_here(capsule: Capsule, here: Here) -> bool:
    """Tell whether the rows can be dealt here as then: else the parts themselves may be here."""
    return capsule.recipe.validation.kind is ValidationKind.SPLIT and capsule.data.source.sha256 in here


def _missing_rows(capsule: Capsule, here: Here) -> Iterator[Problem]:
    data, assigned = capsule.data, capsule.recipe.validation.kind is ValidationKind.SPLIT
    needed = {"training": data.training or data.source, "validation": data.validation, "test": data.test}
    if _is_split_here(capsule, here):
        needed = {} if capsule.recipe.validation.test_ratio else {"test": data.test}
    absent = {part: rows for part, rows in needed.items() if rows is not None and rows.sha256 not in here}
    if absent and assigned and not _is_split_here(capsule, here):
        absent = {"source": data.source}  # whoever brings it need not bring its parts
    for part, rows in absent.items():
        yield _missing(part, rows)


def _missing(part: str, rows: Rows) -> Problem:
    count = f", {rows.rows} rows" if rows.rows is not None else ""
    names = {
        "source": "training data",
        "training": "training rows",
        "validation": "validation rows",
        "test": "test rows",
    }
    message = (
        f"The {names[part]} are not here: no dataset that may be trained on has the SHA-256 {rows.sha256[:_SHORT]}… "
        f"(then {rows.filename[:80]!r}, {rows.bytes} bytes{count})."
    )
    return Problem(
        f"/capsule/data/{part}", "missing_data", message, "Upload that very file, then bring the capsule again."
    )


def _reported_as_rows(problems: list[Problem]) -> set[str]:
    """Return the fields of the spec that are empty only because rows are missing, which has been told already."""
    return {"/training_dataset", "/validation/dataset", "/test_dataset"} if problems else set()


def _fields(capsule: Capsule, here: Here, project: str, where: Connection) -> dict[str, Any]:
    recipe, data = capsule.recipe, capsule.data
    taken = capsule.sent.get("seed")
    fields: dict[str, Any] = {
        "project": project,
        "connection": where.id,
        "base_model": recipe.base_model,
        "name": recipe.name,
        "task_type": recipe.task_type,
        "method": recipe.method,
        "hyperparameters": dict(recipe.hyperparameters),
        "options": dict(recipe.options),
        "seed": recipe.seed if recipe.seed is not None else taken if isinstance(taken, int) else None,
    }
    found = {
        part: here.get(rows.sha256) if (rows := getattr(data, part)) else None
        for part in ("training", "validation", "test")
    }
    if _is_split_here(capsule, here):
        choice = recipe.validation
        split = {name: getattr(choice, name) for name in ("kind", "ratio", "test_ratio", "seed", "strategy", "key")}
        test = None if choice.test_ratio else found["test"]
        fields["training_dataset"] = here[data.source.sha256].id
        fields["validation"] = {name: value for name, value in split.items() if value is not None}
        return fields | {"test_dataset": test.id if test else None}
    training = found["training"] or here.get(data.source.sha256)
    fields["training_dataset"] = training.id if training else ""
    if found["validation"]:
        fields["validation"] = {"kind": "dataset", "dataset": found["validation"].id}
    return fields | {"test_dataset": found["test"].id if found["test"] else None}


def _weights_problems(scope: Scope, capsule: Capsule, where: Connection) -> list[Problem]:
    backend, then = scope.backends.of(where), capsule.origin.weights
    if not then or not isinstance(backend, TellsOrigin):
        return []
    with scope.provider_call():
        try:
            now = backend.weights(capsule.recipe.base_model)
        except BackendError:
            return []  # the check of the spec has told that the base model is not here
    changed = [] if now is None else sorted(name for name in {*then, *now} if then.get(name) != now.get(name))
    if not changed:
        return []
    listed = ", ".join(changed[:3])[:200]
    message = f"The base model {capsule.recipe.base_model[:100]!r} has other weights here than then ({listed})."
    return [Problem("/capsule/origin/weights", "weights", message, "Bring the very files that the run was made with.")]


def _split_problems(scope: Scope, capsule: Capsule, spec: JobSpec) -> list[Problem]:
    """Deal the rows now, as the job would, and compare the parts with those of then."""
    if spec.validation.kind is not ValidationKind.SPLIT:
        return []
    try:
        made = splits.split(scope, spec.training_dataset, specs.split_spec(spec.validation))
    except Conflict as error:
        return [Problem("/capsule/recipe/validation", "split", error.message, error.fix)]
    assigned = {"training": made.training, "validation": made.validation, "test": made.test}
    problems = []
    for part, now in assigned.items():
        then: Rows | None = getattr(capsule.data, part)
        if then == capsule.data.source:  # an earlier version named the whole source until its rows were assigned
            continue
        if then is not None and now is not None and then.sha256 != now.sha256:
            message = f"The same split gives different {part} rows here than it did originally."
            fix = "Use the TuneDesk of that time, or upload the parts themselves."
            problems.append(Problem(f"/capsule/data/{part}", "split", message, fix))
    return problems


def _warnings(scope: Scope, capsule: Capsule) -> Iterator[str]:
    then = capsule.origin.runtime
    try:
        now = scope.runtimes.home(_RUNTIME).name
    except SetupError:
        return
    if then is not None and then != now:
        said = f"The run was made in the runtime {then[:60]}, and here it is {now}"
        yield f"{said}: the loss may differ in its last digits."
    if not capsule.origin.weights and capsule.origin.versions:
        yield "The capsule does not hash the base model's weights, so they were not compared."
    if capsule.tunedesk != scope.app_context.version:
        yield f"The run was made by TuneDesk {capsule.tunedesk[:20]}, and here it is {scope.app_context.version}."
