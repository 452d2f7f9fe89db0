"""Training over the wire: files up, one create a job, looked up by metadata or its file, looked at, ended."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from app.backends.openai_wire.training.files import Files, KnownFile, listed
from app.backends.openai_wire.training.job_list import JobList
from app.backends.openai_wire.training.observation import observe
from app.backends.openai_wire.training.parts import PartedUploads
from app.backends.openai_wire.training.statuses import status_of
from app.backends.openai_wire.transport.errors import Conflicting
from app.backends.openai_wire.transport.plane import Plane
from app.domain.backend import (
    Backend,
    BackendError,
    JobObservation,
    NotAuthorised,
    NotFound,
    OutcomeUnknown,
    Rejected,
    RemoteEvent,
    RemoteFile,
    RemoteJob,
    TrainingRequest,
    Unavailable,
)
from app.domain.backend_abilities import KnownJob, Pauses, PollsInBatch
from app.domain.events import EventLevel
from app.domain.hyperparameters import AUTO
from app.domain.jobs import JobStatus
from app.domain.serving import ForgetsUploads
from app.kit.clock import Clock

T = TypeVar("T")
TAG, MARK = "tunedesk_job", "tunedesk"  # of our jobs' metadata: our id, and the installation
JOBS = "fine_tuning/jobs"
_EARLIER_S = 600  # how far a provider's clocks may differ between a file and a job
_METHODS = {"sft": "supervised", "dpo": "dpo"}
_CONFLICTS = 2  # creates that are answered by 409, and found by nobody, before the job ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a plane differs. `metadata_filter`: jobs can be listed by metadata. `waits_for_files`: a create before a file
    is processed fails. `estimates`: `estimated_finish` means something. `suffix_chars`: of a model's name.
    """

    metadata_filter: bool = True
    waits_for_files: bool = False
    estimates: bool = True
    suffix_chars: int = 64


class Wire:
    """What training needs beside the plane; caches, no truth. `planes`: all at which a job of ours may be listed."""

    def __init__(
        self,
        plane: Plane,
        *,
        dialect: Dialect,
        clock: Clock,
        mark: str,
        parts: PartedUploads,
        planes: Sequence[Plane] = (),
    ) -> None:
        """`parts` sends large files, where at some that is done at another plane."""
        self.plane, self.dialect, self.clock, self.mark = plane, dialect, clock, mark
        self.planes = planes or (plane,)
        self.files = Files(plane, mark=mark, waits=dialect.waits_for_files, parts=parts, clock=clock)
        self.list = JobList(plane, clock)
        self.duplicates: dict[str, list[str]] = {}
        self.conflicts: dict[str, list[Conflicting]] = {}  # by our ids; after a restart they are counted anew

    def anywhere(self, ask: Callable[[Plane], T]) -> T:
        """Return what the first plane says that knows the thing: at Azure, a project's and its resource's may differ.

        Raises:
            BackendError: as the first plane, where none knows it.
        """
        try:
            return ask(self.plane)
        except NotFound:
            for plane in self.planes:
                if plane is not self.plane:
                    with suppress(BackendError):
                        return ask(plane)
            raise


