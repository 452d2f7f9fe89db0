"""What became of a configuration that was brought: each line is taken, changed or left out, and none is dropped."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class LineOutcome(StrEnum):
    """What became of one parameter."""

    TAKEN = "taken"  # it means the same here, and has the same value
    CHANGED = "changed"  # it is done another way here, or with another value
    LEFT_OUT = "left_out"  # nothing here does that, or it is chosen elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportLine:
    """One parameter: `parameter` as the file names it (`params.lr`), `value` as it stands there, or the default.

    `field` is ours, as a JSON pointer, and `becomes` its value; both are empty for what is left out. A secret's `value`
    is never in an entry.
    """

    outcome: LineOutcome
    parameter: str
    value: str
    by_default: bool = False  # the file does not say it: it is what AutoTrain would have done
    field: str = ""
    becomes: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """The three parts, each in the file's order, what AutoTrain does by default after what the file says."""

    taken: Sequence[ReportLine] = ()
    changed: Sequence[ReportLine] = ()
    left_out: Sequence[ReportLine] = ()

    @classmethod
    def of(cls, entries: Sequence[ReportLine]) -> "ImportReport":
        """Return the report of these entries."""
        parts = {
            each: tuple(sorted((one for one in entries if one.outcome is each), key=lambda one: one.by_default))
            for each in LineOutcome
        }
        return cls(
            taken=parts[LineOutcome.TAKEN], changed=parts[LineOutcome.CHANGED], left_out=parts[LineOutcome.LEFT_OUT]
        )
