"""One look at one job: from what Azure tells to what is recorded here."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from app.backends.azure_foundry.training.history import Details, details, events, moment
from app.backends.azure_foundry.training.job_list_cache import JobListCache, word_of
from app.backends.azure_foundry.training.made_models import MadeModel, candidates, the_one
from app.backends.azure_foundry.training.metrics import Latest, Runs, is_loss, metrics
from app.backends.azure_foundry.training.states import WAITING, stall_note, status_note, status_of
from app.backends.azure_foundry.transport.json_values import number, part
from app.backends.azure_foundry.transport.paging import Body, text
from app.backends.azure_foundry.transport.workspace import Workspace
from app.domain.backend import BackendError, JobObservation, RemoteEvent, Transient
from app.domain.backend_abilities import KnownJob
from app.domain.events import EventLevel
from app.domain.jobs import JobProgress, JobReason, JobStatus
from app.domain.metrics import Metric
from app.kit.clock import Clock

_PER_WATCHED = timedelta(seconds=0.5)  # a job's whole history is read at most once in so long, times the jobs watched
_MANY = 20  # while more are watched, the newest values have to do until the end: one call tells them for all
_REGISTERING = timedelta(minutes=15)  # how long after its end a completed job may still be without its model
_SOON = timedelta(seconds=10)


@dataclass(slots=True)
class ObservationCursor:
    """Where the last look ended, kept by the engine between looks."""

    word: str = ""
    reported: dict[str, int] = field(default_factory=dict)  # metric: the newest step that was told
    read: dict[str, int] = field(default_factory=dict)  # metric: how many points of its history were told
    read_at: float = 0.0  # when a history was read last, in seconds since 1970
    moved_at: float = 0.0  # when something moved last
    over: bool = False  # the end was told, histories included
    ended_at: float = 0.0  # when it was first seen completed

    @classmethod
    def of(cls, since: str | None) -> "ObservationCursor":
        """Return what a cursor's text holds; an unreadable one counts as none."""
        try:
            return cls(**json.loads(since)) if since else cls()
        except (ValueError, TypeError):
            return cls()

    def encode(self) -> str:
        """Return the cursor as text."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__}, separators=(",", ":"))


class JobObserver:
    """Looks at the jobs of one connection."""

    def __init__(self, workspace: Workspace, clock: Clock) -> None:
        self._clock = clock
        self._workspace = workspace
        self.runs = Runs(workspace)
        self.jobs = JobListCache(workspace, self.runs, clock)

    def observe(self, name: str, since: str | None) -> JobObservation:
        """Look at a job.

        Raises:
            NotFound: Azure does not know it.
            BackendError: Azure could not be asked.
        """
        body = self.jobs.job(name)
        cursor, now = ObservationCursor.of(since), self._clock.now()
        word = word_of(body)
        status = status_of(word)
        fresh = since is None or word != cursor.word
        seen = self._history(name, status) if fresh else Details()
        latest: Latest = {} if word in WAITING or cursor.over else self.jobs.latest(name)
        points = self._points(name, cursor, latest, whole=since is None or status.is_final)
        if fresh or points or not cursor.moved_at:
            cursor.moved_at = now.timestamp()
        made = self._made(body) if status is JobStatus.SUCCEEDED else ()
        model = the_one(made)
        if status is JobStatus.SUCCEEDED and model is None and _may_come(cursor, seen, now):
            status = JobStatus.RUNNING  # it counts as such until it has its model, or nobody can wait for one any more
        settled = status.is_final
        cursor.word, cursor.over = word if settled or not status_of(word).is_final else "", settled
        reported = _Reported(word, status, body, seen, cursor, now, None if model else made)
        if settled:
            self.jobs.changed(name, ended=True)
        return JobObservation(
            status=status,
            reason=reported.reason(),
            message=reported.message(),
            note=reported.note(),
            raw_status=word,
            progress=_progress(body, word, status, latest, cursor),
            fine_tuned_model=model.address if model else None,
            sent=_sent(body),
            events=[*events(moment(text(body, "systemData", "createdAt")), seen), *reported.remarks()]
            if fresh
            else reported.remarks(),
            metrics=points,
            cursor=cursor.encode(),
            next_look=None if status_of(word).is_final == settled else _SOON,
        )

    def unchanged(self, known: Sequence[KnownJob]) -> Mapping[str, None]:
        """Return those of which the last sweep, as long as it is gone by, has nothing new; calls nobody."""
        bodies, metrics = self.jobs.listed([each.remote_id for each in known])
        now = self._clock.now()
        return {
            each.remote_id: None
            for each in known
            if (body := bodies.get(each.remote_id)) and _is_quiet(each, body, metrics.get(each.remote_id), now)
        }

    def _points(self, name: str, cursor: ObservationCursor, latest: Latest, *, whole: bool) -> list[Metric]:
        """Return what is new. Histories are read at the beginning, at the end, and in between as often as is fair."""
        moved = list(latest) if whole else _moved(latest, cursor)
        now = self._clock.now().timestamp()
        watched = self.jobs.watched
        fair = watched <= _MANY and now - cursor.read_at >= _PER_WATCHED.total_seconds() * watched
        read = bool(moved) and (whole or fair)
        found: list[Metric] = []
        for each in moved:
            points = self.runs.history(name, each) if read else [latest[each]]
            found += metrics(each, points[cursor.read.get(each, 0) :] if read else points)
            if read:
                cursor.read[each] = len(points)
            cursor.reported[each] = max([cursor.reported.get(each, -1), *(step for step, _ in points)])
        if read:
            cursor.read_at = now
        return found

    def _history(self, name: str, status: JobStatus) -> Details:
        """Return what the history tells of a job, and of a failed one the errors of its failed steps as well: a
        pipeline's own error says no more than that there are some.
        """
        seen = details(self._workspace, name)
        if status is not JobStatus.FAILED:
            return seen
        try:
            below = [details(self._workspace, step).errors for step in self.runs.steps(name, failed=True)]
        except Transient:
            raise
        except BackendError:
            return seen  # who may not read the steps is told what the job itself says
        return replace(seen, errors=[*seen.errors, *chain.from_iterable(below)])

    def _made(self, body: Body) -> Sequence[MadeModel]:
        """Return the models that a completed job may have made."""
        return candidates(self._workspace, body)


def _may_come(cursor: ObservationCursor, seen: Details, now: datetime) -> bool:
    """Tell whether the model of a completed job may still be on its way; the history may not say when it ended."""
    cursor.ended_at = cursor.ended_at or (seen.ended or now).timestamp()
    return now.timestamp() - cursor.ended_at < _REGISTERING.total_seconds()


@dataclass(frozen=True, slots=True)
class _Reported:
    """The words of one look."""

    word: str
    status: JobStatus
    body: Body
    seen: Details
    cursor: ObservationCursor
    now: datetime
    unclear: Sequence[MadeModel] | None = None  # which models a completed job may have made; None: no question

    def reason(self) -> JobReason | None:
        if self.status is not JobStatus.FAILED:
            return None
        return self.seen.failure.reason if self.seen.failure else JobReason.BACKEND_ERROR

    def message(self) -> str:
        if self.status is JobStatus.SUCCEEDED and self.unclear is not None:
            return _which(len(self.unclear))
        if self.status is not JobStatus.FAILED:
            return ""
        if self.seen.failure is None:
            return "Azure gives no reason. The job's log may say more."
        return f"{self.seen.failure.detail} {self.seen.failure.fix}".strip()

    def note(self) -> str:
        if self.word == "Completed" and self.status is JobStatus.RUNNING:
            return "Azure has completed the job; its model is being registered."
        return status_note(self.word) or (self._stall() or "")

    def remarks(self) -> list[RemoteEvent]:
        """Return warnings about what needs a person's eye, each once for as long as it lasts."""
        text = status_note(self.word)
        kind = f"state:{self.word[:60]}"
        if not text:
            text, kind = self._stall() or "", "stalled"
        if not text:
            return []
        since = int(self.cursor.moved_at)
        return [RemoteEvent(id=f"{kind}:{since}", at=self.now, level=EventLevel.WARNING, message=text)]

    def _stall(self) -> str | None:
        if self.status.is_final:
            return None
        return stall_note(self.word, moved_at=self.cursor.moved_at, now=self.now, managed=_is_managed(self.body))


