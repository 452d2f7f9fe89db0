"""Rehearsed training: what was accepted stands in the ledger, everything else follows from it and the time."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from app.backends.rehearsal.curves import EPOCHS, is_epoch_end, metrics_at, train_loss
from app.backends.rehearsal.faults import ERRORS, FOREIGN, ODD, Fault, FaultKind, error
from app.backends.rehearsal.ledger import Entry
from app.backends.rehearsal.schedule import Course, course
from app.backends.rehearsal.spoiling import spoil
from app.backends.rehearsal.state import LABEL, RehearsalState, tag_of
from app.domain.backend import (
    Backend,
    JobObservation,
    KeepsLogs,
    KeepsWeights,
    NotFound,
    Rejected,
    RemoteEvent,
    RemoteFile,
    RemoteJob,
    Resumes,
    TrainingRequest,
    Unavailable,
)
from app.domain.backend_abilities import KnownJob, OffersCheckpoints, Pauses, PollsInBatch
from app.domain.events import EventLevel
from app.domain.jobs import JobProgress, JobReason, JobStatus
from app.domain.metrics import Checkpoint, Metric

_WORDS = {
    JobStatus.QUEUED: "Waiting in line",
    JobStatus.RUNNING: "Rehearsing",
    JobStatus.PAUSED: "Standing still",
    JobStatus.CANCELLING: "Stopping",
    JobStatus.CANCELLED: "Stopped",
    JobStatus.SUCCEEDED: "Done",
    JobStatus.FAILED: "Broken",
}
_REFUSED = {*ERRORS, *ODD, *FOREIGN, FaultKind.DIES_BEFORE}
_UNTOLD = {FaultKind.LOST_ANSWER, FaultKind.LATE_ACCEPTANCE, FaultKind.DIES_AFTER}


class Training(RehearsalState, Resumes, Pauses, KeepsLogs, KeepsWeights, OffersCheckpoints, PollsInBatch, Backend):
    """Files and jobs."""

    @property
    def acceptance_grace(self) -> timedelta:
        """How long after an unanswered submit a look-up may still miss the job."""
        return timedelta(seconds=self.script.acceptance_grace_s)

    def upload(self, path: Path, *, tag: str) -> RemoteFile:
        """Note that a file came; its rows are not read."""
        self.stumble("upload", tag)
        with self.ledger.locked():
            made = self.made("upload", tag)
            if made:
                return RemoteFile(id=str(made[0].id))
            if not path.is_file():
                raise Unavailable(f"{LABEL}: the file {path.name} cannot be read.", fix="Upload it again.")
            identifier = f"reh-file-{tag}"
            self.write("upload", tag, id=identifier, bytes=path.stat().st_size, path=str(path.absolute()))
        return RemoteFile(id=identifier)

    def file(self, file: RemoteFile) -> RemoteFile:
        """Return the file: it is ready at once."""
        self.stumble("file", file.id)
        return RemoteFile(id=file.id)

    def submit(self, request: TrainingRequest) -> RemoteJob:
        """Accept a job, or do what the script wants instead."""
        tag = request.tag
        self.take_time()
        with self.ledger.locked():
            fault = self.fault_at("submit", tag)
            made = self.made("submit", tag)
            if fault is not None and fault.kind in _REFUSED:
                self.write("submit", tag, fault=fault.kind)
            elif made and not self.script.repeats_doubles:
                return RemoteJob(id=str(made[0].id))
            else:
                made.append(self._accept(request, len(made) + 1, fault))
        self.take_time()
        if fault is not None and fault.kind in _REFUSED | _UNTOLD:
            raise error(fault)
        return RemoteJob(id=str(made[-1].id))

    def _accept(self, request: TrainingRequest, number: int, fault: Fault | None) -> Entry:
        tag, script = request.tag, self.script
        fate = script.fault("train", tag, self.number(tag), turn=0, spent=0)
        pace = 1 + script.spread * (2 * script.chance("pace", self.number(tag)) - 1)
        late = fault.seconds if fault is not None and fault.kind in _UNTOLD else 0.0
        settings = {**request.hyperparameters, **request.options}
        return self.write(
            "submit",
            tag,
            id=f"reh-{tag}-{number}",
            fault=None if fault is None else fault.kind,
            accepted_at=self.now() + late,
            queue_s=script.queue_s * pace,
            train_s=script.train_s * pace,
            interruptions=(fate.times or 1) if fate is not None and fate.kind is FaultKind.INTERRUPTED else 0,
            end=fate.kind if fate is not None else "",
            settings=settings,
            name=request.suffix,
            base_model=request.base_model,
            method=request.method,
            training_file=request.training_file.id,
            validation_file="" if request.validation_file is None else request.validation_file.id,
        )

    def find(self, tag: str) -> RemoteJob | None:
        """Return the job that was accepted under `tag`, as soon as it shows."""
        self.stumble("find", tag)
        made = [entry for entry in self.made("submit", tag) if entry.data["accepted_at"] <= self.now()]
        return RemoteJob(id=str(made[0].id)) if made else None

    def job(self, identifier: str) -> tuple[Entry, Course]:
        """Return the entry that made a job, and where the job is now.

        Raises:
            NotFound: no job with that id was ever accepted.
        """
        tag = tag_of(identifier)
        for number, entry in enumerate(entries := self.ledger.of(tag)):
            if entry.call == "submit" and entry.id == identifier and entry.data["accepted_at"] <= self.now():
                later = [one for one in entries[number:] if one.id == identifier]
                return entry, course(self.script, entry, later, self.now())
        raise self.missing("job", identifier)

    def observe(self, job: RemoteJob, *, since: str | None) -> JobObservation:
        """Look at a job: everything since step `since`."""
        tag = tag_of(job.id)
        fault = self.stumble("observe", tag)
        entry, now = self.job(job.id)
        first = int(since) if since and (fault is None or fault.kind is not FaultKind.REPEATED) else 0
        done = int(now.share * self.script.steps)
        steps = range(first + 1, done + 1)
        settings = entry.data["settings"]
        metrics = [metric for step in steps for metric in metrics_at(self.script, tag, step, settings)]
        seen = _observation(self, entry, now, done, metrics, first)
        return seen if fault is None else spoil(seen, fault.kind)

    def unchanged(self, known: Sequence[KnownJob]) -> Mapping[str, timedelta | None]:
        """Say of which jobs there is nothing new; of none where looks are scripted to go wrong."""
        if any(fault.call == "observe" for fault in self.script.faults):
            return {}
        look = timedelta(seconds=self.script.look_s)
        return {each.remote_id: look for each in known if self._is_unchanged(each)}

    def _is_unchanged(self, known: KnownJob) -> bool:
        try:
            _entry, now = self.job(known.remote_id)
        except NotFound:
            return False
        return (
            now.status is known.status
            and not now.interrupted
            and known.cursor == str(int(now.share * self.script.steps))
        )

    def cancel(self, job: RemoteJob) -> None:
        """Stop a job; a finished one stays as it is."""
        entry, now = self.job(job.id)
        self.stumble("cancel", entry.tag)
        if not now.status.is_final and now.status is not JobStatus.CANCELLING:
            self.write("cancel", entry.tag, id=job.id)

    def resume(self, job: RemoteJob) -> None:
        """Go on from the checkpoint; while it runs, do nothing."""
        entry, now = self.job(job.id)
        self.stumble("resume", entry.tag)
        if now.interrupted:
            self.write("resume", entry.tag, id=job.id)

    def pause(self, job: RemoteJob) -> None:
        """Let a running job stand still, as most providers do once it has taken a step; a paused one stays so."""
        entry, now = self.job(job.id)
        self.stumble("pause", entry.tag)
        if now.status is JobStatus.QUEUED:
            raise Rejected(f"{LABEL}: the job does not train yet.", fix="It is paused once it does.")
        if now.status is JobStatus.RUNNING:
            self.write("pause", entry.tag, id=job.id)

    def unpause(self, job: RemoteJob) -> None:
        """Let a paused job go on; one that trains does."""
        entry, now = self.job(job.id)
        self.stumble("unpause", entry.tag)
        if now.status is JobStatus.PAUSED:
            self.write("unpause", entry.tag, id=job.id)

    def discard_model(self, model: str) -> None:
        """Note that a model was removed."""
        self.stumble("discard_model", model)
        self.write("discard_model", model)

    def log(self, job: RemoteJob, *, lines: int) -> Sequence[str]:
        """Return the last lines of a made-up log."""
        entry, now = self.job(job.id)
        self.stumble("log", entry.tag)
        done = int(now.share * self.script.steps)
        reported = [f"step {step}: loss {train_loss(self.script, entry.tag, step):.4f}" for step in range(1, done + 1)]
        return [f"[{LABEL}] nothing is trained here; every figure is made up", *reported][-lines:] if lines > 0 else []

    def log_path(self, job: RemoteJob) -> Path | None:
        """Return the whole log as a file."""
        path = self.folder / "logs" / f"{job.id}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(self.log(job, lines=10**9)) + "\n", encoding="utf-8")
        return path

    def model_files(self, model: str) -> Path:
        """Return a folder with a card that says that there are no weights."""
        self.stumble("model_files", model)
        folder = self.folder / "models" / msgspec.json.encode(model).hex()[:64]
        folder.mkdir(parents=True, exist_ok=True)
        text = f"# {LABEL}: {model}\n\nNothing was trained, so there are no weights here.\n"
        (folder / "README.md").write_text(text, encoding="utf-8")
        return folder

    def model_from_checkpoint(self, job: RemoteJob, checkpoint: str) -> str:
        """Return the name of a model from a checkpoint."""
        entry, now = self.job(job.id)
        self.stumble("model_from_checkpoint", entry.tag)
        step = checkpoint.rpartition("-")[2]
        if not step.isdigit() or int(step) > now.share * self.script.steps:
            raise self.missing("checkpoint", checkpoint)
        return f"{_model_name(entry)}:step-{step}"

    def checkpoints_stay(self) -> bool:
        """Return True: a model of a checkpoint is one of its own."""
        return True


def _model_name(entry: Entry) -> str:
    return f"rehearsal:ft:{entry.tag}:{entry.data['name']}"


def _observation(
    state: Training, entry: Entry, now: Course, done: int, metrics: Sequence[Metric], first: int
) -> JobObservation:
    failed, succeeded = now.status is JobStatus.FAILED, now.status is JobStatus.SUCCEEDED
    left = max(0.0, now.ends_at - state.now()) if now.ends_at is not None and not now.status.is_final else None
    script = state.script
    progress = JobProgress(
        step=done,
        steps=script.steps,
        epoch=round(EPOCHS * now.share, 3),
        epochs=float(EPOCHS),
        eta_s=left,
        stage=_WORDS[now.status],
    )
    saved = [step for step in range(1, done + 1) if is_epoch_end(script, step)]
    return JobObservation(
        status=now.status,
        reason=JobReason.BACKEND_ERROR if failed else None,
        message=f"{LABEL}: a bad end, on request." if failed else "",
        raw_status=_WORDS[now.status],
        progress=progress,
        fine_tuned_model=_model_name(entry) if succeeded else None,
        model_size_bytes=0 if succeeded else None,
        interrupted=now.interrupted,
        sent=entry.data["settings"],
        events=_events(entry, now, saved),
        metrics=metrics,
        checkpoints=[_checkpoint(state, entry, step, saved) for step in saved if step > first],
        cursor=str(done),
        next_look=timedelta(seconds=script.look_s),
    )


def _checkpoint(state: Training, entry: Entry, step: int, saved: Sequence[int]) -> Checkpoint:
    loss = train_loss(state.script, entry.tag, step)
    return Checkpoint(
        step=step,
        remote_id=f"{entry.id}-step-{step}",
        epoch=round(EPOCHS * step / state.script.steps, 3),
        train_loss=loss,
        validation_loss=round(loss * 1.08 + 0.02, 6),
        best=step == saved[-1],
    )


def _events(entry: Entry, now: Course, saved: Sequence[int]) -> list[RemoteEvent]:
    data: Mapping[str, Any] = entry.data
    reported = [("accepted", data["accepted_at"], "the job was accepted")]
    if now.status is not JobStatus.QUEUED:
        reported.append(("started", now.started_at, "training began; nothing is trained"))
    reported += [(f"step-{step}", now.started_at, f"a checkpoint was saved at step {step}") for step in saved]
    if now.status.is_final:
        reported.append(("ended", now.started_at, f"the job ended: {now.status.value}"))
    return [
        RemoteEvent(
            id=f"{entry.id}:{name}",
            at=datetime.fromtimestamp(at, UTC),
            level=EventLevel.INFO,
            message=f"{LABEL}: {text}.",
        )
        for name, at, text in reported
    ]
