"""The job's pages as values: figures, curves, stages and tabs."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from app.domain.evaluations import Evaluation
from app.domain.jobs import FineTuningJob, JobStatus
from app.domain.metrics import (
    FURTHER,
    LEARNING_RATE,
    LOSSES,
    SERIES,
    SHARE,
    TOKENS_PER_SECOND,
    TRAIN_LOSS,
    VALIDATION_LOSS,
    Checkpoint,
    MetricSeries,
    Sample,
)
from app.domain.profiles import BackendProfile
from app.domain.timeline import Stage as DomainStage
from app.services.jobs import MOST_COUNTED
from app.web.i18n import gettext as _
from app.web.views import charts, formats
from app.web.views.parts import Question, SeriesSummary, Stage, Stat, Tab
from app.web.views.prices import job_cost

TABS = ("overview", "events", "log", "data", "parameters", "evaluation", "code")
_BEFORE_TRAINING = frozenset({JobStatus.PENDING, JobStatus.PREPARING, JobStatus.QUEUED})
# How long the engine may take to begin the evaluations of a job that has just succeeded.
_EVALUATION_GRACE = timedelta(seconds=60)
_MAX_EPOCH_MARKS = 40


def tab_labels() -> dict[str, str]:
    """Return the tabs' names for people."""
    return {
        "overview": _("Overview"),
        "events": _("Events"),
        "log": _("Log"),
        "data": _("Data"),
        "parameters": _("Parameters"),
        "evaluation": _("Evaluation"),
        "code": _("Code"),
    }


def tabs(job: FineTuningJob, current: str) -> list[Tab]:
    """Return the row of tabs."""
    labels = tab_labels()
    return [Tab(label=labels[name], href=f"/jobs/{job.id}?tab={name}", current=name == current) for name in TABS]


def stage_names() -> dict[str, str]:
    """Return the stages' names for people."""
    return {
        "waiting": _("Waiting"),
        "data": _("Data and checks"),
        "queue": _("Queue"),
        "training": _("Training"),
        "model": _("Model"),
        "evaluation": _("Evaluation"),
        "deployment": _("Deployment"),
    }


def stages(job: FineTuningJob, found: Sequence[DomainStage], now: datetime) -> list[Stage]:
    """Return the timeline, each stage with what it took or has taken so far, and where it is seen."""
    names, here = stage_names(), f"/jobs/{job.id}"
    pages = {"data": f"{here}?tab=data", "evaluation": f"{here}?tab=evaluation"}
    made = {"model": "/models", "deployment": "/deployments"}
    return [
        Stage(
            name=names.get(each.name, each.name),
            state=each.state.value,
            took=_took(each, now),
            note=each.detail,
            href=f"{made[each.name]}/{each.of}" if each.of else pages.get(each.name, ""),
        )
        for each in found
    ]


def _took(stage: DomainStage, now: datetime) -> float | None:
    if stage.started_at is None or stage.state.value in {"waiting", "skipped"}:
        return None
    seconds = ((stage.ended_at or now) - stage.started_at).total_seconds()
    return seconds if seconds > 0 else None


Last = Mapping[str, tuple[int, float | None]]


def stats(job: FineTuningJob, last: Last, series: Sequence[MetricSeries], now: datetime) -> list[Stat]:
    """Return the figures of the strip; a figure that nobody knows is a dash, never an invented zero."""
    curves = {each.name: each for each in series}
    return [
        _progress(job),
        _loss(_("Training loss"), last.get(TRAIN_LOSS), curves.get(TRAIN_LOSS), "stat-train-loss"),
        _best(last.get(VALIDATION_LOSS), curves.get(VALIDATION_LOSS)),
        Stat(
            label=_("Learning rate"),
            value=formats.number(_value(last, LEARNING_RATE)),
            note=_("last step"),
            id="stat-rate",
        ),
        _tokens(job, last),
        _time(job, now),
        job_cost(job, now),
    ]


def _tokens(job: FineTuningJob, last: Last) -> Stat:
    """Return how many tokens were trained on, as the provider counted them for its bill; else how fast it goes."""
    counted = job.progress.trained_tokens
    if counted is not None:
        note = _("counted by the provider")
        return Stat(label=_("Trained tokens"), value=formats.number(counted), note=note, id="stat-tokens")
    return Stat(label=_("Speed"), value=formats.compact(_value(last, TOKENS_PER_SECOND)), note=_("tokens a second"))


def _value(last: Last, name: str) -> float | None:
    return last[name][1] if name in last else None


def _progress(job: FineTuningJob) -> Stat:
    progress = job.progress
    if job.share is None and progress.step is not None:  # not every provider says how many there will be
        return Stat(
            label=_("Progress"), value=formats.number(progress.step), note=_("steps so far"), id="stat-progress"
        )
    note = (
        _("%(step)s of %(steps)s steps")
        % {"step": formats.number(progress.step), "steps": formats.number(progress.steps)}
        if progress.step is not None and progress.steps
        else progress.stage
    )
    return Stat(label=_("Progress"), value=formats.percent(job.share), note=note, id="stat-progress")