def _which(count: int) -> str:
    """Return what is said of a completed job of which Azure does not tell the model."""
    if not count:
        return "Azure completed the training, and shows no model of it yet. Look again on the job's page."
    models = "One model" if count == 1 else f"{count} models"
    return f"Azure completed the training without saying which model it made. {models} may be it: choose."


def _moved(latest: Latest, cursor: ObservationCursor) -> list[str]:
    """Return the metrics that have a later step than was reported."""
    return [each for each, (step, _) in latest.items() if cursor.reported.get(each, -1) < step]


def _is_quiet(known: KnownJob, body: Body, latest: Latest | None, now: datetime) -> bool:
    """Tell whether a look by this body and these values would find what the last one found."""
    word, cursor = word_of(body), ObservationCursor.of(known.cursor)
    if word != cursor.word or status_of(word) is not known.status:
        return False
    if word not in WAITING and (latest is None or _moved(latest, cursor)):
        return False
    return stall_note(word, moved_at=cursor.moved_at, now=now, managed=_is_managed(body)) is None


def _progress(body: Body, word: str, status: JobStatus, latest: Latest, cursor: ObservationCursor) -> JobProgress:
    steps = [step for name, step in cursor.reported.items() if is_loss(name)]
    step = max(steps, default=None)
    epochs = number(_hyperparameters(body).get("num_train_epochs"))
    epoch = latest["epoch"][1] if "epoch" in latest else None
    total = round(step * epochs / epoch) if step and epochs and epoch else None
    if status is JobStatus.SUCCEEDED:
        step = total = step or 1
        epoch = epochs
    return JobProgress(step=step, steps=total, epoch=epoch, epochs=epochs, stage=word)


def _sent(body: Body) -> Mapping[str, Any] | None:
    model, values = text(body, "properties", "fineTuningDetails", "model", "uri"), _hyperparameters(body)
    return {**values, "model": model} if model or values else None


def _hyperparameters(body: Body) -> Mapping[str, str]:
    reported = part(body, "properties", "fineTuningDetails", "hyperParameters")
    return {str(name): str(value) for name, value in reported.items()}


def _is_managed(body: Body) -> bool:
    instances = part(body, "properties", "resources").get("instanceTypes")
    return bool(text(body, "properties", "computeId") or instances)
