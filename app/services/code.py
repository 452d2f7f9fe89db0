"""A job as code that runs when pasted: our own REST by curl, OpenAI's clients, and whatever the backend can write."""

import json
from collections.abc import Mapping
from pathlib import Path

from app.domain.backend import ShowsCode
from app.domain.drafts import Checked
from app.domain.errors import Invalid, Problem
from app.domain.jobs import TRAINED, JobSpec, ValidationKind
from app.domain.prices import Bill
from app.domain.spending import agreeing_to, most_of_job
from app.services import connections, drafts, estimates, jobs, openai_code, specs, splits, verbs
from app.services.scope import Scope

CURL = "curl"


@verbs.reads("jobs")
def targets(scope: Scope, spec: JobSpec) -> Mapping[str, str]:
    """Return what a job can be shown as, by the names for people; nothing where it is trained by a method not ours."""
    if spec.method not in TRAINED:
        return {}
    return drafts.code_targets(scope, connections.get(scope, spec.connection))


@verbs.reads("jobs")
def of_job(scope: Scope, job: jobs.AnyJob, target: str, *, base_url: str) -> str:
    """Return a recorded job as code. `base_url` is where this installation was reached."""
    job = jobs.at_hand(scope, job)
    training = job.parts.training if job.parts else None
    validation = job.parts.validation if job.parts else None
    if target == CURL and job.spec.method in TRAINED:
        return _curl(job.spec, job.bill, base_url)
    return _write(scope, job.spec, target, (training, validation), base_url)


@verbs.reads("drafts")
def of_draft(scope: Scope, draft_id: str, target: str, *, base_url: str) -> str:
    """Return a complete draft as code.

    Raises:
        Invalid: while something is missing.
    """
    return of_checked(scope, specs.check(scope, drafts.get(scope, draft_id).values), target, base_url=base_url)


@verbs.reads("drafts")
def of_checked(scope: Scope, checked: Checked, target: str, *, base_url: str) -> str:
    """Return the same of a draft's answers that have been checked."""
    if checked.spec is None:
        raise Invalid(checked.problems)
    if target == CURL:
        return _curl(checked.spec, estimates.bill(scope, checked), base_url)
    return _write(scope, checked.spec, target, (None, None), base_url)


Parts = tuple[str | None, str | None]  # the datasets that a job's split has made


def _write(scope: Scope, spec: JobSpec, target: str, parts: Parts, base_url: str) -> str:
    known = targets(scope, spec)
    if target not in known:
        raise Invalid([_unknown(spec, target, known)])
    if openai_code.is_target(target):
        rows, held_out = _datasets(scope, spec, parts)
        return openai_code.write_job(scope, spec, target, base_url=base_url, training=rows, validation=held_out)
    train_file, validation_file = _files(scope, spec, *parts)
    with scope.ask(spec.connection, ShowsCode, fix="Use curl.") as backend:
        return backend.code(target, spec, training_file=train_file, validation_file=validation_file)


def _unknown(spec: JobSpec, target: str, known: Mapping[str, str]) -> Problem:
    if not known:
        message = f"It was trained by {spec.method_name}, which is not written here."
        return Problem("/target", "unsupported", message, "Look at it where it was made.")
    return Problem("/target", "unknown", f"This job cannot be shown as {target!r}.", f"Use one of {', '.join(known)}.")


def _datasets(scope: Scope, spec: JobSpec, parts: Parts) -> tuple[str | Path, str | Path | None]:
    """Return the ids of the datasets, or the files of a split that no job has asked for yet."""
    training, validation = parts
    if training is None and spec.validation.kind is ValidationKind.SPLIT:
        return _files(scope, spec, None, None)
    return training or spec.training_dataset, validation or spec.validation.dataset


def _files(scope: Scope, spec: JobSpec, training: str | None, validation: str | None) -> tuple[Path, Path | None]:
    if training is None and spec.validation.kind is ValidationKind.SPLIT:
        parts = splits.part_files(scope, spec.training_dataset, specs.split_spec(spec.validation))
        return parts["training"], parts["validation"]
    train_file = splits.training_rows(scope, training or spec.training_dataset)
    validation = validation or spec.validation.dataset
    return train_file, splits.training_rows(scope, validation) if validation else None


def _curl(spec: JobSpec, bill: Bill, base_url: str) -> str:
    """Return the request; where it is billed, it agrees to what the job costs by its estimate."""
    fields = jobs.fields_of(spec)
    accepted = agreeing_to(bill, most_of_job(bill))
    if accepted.up_to is not None:
        fields["accept_cost"] = {"up_to": accepted.up_to.amount, "currency": accepted.up_to.currency}
    if accepted.unknown_price:
        fields["accept_cost"] = {**fields.get("accept_cost", {}), "unknown_price": True}
    body = json.dumps(fields, indent=2, ensure_ascii=False).replace("'", "'\\''")
    return (
        f"curl --fail-with-body -X POST {base_url}/api/v1/jobs \\\n"
        f'  -H "Content-Type: application/json" \\\n'
        "  -H \"Idempotency-Key: $(python3 -c 'import uuid; print(uuid.uuid4())')\" \\\n"
        f"  -d '{body}'\n"
    )
