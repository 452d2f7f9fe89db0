"""The rows of the list of jobs as texts that a template only has to write down: lists are asked for again and again."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from app.domain.job_summaries import JobSummary
from app.domain.staleness import stale_since
from app.web.i18n import gettext as _
from app.web.i18n import translations
from app.web.views import charts, formats

_ID_CHARS = 8


class ShownJob(NamedTuple):
    """All that a row's look depends on: a row that is equal looks the same, so what was written of it can be kept."""

    job: JobSummary
    connection: str
    base: str
    stale: datetime | None
    submitted: str
    took: str


class JobRow(NamedTuple):
    """One row; texts from outside are made visible here. `points` draw the training loss, "" where there is none."""

    id: str
    name: str
    sub: str
    status: str
    stale: datetime | None
    tick: str
    points: str
    curve: str
    train_loss: str
    validation_loss: str
    progress: str
    connection: str
    created_at: datetime
    submitted: str
    took: str


def shown(
    found: Sequence[JobSummary], connections: Mapping[str, str], base_name: Callable[[str, str], str], now: datetime
) -> list[ShownJob]:
    """Return the rows; `connections` are names by id, `base_name` tells a base model's by connection and id."""
    return [
        ShownJob(
            job=job,
            connection=connections.get(job.connection, job.connection),
            base=base_name(job.connection, job.base_model),
            stale=stale_since(job, now),
            submitted=formats.ago(translations, job.created_at, now),
            took=formats.duration((job.ended_at or now) - job.created_at),
        )
        for job in found
    ]


def row(shown: ShownJob) -> JobRow:
    """Return the texts of one row."""
    job, name = shown.job, formats.visible(shown.job.name)
    return JobRow(
        id=job.id,
        name=name,
        sub=_below(job, formats.visible(shown.base), _setting_words()),
        status=job.status.value,
        stale=shown.stale,
        tick=_("Compare %(job)s") % {"job": name},
        points=charts.sparkline(job.curve),
        curve=_("Training loss of %(job)s") % {"job": name},
        train_loss="" if job.train_loss is None else formats.number(job.train_loss),
        validation_loss=formats.number(job.validation_loss),
        progress=formats.percent(job.share),
        connection=formats.visible(shown.connection),
        created_at=job.created_at,
        submitted=shown.submitted,
        took=shown.took,
    )


def _below(job: JobSummary, base: str, words: Mapping[str, str]) -> str:
    """Return what stands under a job's name; what is cut where there is no room comes last."""
    settings = ", ".join(f"{words[name]} {formats.visible(value)}" for name, value in job.settings)
    return " · ".join(filter(None, (base, job.id[-_ID_CHARS:], settings)))


def _setting_words() -> dict[str, str]:
    return {
        "n_epochs": _("epochs"),
        "batch_size": _("batch"),
        "learning_rate": _("rate"),
        "learning_rate_multiplier": _("rate ×"),
    }