class WireTraining(PollsInBatch, Pauses, ForgetsUploads, Backend):
    """The least that a backend can do, over the wire."""

    wire: Wire
    # How long a list may lag behind a create is not documented anywhere; nobody reported over a minute.
    acceptance_grace = timedelta(minutes=5)

    def further(self, request: TrainingRequest) -> Mapping[str, Any]:  # noqa: ARG002 -- for dialects that have some
        """Return the fields of a create that only this backend knows."""
        return {}

    def upload(self, path: Path, *, tag: str) -> RemoteFile:
        """Bring rows up under a name of their own; a large file is not ready at once."""
        return self.wire.files.upload(path, tag)

    def file(self, file: RemoteFile) -> RemoteFile:
        """Return the file's present state."""
        return self.wire.files.file(file)

    def submit(self, request: TrainingRequest) -> RemoteJob:
        """Create the job, once; one that trains on this job's file is the job.

        Raises:
            OutcomeUnknown: when it may or may not have been accepted.
        """
        known = self.find(request.tag)
        if known is not None:
            return known
        made = self._created(request)
        return RemoteJob(str(made["id"]))

    def _created(self, request: TrainingRequest) -> Mapping[str, Any]:
        """Create the job; one that was answered by 409 twice, and looked for each time, is refused for good."""
        conflicts = self.wire.conflicts.pop(request.tag, [])
        if len(conflicts) >= _CONFLICTS:
            raise Rejected(conflicts[-1].detail, fix=conflicts[-1].fix, code=conflicts[-1].code)
        try:
            return self.wire.plane.create(JOBS, self.body(request))
        except OutcomeUnknown as doubt:
            if isinstance(doubt.__cause__, Conflicting):
                self.wire.conflicts[request.tag] = [*conflicts, doubt.__cause__]
            raise

    def body(self, request: TrainingRequest) -> dict[str, Any]:
        """Return what a create sends."""
        kind = _METHODS.get(request.method)
        if kind is None:
            raise Rejected(f"{request.method} is not trained there.", fix="Choose sft or dpo.", field="method")
        if request.task_type != "chat_completion":
            raise Rejected("Only chats are trained there.", fix="Choose chat completion.", field="task_type")
        settings = {name: value for name, value in request.hyperparameters.items() if value != AUTO}
        body: dict[str, Any] = {
            "model": request.base_model,
            "training_file": request.training_file.id,
            "method": {"type": kind, kind: {"hyperparameters": settings}},
            "metadata": {TAG: request.tag, MARK: self.wire.mark},
            "suffix": request.suffix[: self.wire.dialect.suffix_chars],
            **self.further(request),
        }
        if request.validation_file is not None:
            body["validation_file"] = request.validation_file.id
        if request.seed is not None:
            body["seed"] = request.seed
        return body

    def find(self, tag: str) -> RemoteJob | None:
        """Return the job that was created for `tag`: by its metadata, else by the file that only it trains on.

        Where a repeated create has made two, the older one is the job, and the younger ones are cancelled.
        """
        found = list(self._by_metadata(tag)) or list(self._by_file(tag))
        if not found:
            return None
        found.sort(key=lambda body: (int(body.get("created_at") or 0), str(body["id"])))
        first, *further = found
        for each in further:
            self._end_duplicate(str(first["id"]), each)
        return RemoteJob(str(first["id"]))

    def observe(self, job: RemoteJob, *, since: str | None) -> JobObservation:
        """Look at a job; `since` is the cursor of the last look."""
        now = self.wire.clock.now()
        estimates = self.wire.dialect.estimates
        seen = self.wire.anywhere(lambda plane: observe(plane, job.id, since=since, now=now, estimates=estimates))
        self.wire.list.looked(seen.status)
        twice = [
            RemoteEvent(
                id=f"tunedesk-duplicate-{each}",
                at=now,
                level=EventLevel.WARNING,
                message=f"A second job {each} trained on the same file, made by a repeated call; it is cancelled.",
            )
            for each in self.wire.duplicates.pop(job.id, [])
        ]
        return replace(seen, events=[*seen.events, *twice]) if twice else seen

    def unchanged(self, known: Sequence[KnownJob]) -> Mapping[str, timedelta | None]:
        """Return those of which the last list of the provider's jobs has nothing new."""
        return self.wire.list.unchanged(known)

    def cancel(self, job: RemoteJob) -> None:
        """Ask the job to stop; one that is over is fine, and one that may not be stopped now goes on, and is billed.

        Raises:
            Unavailable: it may not be stopped now. It is no failure of the job's.
        """
        try:
            self._steer(job, "cancel", lambda status: status is not None and status.is_final)
        except Rejected as error:
            fix = "It goes on there until then, and may be billed: it is asked again, and followed to its end."
            raise Unavailable(error.detail, fix=fix) from error

    def pause(self, job: RemoteJob) -> None:
        """Ask the job to stand still."""
        self._steer(job, "pause", lambda status: status is JobStatus.PAUSED or (status is not None and status.is_final))

    def unpause(self, job: RemoteJob) -> None:
        """Ask the job to go on."""
        over = {JobStatus.QUEUED, JobStatus.RUNNING}
        self._steer(job, "resume", lambda status: status in over or (status is not None and status.is_final))

    def discard_model(self, model: str) -> str | None:
        """Remove a tuned model; one that is gone is fine."""
        try:
            self.wire.plane.delete(f"models/{model}")
        except NotFound:
            return None
        except NotAuthorised as error:
            # Only owners of an organisation may. It costs nothing by being there, so the teardown goes on.
            return f"It stays at the provider, for this key may not remove it: {error.detail}"
        return None

    def discard_upload(self, path: Path) -> str:
        """Remove what was uploaded from this file."""
        gone = self.wire.files.discard(path)
        return f"{gone} file{'' if gone == 1 else 's'} removed." if gone else "It was gone already."

    def _steer(self, job: RemoteJob, verb: str, is_done: Any) -> None:  # noqa: ANN401 -- a question to a status
        try:
            self.wire.plane.post(f"{JOBS}/{job.id}/{verb}")
        except Rejected:
            body = self.wire.plane.get(f"{JOBS}/{job.id}")
            if not is_done(status_of(str(body.get("status") or ""))):
                raise

    def _by_metadata(self, tag: str) -> Iterator[Mapping[str, Any]]:
        if not self.wire.dialect.metadata_filter:
            return
        try:
            page = self.wire.plane.get(JOBS, [(f"metadata[{TAG}]", tag), ("limit", "100")])
        except Rejected:  # a server without this filter
            return
        for body in page.get("data") or ():  # one that knows no filter gives all: what is in it counts
            metadata = body.get("metadata")
            if isinstance(metadata, dict) and metadata.get(TAG) == tag and body.get("id"):
                yield body

    def _by_file(self, tag: str) -> Iterator[Mapping[str, Any]]:
        sent = self._sent_files(tag)
        if not sent:
            return
        ids, since = {each.id for each in sent}, min(each.created for each in sent) - _EARLIER_S
        seen: set[str] = set()
        for plane in self.wire.planes:
            for body in listed(plane, JOBS):
                if body.get("training_file") in ids and str(body["id"]) not in seen:
                    seen.add(str(body["id"]))
                    yield body
                if 0 < int(body.get("created_at") or 0) < since:
                    break

    def _sent_files(self, tag: str) -> Sequence[KnownFile]:
        return self.wire.files.of_tag(f"{tag}-training")

    def _end_duplicate(self, kept: str, body: Mapping[str, Any]) -> None:
        status = status_of(str(body.get("status") or ""))
        if status is not None and status.is_final:
            return
        try:
            self.cancel(RemoteJob(str(body["id"])))
        except BackendError:
            return  # the next look-up, or a person on the provider's page, finds it still
        self.wire.duplicates.setdefault(kept, []).append(str(body["id"]))
