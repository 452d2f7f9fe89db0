"""What a dataset's page shows, computed from frozen values."""

from collections.abc import Mapping, Sequence

from app.domain.datasets import Dataset, DatasetReport, DatasetStatus
from app.domain.mappings import ColumnMapping, FirstRow, Role
from app.web.i18n import gettext as _
from app.web.views.parts import Bin, Question, Tab


def tabs(dataset: Dataset, current: str) -> Sequence[Tab]:
    """Return the tabs of a dataset's page."""
    findings = (dataset.errors or 0) + (dataset.warnings or 0)
    named = (
        *([("columns", _("Columns"), None)] if dataset.status is DatasetStatus.NEEDS_MAPPING else []),
        ("overview", _("Overview"), None),
        ("findings", _("Findings"), findings),
        ("rows", _("Rows"), dataset.rows),
        ("lineage", _("Lineage"), None),
    )
    return [
        Tab(label=label, href=f"/datasets/{dataset.id}?tab={key}", current=key == current, count=count)
        for key, label, count in named
    ]


def roles() -> Sequence[tuple[str, str]]:
    """Return what a column can be, in words."""
    return [
        (Role.IGNORE.value, _("not trained on")),
        (Role.SYSTEM.value, _("system prompt")),
        (Role.USER.value, _("user: the question")),
        (Role.ASSISTANT.value, _("assistant: the answer")),
        (Role.PROMPT.value, _("prompt")),
        (Role.COMPLETION.value, _("completion")),
        (Role.TEXT.value, _("text")),
        (Role.LABEL.value, _("label of the text")),
        (Role.CHOSEN.value, _("better answer (chosen)")),
        (Role.REJECTED.value, _("worse answer (rejected)")),
    ]


def first_rows() -> Sequence[tuple[str, str]]:
    """Return what the first line of a table may be."""
    return [
        (FirstRow.KEEP.value, _("It was read correctly")),
        (FirstRow.ADD_NAMES.value, _("The column names are really the first example")),
        (FirstRow.DROP.value, _("The first example is really the column names")),
    ]


def chosen_mapping(form: Mapping[str, str], names: Sequence[str]) -> ColumnMapping:
    """Return what a form says: `role-1` is that of the first column."""
    words = {role.value for role in Role}
    given = {name: form.get(f"role-{number}", "") for number, name in enumerate(names, 1)}
    first = form.get("first_row", "")
    return ColumnMapping(
        roles={name: Role(role) for name, role in given.items() if role in words},
        first_row=FirstRow(first) if first in set(FirstRow) else FirstRow.KEEP,
    )


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
        message=_("Its file is removed from the disk. A dataset that a job or an evaluation uses is kept."),
        action=f"/datasets/{dataset.id}/delete",
        yes=_("Delete dataset"),
        no=_("Keep it"),
        back=f"/datasets/{dataset.id}",
    )
