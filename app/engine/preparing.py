"""A job in preparation: deal the rows, send the files, wait until they are ready. Then it is submitted."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from app.domain.backend import BackendError, RemoteFile, TrainingRequest
from app.domain.datasets import DatasetStatus
from app.domain.errors import Conflict, Invalid, NotFound
from app.domain.jobs import FineTuningJob, JobParts, JobReason, JobSpec, ValidationKind
from app.engine import backoff
from app.engine.background_tasks import NotReady
from app.engine.jobs import JobStep
from app.engine.reconciling import StepResult
from app.engine.step import entry
from app.engine.submitting import establish, submit
from app.kit.crash_points import CrashPoint, reached
from app.services import specs, splits
from app.services.scope import Scope

_FILE_LOOK, _LATE_LOOK = timedelta(seconds=5), timedelta(minutes=1)
_LOOK = timedelta(seconds=1)


def reconcile_preparing(step: JobStep) -> StepResult:
    """Take the next step towards a submitted job; every step finds what an interrupted one left."""
    if step.subject.submit_in_doubt:
        return establish(step)
    if not step.is_wanted:
        for task in ("deal", "convert"):
            step.context.tasks.forget(f"{step.subject.id}:{task}")
        return step.cancelled()
    try:
        return _deal(step) if step.subject.parts is None else _hand_over(step, step.subject.parts)
    except (Invalid, Conflict, NotFound) as error:
        return step.fail(JobReason.INVALID_DATA, f"{error.message} {error.fix}".strip())
    except NotReady:
        return step.requeue(_LOOK, note="The rows are being made ready.")
    except BackendError as error:
        return step.on_error(error)


def _hand_over(step: JobStep, parts: JobParts) -> StepResult:
    sources = [part for part in (parts.training, parts.validation) if part is not None]
    local = step.context.canonical(sources, splits.training_rows)
    files = [_sent(step, path, kind) for path, kind in zip(local, ("training", "validation"), strict=False)]
    if not all(file.ready for file in files):
        late = " ".join(dict.fromkeys(file.note for file in files if file.note))
        return step.requeue(_LATE_LOOK if late else _FILE_LOOK, note=late or "The backend is taking in the files.")
    return submit(step, _request(step.subject, *files))


def _deal(step: JobStep) -> StepResult:
    spec = step.subject.spec
    with step.context.open() as scope:
        problem = specs.file_problem(scope, spec)
    if problem is not None and problem.code == DatasetStatus.VALIDATING:
        return step.requeue(_LOOK, note="The rows are being checked.")
    if problem is not None:
        return step.fail(JobReason.INVALID_DATA, f"{problem.message} {problem.fix}".strip())
    sources = [each for each in (spec.training_dataset, spec.validation.dataset) if each is not None]
    chosen = replace(step.subject, parts=step.context.apart("deal", sources, lambda: _parts(step)))
    logged = [entry(step.subject.id, "The rows were split into training, validation and test.")]
    return step.result(chosen, backoff.SOON, *(logged if chosen.spec.validation.kind is ValidationKind.SPLIT else []))


def _parts(step: JobStep) -> JobParts:
    with step.context.open() as scope:
        return make_parts(scope, step.subject.spec)


def make_parts(scope: Scope, spec: JobSpec) -> JobParts:
    """Return the datasets that a job uses, splitting if it asks for that; the same wish finds the same parts.

    Raises:
        Invalid, Conflict, NotFound: when the split does not fit the rows, or a dataset is not there.
    """
    choice = spec.validation
    if choice.kind is not ValidationKind.SPLIT:
        validation = choice.dataset if choice.kind is ValidationKind.DATASET else None
        return JobParts(training=spec.training_dataset, validation=validation, test=spec.test_dataset)
    made = splits.split(scope, spec.training_dataset, specs.split_spec(choice))
    test = spec.test_dataset or (made.test.id if made.test is not None else None)
    return JobParts(training=made.training.id, validation=made.validation.id, test=test)


def _sent(step: JobStep, path: Path, kind: str) -> RemoteFile:
    file = step.backend.upload(path, tag=f"{step.subject.id}-{kind}")
    reached(CrashPoint.SENT)
    return file if file.ready else step.backend.file(file)


def _request(job: FineTuningJob, training: RemoteFile, validation: RemoteFile | None = None) -> TrainingRequest:
    return TrainingRequest(
        tag=job.id,
        base_model=job.spec.base_model,
        method=job.spec.method.value,
        task_type=job.spec.task_type.value,
        training_file=training,
        validation_file=validation,
        hyperparameters=job.spec.hyperparameters,
        options=job.spec.options,
        seed=job.spec.seed,
        suffix=job.spec.name,
    )
