"""Verbs on drafts: the wizard's memory, stored after every step, right or wrong."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Any

from app.domain.backend import ShowsCode
from app.domain.backend_abilities import ContinuesTuned
from app.domain.connections import Connection
from app.domain.datasets import DatasetFormat
from app.domain.drafts import FIELDS, STEPS, Checked, DraftReview, JobDraft, Step
from app.domain.errors import Conflict, Invalid, Problem, Stale, or_not_found
from app.domain.jobs import FineTuningJob, Method
from app.domain.models import ModelStatus
from app.domain.preflight import Preflight
from app.domain.spending import AcceptedCost
from app.kit.paging import DEFAULT_LIMIT, Page
from app.services import checkpoints, datasets, estimates, jobs, models, openai_code, preflights, specs, verbs
from app.services.provider_errors import PROVIDER_ERRORS, provider_errors
from app.services.scope import Scope
from app.store import drafts as store
from app.store.jobs import has_name

MAX_STORED_TEXT = 20_000
_STEM, _COUNTER_DIGITS = 60, 3  # of a name that ends in a number


@verbs.writes("drafts", verbs.Within(parameter="values"))
def create(scope: Scope, values: Mapping[str, Any] | None = None) -> JobDraft:
    """Begin a draft, perhaps with answers already given."""
    now = scope.now()
    given = _known(dict(values or {}), tuple(specs.FIELDS))
    visited = tuple(step for step in STEPS if any(field in given for field in FIELDS[step]))
    rows = str(given.get("training_dataset"))
    known = datasets.many(scope, [rows]).get(rows)
    if known is not None and known.format is DatasetFormat.PREFERENCE:
        given.setdefault("method", Method.DPO.value)  # nothing else learns from such rows
    draft = JobDraft(id=scope.new_id("dft"), values=given, visited=visited, created_at=now, updated_at=now)
    store.add(scope.write, draft)
    return draft


@verbs.reads("drafts")
def get(scope: Scope, identifier: str) -> JobDraft:
    found = or_not_found(store.get(scope.read, identifier), "draft", identifier)
    scope.keep("whose", {f"drafts/{identifier}": (found.values.get("project"),)})
    return found


@verbs.reads("drafts")
def list_drafts(scope: Scope, *, limit: int = DEFAULT_LIMIT, cursor: str | None = None) -> Page[JobDraft]:
    return store.page(scope.read, limit=limit, cursor=cursor)


@verbs.writes("drafts")
def update_step(
    scope: Scope, identifier: str, step: Step, fields: Mapping[str, Any], *, revision: int | None = None
) -> tuple[JobDraft, Checked]:
    """Store a step's answers as they were typed, and return the draft with what all of its answers stand for.

    Fields that are not sent keep their value; None takes an answer back.

    Raises:
        Invalid: for a field that this step does not ask for (nothing is stored then).
        Stale: when `revision` is given and is not the draft's.
        Conflict: when the draft has become a job.
    """
    draft = get(scope, identifier)
    given = _known(fields, FIELDS[step])
    # The backend is asked about the base model before anything is written: no call inside a write transaction.
    checked = specs.check(scope, _answered(draft, step, given, scope.now()).values)
    tx = scope.write
    draft = get(scope, identifier)
    _check_open(draft)
    changed = _answered(draft, step, given, scope.now())
    if (revision or draft.revision) != draft.revision or not store.save(tx, changed, expected_revision=draft.revision):
        fix = "Reload the draft; your change was not saved."
        raise Stale("Somebody changed this draft meanwhile.", fix=fix)
    return changed, checked


def _answered(draft: JobDraft, step: Step, given: Mapping[str, Any], now: datetime) -> JobDraft:
    """Return the draft with a step's answers; None takes one back."""
    merged = {**draft.values, **given}
    return replace(
        draft,
        revision=draft.revision + 1,
        values={name: value for name, value in merged.items() if value is not None},
        visited=tuple(each for each in STEPS if each in draft.visited or each is step),
        updated_at=now,
    )


@verbs.reads("drafts")
def review(scope: Scope, identifier: str) -> DraftReview:
    """Return what a draft lacks and what it would take."""
    return review_of(scope, get(scope, identifier))


@verbs.reads("drafts")
def review_of(scope: Scope, draft: JobDraft, checked: Checked | None = None) -> DraftReview:
    """Return the same of a draft that is at hand, perhaps with its answers checked already."""
    checked = checked or specs.check(scope, draft.values)
    estimate = estimates.of_checked(scope, checked)
    targets: Mapping[str, str] = {}
    if checked.spec is not None and checked.connection is not None:
        targets = code_targets(scope, checked.connection)
    return DraftReview(
        draft=draft,
        checked=checked,
        complete=not checked.problems and not estimate.blockers,
        problems={step: checked.problems_in(step) for step in STEPS},
        blockers=estimate.blockers,
        warnings=estimate.warnings,
        estimate=estimate,
        code_targets=targets,
    )


@verbs.reads("drafts")
def preflight(scope: Scope, identifier: str) -> Preflight:
    """Return what is known about a draft before it is submitted.

    Raises:
        Invalid: while something is missing.
        Conflict: where its backend does not look ahead.
    """
    checked = specs.check(scope, get(scope, identifier).values)
    return preflights.look(scope, checked)


@verbs.writes("drafts")
def begin_preflight(scope: Scope, identifier: str) -> Preflight:
    """Begin to look, and return how far that is; asking again is fine.

    Raises:
        Invalid, Conflict: as `preflight`.
    """
    return preflights.begin_checked(scope, specs.check(scope, get(scope, identifier).values))


