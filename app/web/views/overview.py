"""The overview as values: sentences and addresses for what needs somebody, verdicts for what has ended."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.deployments import DeploymentStatus
from app.domain.jobs import FineTuningJob
from app.runtimes.environments import RuntimeStatus
from app.services.overview import Attention, FinishedJob, Overview
from app.web.i18n import gettext as _
from app.web.views.evaluations import Headline, headline

_SECTIONS = {
    "job": "jobs",
    "deployment": "deployments",
    "connection": "connections",
    "draft": "wizard",
    "model": "models",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionView:
    """One line of what needs somebody."""

    href: str
    title: str
    what: str
    detail: str
    status: str


def attention(found: Sequence[Attention]) -> list[AttentionView]:
    """Return the lines, each with a word for what is the matter."""
    words = {
        "job_failed": (_("Job failed"), "failed"),
        "job_unknown": (_("Submit in doubt"), "unknown"),
        "job_model": (_("Which model is it?"), "warn"),
        "deployment_failed": (_("Deployment failed"), "failed"),
        "connection_paused": (_("Connection paused"), "warn"),
        "connection_unhealthy": (_("Doctor found something"), "warn"),
        "draft_ending": (_("Base model ends"), "warn"),
        "model_ending": (_("Base model ends"), "warn"),
        "deployment_ending": (_("Base model ends"), "warn"),
    }
    lines = []
    for each in found:
        what, status = words.get(each.kind, (each.kind, "warn"))
        section = _SECTIONS.get(each.kind.split("_", maxsplit=1)[0], "jobs")
        href = f"/{section}/{each.id}{'/model' if section == 'wizard' else ''}"
        title = each.title or _("Untitled draft")
        lines.append(AttentionView(href=href, title=title, what=what, detail=each.detail, status=status))
    return lines


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedView:
    """One job that succeeded, with the figure that judges it."""

    job: FineTuningJob
    headline: Headline | None


def finished(found: Sequence[FinishedJob]) -> list[FinishedView]:
    """Return the last jobs that succeeded, with base and tuned side by side."""
    return [FinishedView(job=each.job, headline=headline(each.evaluations)) for each in found]


def moving(summary: Overview) -> bool:
    """Tell whether the page changes by itself, so that it asks again."""
    unsettled = {DeploymentStatus.PENDING, DeploymentStatus.CREATING, DeploymentStatus.DELETING}
    return (
        bool(summary.running)
        or any(each.status in unsettled for each in summary.deployments)
        or summary.runtime.status is RuntimeStatus.INSTALLING
    )