def _loss(label: str, last: tuple[int, float | None] | None, curve: MetricSeries | None, element: str) -> Stat:
    value = last[1] if last else None
    first = _finite(curve)[:1]
    if value is None or not first:
        return Stat(label=label, value=formats.NOTHING, id=element)
    change = value - first[0][1]
    note = _("%(change)s since step %(step)d") % {"change": formats.signed(change), "step": first[0][0]}
    return Stat(label=label, value=formats.number(value, 4), note=note, tone="up" if change < 0 else "", id=element)


def _best(last: tuple[int, float | None] | None, curve: MetricSeries | None) -> Stat:
    label, element = _("Validation loss"), "stat-validation-loss"
    points = _finite(curve)
    if last is None or last[1] is None or not points:
        return Stat(label=label, value=formats.NOTHING, id=element)
    step, best = min(points, key=lambda point: point[1])
    note = _("best %(loss)s, step %(step)d") % {"loss": formats.number(best, 4), "step": step}
    return Stat(label=label, value=formats.number(last[1], 4), note=note, id=element)


def _time(job: FineTuningJob, now: datetime) -> Stat:
    if job.status.is_final and job.adopted:  # when it was adopted says nothing of how long it took
        return Stat(label=_("Took"), value=formats.NOTHING, note=_("made elsewhere"))
    if job.status.is_final:
        end = job.ended_at or now
        took = (end - job.created_at).total_seconds()
        return Stat(label=_("Took"), value=formats.duration(took), note=_("from submit to end"))
    if job.progress.eta_s is not None and job.status is JobStatus.RUNNING:
        return Stat(label=_("Time left"), value=formats.duration(job.progress.eta_s), note=_("estimated"))
    return Stat(label=_("Time left"), value=formats.NOTHING, note="")


def _finite(curve: MetricSeries | None) -> list[tuple[int, float]]:
    if curve is None:
        return []
    pairs = zip(curve.steps, curve.values, strict=True)
    return [(step, value) for step, value in pairs if value is not None and math.isfinite(value)]


@dataclass(frozen=True, slots=True, kw_only=True)
class LossView:
    """The loss chart as the server draws it, with the same in numbers."""

    plot: charts.Plot
    rows: Sequence[SeriesSummary]
    epoch_steps: Sequence[int]
    best_step: int | None


def loss_view(job: FineTuningJob, series: Sequence[MetricSeries], checkpoints: Sequence[Checkpoint]) -> LossView:
    """Return the chart: the two losses, where epochs end, and the best checkpoint."""
    curves = {each.name: each for each in series}
    drawn, rows = [], []
    for known in (each for each in SERIES if each.name in LOSSES):
        name, points = _(known.title), _finite(curves.get(known.name))
        drawn.append(charts.Series(name, [step for step, _value in points], [value for _step, value in points]))
        best = min(points, key=lambda point: point[1], default=(None, None))
        rows.append(
            SeriesSummary(
                name=name,
                first=points[0][1] if points else None,
                last=points[-1][1] if points else None,
                best=best[1],
                best_step=best[0],
            )
        )
    best_step = next((each.step for each in checkpoints if each.best), None)
    return LossView(plot=charts.plot(drawn), rows=rows, epoch_steps=_epoch_steps(job), best_step=best_step)


