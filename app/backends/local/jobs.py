"""Training: submit, find, observe, cancel, resume; each looks at the run folder and goes by what is there."""

import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.backends.local.context import LocalContext
from app.backends.local.errors import in_backend_words, reason_of, sentence, untyped
from app.backends.local.estimate import disk_sentence
from app.backends.local.event_parser import checkpoints, events, metrics, progress, samples
from app.backends.local.hyperparameters import METHODS, resolve
from app.backends.local.pace import QUIET_S, Stall, stall
from app.backends.local.resources import Architecture, disk
from app.backends.local.runs import Look
from app.backends.local.weights import size_bytes
from app.domain.backend import (
    Backend,
    JobObservation,
    KeepsLogs,
    NoCapacity,
    NotFound,
    RemoteEvent,
    RemoteFile,
    RemoteJob,
    Resumes,
    TrainingRequest,
    Unsupported,
)
from app.domain.backend_abilities import StopsEarly
from app.domain.estimates import Verdict
from app.domain.events import EventLevel
from app.domain.jobs import JobReason, JobStatus
from app.training import run_lock
from app.training.checkpoints import checkpoints as checkpoints_of
from app.training.checkpoints import is_complete

TRAIN = "train"
_ENDS = frozenset({"succeeded", "failed"})  # of the training itself; "stopped" is no end
_FROM_OUTSIDE = frozenset({"died", "killed"})  # causes of death that nothing in the log explains
_SOON, _LATER = timedelta(seconds=1), timedelta(seconds=5)
_LONG_S = 120  # with so much ahead, nobody misses a second


