"""What a dataset's page shows, computed from frozen values."""

from collections.abc import Sequence

from app.domain.datasets import Dataset, DatasetReport
from app.web.i18n import gettext as _
from app.web.views.parts import Bin, Question, Tab


def tabs(dataset: Dataset, current: str) -> Sequence[Tab]:
    """Return the tabs of a dataset's page."""
    findings = (dataset.errors or 0) + (dataset.warnings or 0)
    named = (
        ("overview", _("Overview"), None),
        ("findings", _("Findings"), findings),
        ("rows", _("Rows"), dataset.rows),
        ("lineage", _("Lineage"), None),
    )
    return [
        Tab(label=label, href=f"/datasets/{dataset.id}?tab={key}", current=key == current, count=count)
        for key, label, count in named
    ]


def bins(report: DatasetReport | None) -> Sequence[Bin]:
    """Return the histogram of rows by tokens."""
    if report is None:
        return ()
    return [
        Bin(label=f"{each.low}–{each.high - 1}" if each.high is not None else f"≥ {each.low}", count=each.rows)
        for each in report.lengths
    ]


def deletion(dataset: Dataset) -> Question:
    """Return the question that stands before a dataset's deletion."""
    return Question(
        title=_("Delete this dataset?"),
        message=_("Its file is removed from the disk. A dataset that a job was trained on is kept."),
        action=f"/datasets/{dataset.id}/delete",
        yes=_("Delete dataset"),
        no=_("Keep it"),
        back=f"/datasets/{dataset.id}",
    )