def _epoch_steps(job: FineTuningJob) -> list[int]:
    steps, epochs = job.progress.steps, job.progress.epochs
    if not steps or not epochs or epochs < 1 or epochs > _MAX_EPOCH_MARKS:
        return []
    return [round(steps * number / epochs) for number in range(1, math.floor(epochs) + 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class FurtherCurve:
    """A small curve beside the losses: its name, its finite values, and the last of them as people read it."""

    name: str
    curve: Sequence[float]
    last: str


def further(series: Sequence[MetricSeries]) -> list[FurtherCurve]:
    """Return the known series besides the losses; what is measured."""
    curves = {each.name: [value for _step, value in _finite(each)] for each in series}
    return [
        FurtherCurve(name=_(each.title), curve=points, last=_reading(points[-1], each.unit))
        for each in SERIES
        if each.name in FURTHER and (points := curves.get(each.name))
    ]


def _reading(value: float, unit: str) -> str:
    if unit == SHARE:
        return formats.percent(value, 1)
    return formats.compact(value) if unit else formats.number(value)


def settled(job: FineTuningJob, evaluations: Sequence[Evaluation], now: datetime) -> bool:
    """Tell whether nothing on the job's page will change by itself any more."""
    if not job.status.is_final or any(not each.status.is_final for each in evaluations):
        return False
    waiting = job.status is JobStatus.SUCCEEDED and not evaluations
    return not (waiting and job.ended_at is not None and now - job.ended_at < _EVALUATION_GRACE)


def filters(counts: Mapping[JobStatus, int], current: Sequence[JobStatus], query: str) -> list[Tab]:
    """Return the chips of the list: all, and every status that there is a job in; a plus stands for uncounted ones.

    Only those that a text is looked for in are counted one by one, and no further than anybody reads.
    """
    tail = f"&{urlencode({'q': query})}" if query else ""
    many = {status for status, count in counts.items() if query and count > MOST_COUNTED and status.is_final}
    total = sum(counts.values()) - len(many)
    chips = [Tab(label=_("All"), href=f"/jobs?{tail.lstrip('&')}", current=not current, count=total, more=bool(many))]
    return chips + [
        Tab(
            label=_status_label(status),
            href=f"/jobs?status={status.value}{tail}",
            current=status in current,
            count=MOST_COUNTED if status in many else counts.get(status, 0),
            more=status in many,
        )
        for status in JobStatus
        if counts.get(status) or status in current
    ]


def _status_label(status: JobStatus) -> str:
    labels: dict[JobStatus, Callable[[], str]] = {
        JobStatus.PENDING: lambda: _("Waiting"),
        JobStatus.PREPARING: lambda: _("Preparing"),
        JobStatus.QUEUED: lambda: _("Queued"),
        JobStatus.RUNNING: lambda: _("Running"),
        JobStatus.PAUSED: lambda: _("Paused"),
        JobStatus.CANCELLING: lambda: _("Cancelling"),
        JobStatus.UNKNOWN: lambda: _("Unknown"),
        JobStatus.SUCCEEDED: lambda: _("Succeeded"),
        JobStatus.FAILED: lambda: _("Failed"),
        JobStatus.CANCELLED: lambda: _("Cancelled"),
    }
    return labels[status]()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The jobs that wait for a place at one connection, the next one first."""

    connection: str
    jobs: Sequence[FineTuningJob]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledPrompt:
    """One held-out prompt with what was answered to it after each step, the newest first."""

    prompt: str
    expected: str
    answers: Sequence[Sample]


def sampled(samples: Sequence[Sample]) -> list[SampledPrompt]:
    """Return samples by their prompts."""
    numbers = sorted({each.number for each in samples})
    grouped = [[each for each in samples if each.number == number] for number in numbers]
    return [
        SampledPrompt(prompt=answers[-1].prompt, expected=answers[-1].expected, answers=answers[::-1])
        for answers in grouped
    ]


def stopping(job: FineTuningJob) -> Question:
    """Return what is asked before a training is ended early."""
    return Question(
        title=_("Stop now and keep the best checkpoint?"),
        message=_("Training stops after the current step. The best checkpoint becomes the model and is evaluated."),
        action=f"/jobs/{job.id}/stop",
        yes=_("Stop and save"),
        no=_("Keep training"),
        back=f"/jobs/{job.id}",
    )


def discarding(job: FineTuningJob) -> Question:
    """Return what is asked before a finished job's checkpoints are removed."""
    return Question(
        title=_("Remove all checkpoints of this job?"),
        message=_(
            "The job's model, and models saved from checkpoints, stay. "
            "Training can no longer continue from the removed checkpoints."
        ),
        action=f"/jobs/{job.id}/checkpoints/discard",
        yes=_("Remove them"),
        no=_("Keep them"),
        back=f"/jobs/{job.id}",
    )


def cancelling(job: FineTuningJob, backend: BackendProfile) -> Question:
    """Return what is asked before a job is cancelled: what is lost, what is kept, and what stays charged."""
    begun = job.status not in _BEFORE_TRAINING or bool(job.progress.step)  # one that was paused waits again
    return Question(
        title=_("Stop this training?") if begun else _("Cancel this job?"),
        message=" ".join(_of_cancelling(job, backend, begun=begun)),
        action=f"/jobs/{job.id}/cancel",
        yes=_("Yes, stop it") if begun else _("Yes, cancel it"),
        no=_("Keep training") if begun else _("Keep the job"),
        back=f"/jobs/{job.id}",
    )


def _of_cancelling(job: FineTuningJob, backend: BackendProfile, *, begun: bool) -> Iterator[str]:
    where = {"backend": backend.title}
    if job.status is JobStatus.PENDING:
        yield _("It has not been submitted yet, so nothing has been trained.")
    elif not begun:
        yield _("Training has not begun, so there is nothing to keep.")
        if backend.bills:
            yield _("If it begins before %(backend)s stops it, that part is charged.") % where
    elif backend.runs_here:
        yield _("Training stops after the current step. The checkpoints saved so far are kept.")
        yield _("A cancelled job cannot be resumed; continue from one of its checkpoints instead.")
    else:
        yield _("%(backend)s ends the training as soon as it can. A cancelled job cannot be resumed.") % where
        if backend.bills:
            yield _("What has been trained until then stays charged.")