class LocalTraining(Resumes, KeepsLogs, StopsEarly, Backend):
    """The least that a backend can do, on this machine."""

    context: LocalContext

    @in_backend_words
    def upload(self, path: Path, *, tag: str) -> RemoteFile:
        """Keep the rows under `tag` for as long as the training may need them: a second name for the same bytes."""
        kept = self.context.runs.folder("uploads") / f"{self.context.runs.folder(tag).name}.jsonl"
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not kept.exists():
            partial = kept.with_suffix(".partial")
            partial.unlink(missing_ok=True)
            try:
                os.link(path, partial)
            except FileNotFoundError:
                raise
            except OSError:  # another file system
                shutil.copyfile(path, partial)
            partial.replace(kept)
        return RemoteFile(kept.name)

    def file(self, file: RemoteFile) -> RemoteFile:
        """Return the file: it is ready as soon as it is there."""
        self._rows(file)
        return RemoteFile(file.id)

    @in_backend_words
    def submit(self, request: TrainingRequest) -> RemoteJob:
        """Start the training's child, once per tag.

        Raises:
            NoCapacity: while as many trainings run as this machine may.
        """
        runs, job = self.context.runs, RemoteJob(request.tag)
        if self.find(request.tag) is not None:
            return job
        if request.method not in METHODS:
            raise Unsupported(
                f"{request.method} is not trained on this machine.", fix=f"Choose {' or '.join(METHODS)}."
            )
        spec = self._spec(request)
        self._check_room(request, spec["settings"])
        others = [tag for tag in runs.at_work(TRAIN) if tag != request.tag]
        if len(others) >= self.context.slots:
            raise NoCapacity(f"This machine is training {others[0]}; it takes {self.context.slots} at a time.")
        runs.start(request.tag, spec)
        return job

    @in_backend_words
    def find(self, tag: str) -> RemoteJob | None:
        """Return the job if a child was ever started for it: before that, a submit has done nothing.

        A kill between the start and the writing down of it is made good by the child, which says who it is itself.
        """
        look = self.context.runs.look(tag)
        return RemoteJob(tag) if look.alive or look.started or look.spawned else None

    @in_backend_words
    def observe(self, job: RemoteJob, *, since: str | None) -> JobObservation:
        """Look at the run folder; `since` is a place in its file of events."""
        look = self.context.runs.look(job.id)
        if not look.exists:
            raise NotFound(f"The folder of run {job.id} is gone.", fix="Start the training again.")
        if look.stopping and look.alive:
            self.context.runs.stop(job.id)
        news, cursor = self.context.runs.news(job.id, since)
        status, reason, message = self._verdict(job.id, look)
        interrupted = status is JobStatus.FAILED and self._may_go_on(job.id, look)
        if interrupted:
            status = JobStatus.RUNNING
        reached = progress(news, look)
        still = self._stall(job.id, look) if status is JobStatus.RUNNING and not interrupted else None
        done = status is JobStatus.SUCCEEDED
        final = status in {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED}
        return JobObservation(
            status=status,
            reason=reason,
            message=message,
            raw_status=look.state or "starting",
            note=still.message if still else "",
            progress=reached,
            fine_tuned_model=f"run:{job.id}" if done else None,
            model_size_bytes=size_bytes(self.context.runs.folder(job.id) / "model") if done else None,
            interrupted=interrupted,
            sent=self._sent(job.id),
            events=[*events(news), *_said_of(still)],
            metrics=metrics(news),
            checkpoints=checkpoints(news),
            samples=samples(news),
            cursor=cursor,
            next_look=None if final else _LATER if reached and (reached.eta_s or 0) > _LONG_S else _SOON,
        )

    @in_backend_words
    def cancel(self, job: RemoteJob) -> None:
        """Ask the child to save its work and end; after a grace, `observe` sees to it that it does."""
        self.context.runs.stop(job.id)

    @in_backend_words
    def stop_early(self, job: RemoteJob) -> None:
        """Ask the child to end after its step, and to make its best checkpoint, or its last, the model."""
        self.context.runs.finish(job.id)

    @in_backend_words
    def resume(self, job: RemoteJob) -> None:
        """Start the child again; it goes on from its newest whole checkpoint, or from the beginning."""
        if self.context.runs.look(job.id).state not in _ENDS:
            self.context.runs.restart(job.id)

    def log(self, job: RemoteJob, *, lines: int) -> Sequence[str]:
        """Return the end of what the child and its libraries printed."""
        return self.context.runs.log(job.id, lines)

    def log_path(self, job: RemoteJob) -> Path | None:
        """Return that output as a file."""
        return self.context.runs.log_path(job.id)

    def _stall(self, tag: str, look: Look) -> Stall | None:
        said, now = self.context.runs.silence(tag, since=QUIET_S)
        return stall(said, state=look.state, now=now) if said else None

    def _may_go_on(self, tag: str, look: Look) -> bool:
        """Tell whether starting again may help: it was ended from outside, and was no failure of its own."""
        if not look.started:
            return look.late and look.before  # it was to go on, and nobody came: the start was lost with the server
        if look.state == "failed":
            return False
        if look.state == "stopped" or look.rebooted:
            return True
        if self.context.runs.cause_of_death(tag, look)[0] not in _FROM_OUTSIDE:
            return False
        if look.exit_code in {None, -signal.SIGTERM}:
            return True
        # SIGKILL is the kernel's way, too, when memory runs out: then only a checkpoint makes another try worth while.
        whole = any(is_complete(path) for path in checkpoints_of(self.context.runs.folder(tag) / "checkpoints"))
        return look.exit_code == -signal.SIGKILL and whole

    def _check_room(self, request: TrainingRequest, settings: Mapping[str, Any]) -> None:
        """Refuse a training whose checkpoints would not fit on the disk; unknown sizes are let through.

        Raises:
            NoCapacity: with the figures; the job waits until there is room.
        """
        models = self.context.models
        base = models.resolve(request.base_model)
        size, config = models.size_bytes(base.id), models.config(base)
        if size is None or not config:
            return
        model = Architecture.of(config, models.one(base.id).parameters or 0)
        need = disk(self.context.runs.root, model, settings, reserve=self.context.reserve)
        if need.verdict is Verdict.DOES_NOT_FIT:
            raise NoCapacity(disk_sentence(need), fix="Free some space, or keep fewer checkpoints.")

    def _rows(self, file: RemoteFile) -> Path:
        path = self.context.runs.folder("uploads") / self.context.runs.folder(file.id).name
        if not path.is_file():
            raise NotFound(f"The rows {file.id} are gone.", fix="Upload the dataset again.")
        return path

    def _spec(self, request: TrainingRequest) -> dict[str, Any]:
        base = self.context.models.resolve(request.base_model)
        rows = self._rows(request.training_file)
        settings = resolve(
            request.hyperparameters,
            request.options,
            method=request.method,
            starter=base.is_starter,
            adapter=base.adapter is not None,
            context_length=self.context.models.context_length(base.id),
            rows=_count_rows(rows),
        )
        validation = request.validation_file
        return {
            "kind": TRAIN,
            "method": request.method,
            "name": request.suffix,
            "base": base.as_spec(),
            "settings": settings,
            "seed": request.seed or 0,
            **self.context.machine(base.hub),
            "reserve": self.context.reserve,
            "licence": self.context.models.licence(base),
            "train": str(rows),
            "validation": str(self._rows(validation)) if validation else None,
            "rates": str(self.context.runs.root / "rates.jsonl"),
        }

    def _sent(self, tag: str) -> Mapping[str, Any] | None:
        spec = run_lock.read_whole(self.context.runs.folder(tag) / run_lock.SPEC)
        return None if spec is None else {**untyped(spec.get("settings")), "seed": spec.get("seed", 0)}

    def _verdict(self, tag: str, look: Look) -> tuple[JobStatus, JobReason | None, str]:
        if look.state == "succeeded":
            return JobStatus.SUCCEEDED, None, _early(look.reported) if look.reported.get("early") else ""
        if look.stopping:
            if look.alive:
                return JobStatus.CANCELLING, JobReason.REQUESTED, ""
            return JobStatus.CANCELLED, JobReason.REQUESTED, "It was stopped; its checkpoints are kept."
        if look.alive or not (look.died or look.state in {"failed", "stopped"}):
            return JobStatus.RUNNING if look.started else JobStatus.QUEUED, None, ""
        return JobStatus.FAILED, *self._cause(tag, look)

    def _cause(self, tag: str, look: Look) -> tuple[JobReason, str]:
        if look.state == "failed":
            code = str(look.reported.get("code", ""))
            return reason_of(code), sentence(str(look.reported.get("message")), str(look.reported.get("fix")))
        if look.state == "stopped":
            return JobReason.BACKEND_ERROR, "The training was stopped from outside; it saved its work."
        if look.rebooted:
            return JobReason.BACKEND_ERROR, "The machine was restarted during the training."
        code, text = self.context.runs.cause_of_death(tag, look)
        return reason_of(code), text


def _said_of(still: Stall | None) -> list[RemoteEvent]:
    """Return a warning for the journal: one for each silence, however often it is looked at."""
    if still is None:
        return []
    at = datetime.fromtimestamp(still.since, tz=UTC) + timedelta(seconds=QUIET_S)
    return [RemoteEvent(id=f"stalled:{int(still.since)}", at=at, level=EventLevel.WARNING, message=still.message)]


def _early(reported: Mapping[str, Any]) -> str:
    best = reported.get("best_step")
    which = f"the checkpoint of step {best}, its best by validation loss" if best else "what it had learned by then"
    return (
        f"Stopped early as asked, after step {reported.get('step')} of {reported.get('steps')}. The model is {which}."
    )


def _count_rows(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for line in file if line.strip())