@verbs.reads("drafts")
def code_targets(scope: Scope, connection: Connection) -> Mapping[str, str]:
    """Return what jobs of a connection can be shown as, by their names for people; a backend that fails adds none."""
    own: dict[str, str] = {}
    backend = scope.backends.of(connection)
    if isinstance(backend, ShowsCode):
        with suppress(*PROVIDER_ERRORS), provider_errors():
            own |= backend.code_targets()
    return {**own, "curl": "REST (curl)", **openai_code.targets(scope, connection)}


@verbs.spends("jobs", verbs.Within("drafts", "identifier"))
def submit(scope: Scope, identifier: str, *, accepted: AcceptedCost | None = None) -> FineTuningJob:
    """Make a draft into a job; the second time, return the job of the first.

    Raises:
        Invalid: with everything that is still missing.
        CostNotAccepted: as `jobs.record`.
    """
    draft = get(scope, identifier)
    if draft.job is not None:
        return jobs.get(scope, draft.job)
    checked = specs.check(scope, draft.values)
    if checked.spec is None:
        raise Invalid(checked.problems)
    preflights.refuse_blocked(scope, checked)
    bill = estimates.bill(scope, checked)
    jobs.prepare(scope, checked.spec, bill, accepted=accepted)
    # The backend may have been asked above; from here on nobody else writes.
    tx = scope.write
    draft = get(scope, identifier)
    if draft.job is not None:
        return jobs.get(scope, draft.job)
    job = jobs.record(scope, checked.spec, bill, accepted=accepted)
    changed = replace(draft, revision=draft.revision + 1, job=job.id, updated_at=scope.now())
    store.save(tx, changed, expected_revision=draft.revision)
    return job


@verbs.writes("jobs")
def of_job(scope: Scope, job_id: str) -> JobDraft:
    """Begin a draft with a job's answers (clone with changes)."""
    spec = jobs.get(scope, job_id).spec
    return create(scope, {**jobs.fields_of(spec), "name": _name_after(scope, spec.name)})


@verbs.writes("models")
def of_model(scope: Scope, model_id: str) -> JobDraft:
    """Begin a draft that trains a tuned model further, with the answers of the job that made it.

    Raises:
        Conflict: when the model is gone, or its backend cannot do that.
    """
    model = models.get(scope, model_id)
    if model.status is not ModelStatus.PRESENT:
        raise Conflict(f"The model {model.name!r} has been deleted.", fix="Choose another model.")
    backend = scope.backend(model.connection)
    if not isinstance(backend, ContinuesTuned):
        raise Conflict(backend.profile.why_not(ContinuesTuned), fix="Begin with a base model.")
    given = jobs.fields_of(jobs.get(scope, model.job).spec) if model.job else {}
    with provider_errors():  # may stand in a write transaction: it calls nobody
        base = backend.as_base(model.remote_id)
    given |= {"project": model.project, "connection": model.connection, "base_model": base}
    return _further(scope, given, name=model.name, adapter=model.adapter)


@verbs.writes("jobs")
def of_checkpoint(scope: Scope, job_id: str, step: int) -> JobDraft:
    """Begin a draft that trains a job's checkpoint further. A model is made of it when the draft is submitted.

    Raises:
        Conflict: as `checkpoints.as_base`.
    """
    spec = jobs.get(scope, job_id).spec
    given = {**jobs.fields_of(spec), "base_model": checkpoints.as_base(scope, job_id, step)}
    return _further(scope, given, name=spec.name, adapter=str(spec.options.get("adapter", "none")))


def _further(scope: Scope, given: Mapping[str, Any], *, name: str, adapter: str) -> JobDraft:
    options = given.get("options", {})
    if adapter == "lora":  # it has its rank and targets already
        options = {name: value for name, value in options.items() if not name.startswith("lora_")}
    return create(scope, {**given, "name": _name_after(scope, name), "options": options})


def _name_after(scope: Scope, name: str) -> str:
    """Return a name that no job has yet for what comes after `name`: `triage` becomes `triage-2`, then `triage-3`."""
    stem, _, number = name.rpartition("-")
    known = bool(stem) and number.isdecimal() and len(number) < _COUNTER_DIGITS
    names = (f"{(stem if known else name)[:_STEM]}-{n}" for n in count(int(number) + 1 if known else 2))
    return next(each for each in names if not has_name(scope.read, each))


@verbs.deletes("drafts")
def delete(scope: Scope, identifier: str) -> None:
    """Forget a draft; one that became a job stays, as that job's origin.

    Raises:
        Conflict: when it became a job.
    """
    tx = scope.write
    draft = get(scope, identifier)
    _check_open(draft)
    store.remove(tx, identifier)


def _check_open(draft: JobDraft) -> None:
    if draft.job is not None:
        raise Conflict("This draft has been submitted.", fix="Open its job, and clone it to make changes.")


def _known(fields: Mapping[str, Any], allowed: Sequence[str]) -> dict[str, Any]:
    problems = [
        Problem(f"/{name}", "unknown", f"{name} is not a field of this step.", f"Use {', '.join(allowed)}.")
        for name in fields
        if name not in allowed
    ]
    problems += [
        Problem(f"/{name}", "length", "The answer is too long.", "Shorten it.")
        for name, value in fields.items()
        if len(str(value)) > MAX_STORED_TEXT
    ]
    if problems:
        raise Invalid(problems)
    return dict(fields)
