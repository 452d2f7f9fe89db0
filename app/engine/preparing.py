"""A job in preparation: deal the rows, send the files, wait until they are ready. Then it is submitted."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from app.data.convert import write_training_file
from app.domain.backend import BackendError, RemoteFile, TrainingRequest
from app.domain.errors import Conflict, Invalid, NotFound
from app.domain.jobs import FineTuningJob, JobParts, JobReason, JobSpec, ValidationKind
from app.engine import backoff
from app.engine.background_tasks import NotReady
from app.engine.jobs import JobStep
from app.engine.reconciling import StepResult
from app.engine.step import entry
from app.engine.submitting import establish, submit
from app.kit.crash_points import CrashPoint, reached
from app.services import datasets, specs, splits
from app.services.scope import Scope

T = TypeVar("T")
_FILE_LOOK = timedelta(seconds=5)
_LOOK = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The job's files at the backend."""

    training: RemoteFile
    validation: RemoteFile | None

    @property
    def ready(self) -> bool:
        """Whether the backend has taken them in."""
        return self.training.ready and (self.validation is None or self.validation.ready)


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
    files = _send(step, _apart(step, "convert", lambda: _convert(step, parts)))
    if not files.ready:
        return step.requeue(_FILE_LOOK, note="The backend is taking in the files.")
    return submit(step, _request(step.subject, files))


def _deal(step: JobStep) -> StepResult:
    chosen = replace(step.subject, parts=_apart(step, "deal", lambda: _parts(step)))
    logged = [entry(step.subject.id, "The rows were dealt to training, validation and test.")]
    return step.result(chosen, backoff.SOON, *(logged if chosen.spec.validation.kind is ValidationKind.SPLIT else []))


def _parts(step: JobStep) -> JobParts:
    with step.context.open() as scope:
        return make_parts(scope, step.subject.spec)


def _apart(step: JobStep, name: str, call: Callable[[], T]) -> T:
    """Do a step at once, or, where the file is so large that it may outlast the lease, beside the turns.

    Raises:
        UnderWay: while it is being done.
    """
    spec = step.subject.spec
    with step.context.open() as scope:
        known = datasets.many(scope, [each for each in (spec.training_dataset, spec.validation.dataset) if each])
    if sum(each.bytes for each in known.values()) <= step.context.tasks.from_bytes:
        return call()
    return step.context.tasks.result(f"{step.subject.id}:{name}", call)


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


def _convert(step: JobStep, parts: JobParts) -> tuple[Path, Path | None]:
    """Write the files that the backend is sent, unless an earlier turn did."""
    with step.context.open() as scope:
        folder = scope.files.run_folder(step.subject.id) / "input"
        folder.mkdir(exist_ok=True)
        sources = [datasets.path(scope, part) for part in (parts.training, parts.validation) if part is not None]
    written = []
    for source, name in zip(sources, ("training", "validation"), strict=False):
        final = folder / f"{name}.jsonl"
        if not final.exists():
            half = folder / f"{name}.{step.context.claim.gen}.part"
            _clear_halves(folder, name, before=step.context.claim.gen)
            write_training_file(source, half)
            reached(CrashPoint.CONVERSION_HALF_WRITTEN)
            half.replace(final)
        written.append(final)
    return written[0], written[1] if len(written) > 1 else None


def _clear_halves(folder: Path, name: str, *, before: int) -> None:
    """Remove what earlier turns left half-written: whoever still wrote it has lost the row."""
    for half in folder.glob(f"{name}.*.part"):
        gen = half.suffixes[-2].removeprefix(".")
        if gen.isdecimal() and int(gen) < before:
            half.unlink(missing_ok=True)


def _send(step: JobStep, local: tuple[Path, Path | None]) -> Files:
    training, validation = local
    return Files(
        training=_sent(step, training, "training"),
        validation=None if validation is None else _sent(step, validation, "validation"),
    )


def _sent(step: JobStep, path: Path, kind: str) -> RemoteFile:
    file = step.backend.upload(path, tag=f"{step.subject.id}-{kind}")
    reached(CrashPoint.SENT)
    return file if file.ready else step.backend.file(file)


def _request(job: FineTuningJob, files: Files) -> TrainingRequest:
    return TrainingRequest(
        tag=job.id,
        base_model=job.spec.base_model,
        method=job.spec.method.value,
        task_type=job.spec.task_type.value,
        training_file=files.training,
        validation_file=files.validation,
        hyperparameters=job.spec.hyperparameters,
        options=job.spec.options,
        seed=job.spec.seed,
        suffix=job.spec.name,
    )
