"""What a dataset's page shows, computed from frozen values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from app.data.exports import workbook
from app.data.limits import MIB
from app.domain.datasets import Dataset, DatasetStatus, LengthBin
from app.domain.downloads import DownloadFormat
from app.domain.edits import DatasetEdit, EditPreview, LineChange
from app.domain.mappings import ColumnMapping, FirstRow, Role
from app.web.i18n import gettext as _
from app.web.i18n import ngettext
from app.web.views import formats
from app.web.views.evaluations import marked
from app.web.views.parts import Question, Stat, Tab

_FEWEST_BARS = 4  # fewer say less than a sentence
_TICKS = 5
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
        (FirstRow.KEEP.value, _("The header was read correctly")),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedFormat:
    """A format in the menu of downloads; `why` it is not offered, where it is not."""

    format: str
    label: str
    note: str
    why: str = ""


def downloads(dataset: Dataset) -> Sequence[OfferedFormat]:
    """Return the formats that a dataset's page offers beside that in which the rows are kept."""
    if dataset.status in {DatasetStatus.VALIDATING, DatasetStatus.REJECTED}:
        return ()
    sheet = ""
    if dataset.bytes > workbook.MAX_BYTES:
        sheet = _("more than %(most)s MiB are too much for it") % {"most": workbook.MAX_BYTES // MIB}
    elif (dataset.rows or 0) > workbook.MAX_ROWS:
        sheet = _("a sheet has room for %(most)s rows") % {"most": f"{workbook.MAX_ROWS:,}"}
    named = (
        (DownloadFormat.JSONL_GZ, _("JSON Lines, packed"), ".jsonl.gz", ""),
        (DownloadFormat.JSON, _("JSON array"), ".json", ""),
        (DownloadFormat.CSV, _("CSV"), ".csv", ""),
        (DownloadFormat.TSV, _("Tab-separated"), ".tsv", ""),
        (DownloadFormat.PARQUET, _("Parquet"), ".parquet", ""),
        (DownloadFormat.XLSX, _("Excel workbook"), ".xlsx", sheet),
    )
    return [OfferedFormat(format=form, label=label, note=note, why=why) for form, label, note, why in named]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """A bar of a histogram, `at` its place from the left, counted from 0."""

    at: int
    label: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """How long rows are, in estimated tokens: a sentence, and a histogram where it shows more than that says."""

    sentence: str
    bins: Sequence[Bin] = ()
    high: int = 0  # rows in the highest bar
    ticks: Sequence[str] = ()


def lengths(found: Sequence[LengthBin]) -> Lengths | None:
    """Return what the histogram of rows by tokens shows; None where no row could be counted."""
    full = [each for each in found if each.rows]
    if not full:
        return None
    if len(full) == 1:
        return Lengths(sentence=_("All rows have %(span)s tokens.") % {"span": _span(full[0])})
    if len(full) < _FEWEST_BARS:
        return Lengths(sentence=f"{', '.join(map(_bar, full))}.")
    middle, most, longest = _span(_reaching(full, 0.5)), _reaching(full, 0.95), full[-1]
    return Lengths(
        sentence=_("Half of the rows have at most %(middle)s tokens, 95%% at most %(most)s; the longest %(longest)s.")
        % {
            "middle": middle.rpartition("–")[2],
            "most": _span(most).rpartition("–")[2],
            "longest": _span(longest),
        },
        bins=[Bin(at=at, label=_bar(each), count=each.rows) for at, each in enumerate(found)],
        high=max(each.rows for each in full),
        ticks=[formats.compact(found[at].low) for at in _spread(len(found))],
    )


def _bar(each: LengthBin) -> str:
    rows = ngettext("%(num)s row", "%(num)s rows", each.rows) % {"num": f"{each.rows:,}"}
    return _("%(span)s tokens: %(rows)s") % {"span": _span(each), "rows": rows}


def _span(each: LengthBin) -> str:
    if each.high is None:
        return f"{each.low:,}"
    return f"{each.low:,}" if each.high - each.low == 1 else f"{each.low:,}–{each.high - 1:,}"


def _reaching(full: Sequence[LengthBin], share: float) -> LengthBin:
    """Return the bin in which the shortest rows come to a share of all."""
    wanted = share * sum(each.rows for each in full)
    sums = accumulate(each.rows for each in full)
    return next(each for each, upto in zip(full, sums, strict=True) if upto >= wanted)


def _spread(count: int) -> Sequence[int]:
    """Return the bins whose begin is written below: the first, the last, and some between."""
    ticks = min(_TICKS, count)
    return [round(number * (count - 1) / (ticks - 1)) for number in range(ticks)]


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
        Stat(label=_("Rows after"), value=f"{preview.rows_after:,}"),
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
        message=_("Its file is removed from disk. A dataset used by a job or an evaluation cannot be deleted."),
        action=f"/datasets/{dataset.id}/delete",
        yes=_("Delete dataset"),
        no=_("Keep it"),
        back=f"/datasets/{dataset.id}",
    )
