"""A job in preparation: deal the rows, send the files, wait until they are ready. Then it is submitted."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from app.data.convert import write_training_file
from app.domain.backend import BackendError, RemoteFile, TrainingRequest
from app.domain.errors import Conflict, Invalid, NotFound
from app.domain.jobs import FineTuningJob, JobParts, JobReason, JobSpec, JobStatus, ValidationKind
from app.engine import pace
from app.engine.errands import UnderWay
from app.engine.jobs import Work, entry
from app.engine.submitting import establish, submit
from app.engine.turn import Outcome
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


def act_preparing(work: Work) -> Outcome:
    """Take the next step towards a submitted job; every step finds what an interrupted one left."""
    if work.job.submit_in_doubt:
        return establish(work)
    if not work.is_wanted:
        for errand in ("deal", "convert"):
            work.turn.errands.forget(f"{work.job.id}:{errand}")
        return work.advances(JobStatus.CANCELLED, None, reason=JobReason.REQUESTED)
    try:
        return _deal(work) if work.job.parts is None else _hand_over(work, work.job.parts)
    except (Invalid, Conflict, NotFound) as error:
        return work.fails(JobReason.INVALID_DATA, f"{error.message} {error.fix}".strip())
    except UnderWay:
        return work.stays(_LOOK, note="The rows are being made ready.")
    except BackendError as error:
        return work.meets(error)


def _hand_over(work: Work, parts: JobParts) -> Outcome:
    files = _send(work, _apart(work, "convert", lambda: _convert(work, parts)))
    if not files.ready:
        return work.stays(_FILE_LOOK, note="The backend is taking in the files.")
    return submit(work, _request(work.job, files))


def _deal(work: Work) -> Outcome:
    chosen = replace(work.job, parts=_apart(work, "deal", lambda: _parts(work)))
    told = [entry(work.job.id, "The rows were dealt to training, validation and test.")]
    return work.becomes(chosen, pace.SOON, *(told if chosen.spec.validation.kind is ValidationKind.SPLIT else []))


def _parts(work: Work) -> JobParts:
    with work.turn.open() as scope:
        return make_parts(scope, work.job.spec)


def _apart(work: Work, name: str, step: Callable[[], T]) -> T:
    """Do a step at once, or, where the file is so large that it may outlast the lease, beside the turns.

    Raises:
        UnderWay: while it is being done.
    """
    spec = work.job.spec
    with work.turn.open() as scope:
        known = datasets.many(scope, [each for each in (spec.training_dataset, spec.validation.dataset) if each])
    if sum(each.bytes for each in known.values()) <= work.turn.errands.from_bytes:
        return step()
    return work.turn.errands.result(f"{work.job.id}:{name}", step)


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


def _convert(work: Work, parts: JobParts) -> tuple[Path, Path | None]:
    """Write the files that the backend is sent, unless an earlier turn did."""
    with work.turn.open() as scope:
        folder = scope.files.run_folder(work.job.id) / "input"
        folder.mkdir(exist_ok=True)
        sources = [datasets.path(scope, part) for part in (parts.training, parts.validation) if part is not None]
    written = []
    for source, name in zip(sources, ("training", "validation"), strict=False):
        final = folder / f"{name}.jsonl"
        if not final.exists():
            half = folder / f"{name}.{work.turn.claim.gen}.part"
            _clear_halves(folder, name, before=work.turn.claim.gen)
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


def _send(work: Work, local: tuple[Path, Path | None]) -> Files:
    training, validation = local
    return Files(
        training=_sent(work, training, "training"),
        validation=None if validation is None else _sent(work, validation, "validation"),
    )


def _sent(work: Work, path: Path, kind: str) -> RemoteFile:
    file = work.backend.upload(path, tag=f"{work.job.id}-{kind}")
    reached(CrashPoint.SENT)
    return file if file.ready else work.backend.file(file)


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
