"""What a dataset's page shows, computed from frozen values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.domain.datasets import Dataset, DatasetReport, DatasetStatus
from app.domain.edits import DatasetEdit, EditPreview, LineChange
from app.domain.mappings import ColumnMapping, FirstRow, Role
from app.web.i18n import gettext as _
from app.web.views.evaluations import marked
from app.web.views.parts import Bin, Question, Stat, Tab

_AROUND = 100  # characters shown on either side of what differs


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedLine:
    """A line that an edit changes, in pieces as `ui.diff` takes them."""

    line: int
    reason: str
    removed: bool
    pieces: Sequence[tuple[str, str]]


def changed_lines(changes: Sequence[LineChange]) -> list[ChangedLine]:
    """Return what an edit changes, with the middle that differs and a little of what stands around it."""
    return [
        ChangedLine(
            line=each.line,
            reason=each.reason,
            removed=each.after is None,
            pieces=[("delete", each.before[: _AROUND * 4])] if each.after is None else _pieces(each.before, each.after),
        )
        for each in changes
    ]


def edit_counts(preview: EditPreview) -> list[Stat]:
    """Return the figures over an edit's changes."""
    return [
        Stat(label=_("Rows now"), value=f"{preview.rows_before:,}"),
        Stat(label=_("Rows then"), value=f"{preview.rows_after:,}"),
        Stat(label=_("Changed"), value=f"{preview.changed:,}"),
        Stat(label=_("Left out"), value=f"{preview.dropped:,}"),
        *([Stat(label=_("Errors left"), value=f"{preview.errors:,}")] if preview.errors is not None else []),
    ]


def _pieces(before: str, after: str) -> list[tuple[str, str]]:
    start = _alike(before, after)
    end = _alike(before[start:][::-1], after[start:][::-1])
    left, right = before[:start], before[len(before) - end :]
    shown = f"…{left[-_AROUND:]}" if len(left) > _AROUND else left
    rest = f"{right[:_AROUND]}…" if len(right) > _AROUND else right
    return [
        ("equal", shown),
        *marked(before[start : len(before) - end], after[start : len(after) - end]),
        ("equal", rest),
    ]


def _alike(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    pairs = zip(one, other, strict=False)
    return next((number for number, (left, right) in enumerate(pairs) if left != right), min(len(one), len(other)))


def chosen_edit(form: Mapping[str, str]) -> DatasetEdit:
    """Return what the form over the findings says."""
    fixes = sorted(name.removeprefix("fix-") for name in form if name.startswith("fix-"))
    return DatasetEdit(fixes=tuple(fixes), drop_errors="drop_errors" in form)


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
