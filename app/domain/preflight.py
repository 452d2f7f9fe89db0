"""What is found about a training before its first step: faults of the model's files, of the settings, and of rows.

Also read by the children that train, so it needs the standard library alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

MOST_LINES = 5  # of a finding that many rows have


class PreflightSeverity(StrEnum):
    """How much a finding matters."""

    BLOCKER = "blocker"  # the training would fail, or teach nothing
    WARNING = "warning"  # it would do less than the rows or the settings say
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightFinding:
    """One thing that was found: a sentence, how to fix it, and the field of the job that it is about.

    `count` is how many rows have it, and `lines` the first of these, as lines of the person's file; neither where it
    is not about rows.
    """

    severity: PreflightSeverity
    code: str
    message: str
    fix: str = ""
    pointer: str = "/base_model"
    count: int | None = None
    lines: Sequence[int] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON, which `of_json` reads."""
        return asdict(self)

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> "PreflightFinding":
        """Return what `as_json` has written."""
        lines = tuple(int(each) for each in value["lines"])
        return cls(**{**value, "severity": PreflightSeverity(value["severity"]), "lines": lines})


class PreflightStatus(StrEnum):
    """How far a pre-flight is."""

    ABSENT = "absent"  # nobody has asked for it yet
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"  # it could not be made; the job itself looks before its first step
    # The model is not on this machine yet, and the job looks after the download; or, with a `stage`, what is needed for
    # the look may come at any moment.
    DEFERRED = "deferred"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """A pre-flight and what it found; `stage` says in words what is being looked at.

    `sequences` are what the rows become that is trained, `sequence_tokens` their tokens within the limit of length: a
    row makes several where the chat template writes an earlier answer otherwise than as the last.
    """

    status: PreflightStatus
    stage: str = ""
    message: str = ""
    findings: Sequence[PreflightFinding] = ()
    rows: int | None = None
    tokens: int | None = None
    sequences: int | None = None
    sequence_tokens: int | None = None
    learned_tokens: int | None = None
    longest: int | None = None  # tokens of the longest sequence
    trained_parameters: int | None = None

    @property
    def blockers(self) -> Sequence[PreflightFinding]:
        """What stands in the way of the training."""
        return [each for each in self.findings if each.severity is PreflightSeverity.BLOCKER]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightRequest:
    """What is to be looked at: a base model, what it is to be trained with, and the hashes of the rows (SHA-256)."""

    base_model: str
    method: str
    training: str
    validation: str | None = None
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


def listed(lines: Iterable[int], count: int) -> str:
    """Return where something stands, for the beginning of a sentence: "Line 7", "Lines 3, 9 and 12 more"."""
    first = [str(each) for each in lines][:MOST_LINES]
    if count == 1:
        return f"Line {first[0]}"
    more = count - len(first)
    if more > 0:
        return f"Lines {', '.join(first)} and {more} more"
    return f"Lines {', '.join(first[:-1])} and {first[-1]}"
