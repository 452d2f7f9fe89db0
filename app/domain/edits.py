"""Changes to a dataset's rows, of which each makes a new version: fixes by rule, rows left out, rows written anew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

MAX_LINES = 1000  # that one edit names
MAX_ROW_BYTES = 1 << 20  # of a row that is written anew


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetEdit:
    """What is to be done with the rows of a dataset, in this order.

    `replace` is the text of lines, by their number. `fixes` are the names of automatic fixes. `exclude` are numbers of
    lines that are left out, and with `drop_errors` every row goes in which an error is left then.
    """

    fixes: Sequence[str] = ()
    drop_errors: bool = False
    exclude: Sequence[int] = ()
    replace: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedFix:
    """An automatic fix that findings of a dataset ask for; `findings` is how many of them.

    `safe` says that nothing is lost by it but what was wrong.
    """

    name: str
    title: str
    safe: bool
    findings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LineChange:
    """A line before and after an edit, hidden characters made visible; `after` is None where it is left out.

    `reason` is the finding's sentence, empty for what a person asked for.
    """

    line: int
    before: str
    after: str | None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EditPreview:
    """What an edit would do. `changed` and `dropped` count all rows, while `changes` are the first of them.

    `errors` is how many would be left in rows, None where that was not looked for. `lines` is how many lines were
    looked at, where the file is so large that only its beginning was; then all counts are of that, and else None.
    """

    rows_before: int
    rows_after: int
    changed: int
    dropped: int
    errors: int | None = None
    lines: int | None = None
    changes: Sequence[LineChange] = ()
