"""The rows of the list of jobs as texts that a template only has to write down: lists are asked for again and again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.job_summaries import JobSummary
from app.domain.staleness import stale_since
from app.web.i18n import gettext as _
from app.web.views import charts, formats

_ID_CHARS = 8


@dataclass(slots=True, kw_only=True)  # not frozen: a page makes fifty, and each would cost twice as much
class JobRow:
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
    took: str


def rows(
    found: Sequence[JobSummary], connections: Mapping[str, str], base_name: Callable[[str, str], str], now: datetime
) -> list[JobRow]:
    """Return the rows; `connections` are names by id, `base_name` tells a base model's by connection and id."""
    # Looked up once a page: asking gettext costs more than writing a row.
    tick, curve, words = _("Compare %(job)s"), _("Training loss of %(job)s"), _setting_words()
    return [
        JobRow(
            id=job.id,
            name=(name := formats.visible(job.name)),
            sub=_below(job, formats.visible(base_name(job.connection, job.base_model)), words),
            status=job.status.value,
            stale=stale_since(job, now),
            tick=tick % {"job": name},
            points=charts.sparkline(job.curve),
            curve=curve % {"job": name},
            train_loss="" if job.train_loss is None else formats.number(job.train_loss),
            validation_loss=formats.number(job.validation_loss),
            progress=formats.percent(job.share),
            connection=formats.visible(connections.get(job.connection, job.connection)),
            created_at=job.created_at,
            took=formats.duration((job.ended_at or now) - job.created_at),
        )
        for job in found
    ]


def _below(job: JobSummary, base: str, words: Mapping[str, str]) -> str:
    """Return what stands under a job's name; what is cut where there is no room comes last."""
    settings = ", ".join(f"{words[name]} {formats.visible(value)}" for name, value in job.settings.items())
    return " · ".join(filter(None, (base, job.id[-_ID_CHARS:], settings)))


def _setting_words() -> dict[str, str]:
    return {
        "n_epochs": _("epochs"),
        "batch_size": _("batch"),
        "learning_rate": _("rate"),
        "learning_rate_multiplier": _("rate ×"),
    }
