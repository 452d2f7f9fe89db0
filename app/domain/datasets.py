"""What a dataset is, and what its validation says about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class DatasetFormat(StrEnum):
    """The shape of the rows, or what they are read as (`app.domain.canonical`)."""

    CHAT = "chat"  # {"messages": [{"role", "content"}, …]}
    PROMPT_COMPLETION = "prompt_completion"  # {"prompt", "completion"}
    TEXT = "text"  # {"text"}
    PREFERENCE = (
        "preference"  # {"prompt"?, "chosen", "rejected"} or {"input", "preferred_output", "non_preferred_output"}
    )
    UNKNOWN = "unknown"

    @property
    def trains_sft(self) -> bool:
        """Whether supervised fine-tuning can use such rows."""
        return self in {DatasetFormat.CHAT, DatasetFormat.PROMPT_COMPLETION, DatasetFormat.TEXT}


class DatasetStatus(StrEnum):
    """What can be done with a dataset."""

    VALIDATING = "validating"  # being read: made into rows where need be, and checked
    READY = "ready"  # may be trained on; warnings are allowed
    NEEDS_FIXING = "needs_fixing"  # rows could be read, some are wrong
    NEEDS_MAPPING = "needs_mapping"  # rows could be read, and what their columns are has to be said
    REJECTED = "rejected"  # not a file of rows that TuneDesk reads


class Severity(StrEnum):
    """How bad a finding is: an error stops training, a warning asks for a look, an info only tells."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing found in a file: where, what, and how to fix it.

    `line` counts from 1 and is None for the file as a whole; `offset` counts bytes from the file's start;
    `column` counts characters from 1 and exists where the text itself is broken; `path` is a JSON path such as
    `$.messages[1].role`, empty where there is no JSON.
    """

    line: int | None
    offset: int | None
    column: int | None = None
    path: str = ""
    rule: str
    severity: Severity
    message: str
    fix: str
    source: str = ""  # where the row stood in the file that it was made from: "line 12 of tickets.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCount:
    """How often a rule found something, exactly, however many findings were kept."""

    rule: str
    severity: Severity
    title: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetProgress:
    """How far the reading in, the making and the check of a dataset's rows are.

    `share` is what is done of them, 0 to 1; null where nothing is under way: before the engine's turn, and at the end.
    """

    status: DatasetStatus
    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelCount:
    """One answer and the number of rows that have it."""

    label: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSummary:
    """The answers of a dataset whose answers are a small set of labels, most frequent first."""

    labels: Sequence[LabelCount]

    @property
    def names(self) -> tuple[str, ...]:
        """The labels in alphabetical order."""
        return tuple(sorted(count.label for count in self.labels))


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthBin:
    """How many rows have at least `low` and fewer than `high` estimated tokens; the last bin has no `high`."""

    low: int
    high: int | None
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetReport:
    """Everything that one pass over a file found out.

    `rows` counts the lines that are not blank, `lines` all of them; `tokens_estimate` is bytes of text over four
    (`app.data.tokens` states the error); `findings` are the first of each kind, in the order of lines, while
    `rules` counts all; `features` names what rows make use of: `system`, `multi_turn`, `tools`, `weight` (of 0),
    `conversational` (prompt and completion given as messages), `extra_fields`.
    """

    format: DatasetFormat
    status: DatasetStatus
    rows: int
    lines: int
    errors: int
    warnings: int
    tokens_estimate: int
    bytes: int
    sha256: str
    findings: Sequence[Finding] = ()
    rules: Sequence[RuleCount] = ()
    labels: LabelSummary | None = None
    roles: Sequence[tuple[str, int]] = ()
    lengths: Sequence[LengthBin] = ()
    longest_line: int | None = None
    features: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedFile:
    """A file that rows were made from, kept as uploaded.

    `kind` is what it is (`csv`, `json`, `gzip`, …), `words` say how it was read, and `confidence` how sure that was
    (0 to 1). `made` is the SHA-256 of the rows as they were first made, `unit` what their positions in the file count
    (`line`, `row`; empty where there are none). `columns` is how many a table has; `header` whether its first row names
    them. `shift` is how many rows stand before the first one of the file (-1: its first one was taken away).
    """

    filename: str
    kind: str
    words: str
    confidence: float
    sha256: str
    bytes: int
    made: str
    unit: str = ""
    columns: int | None = None
    header: bool | None = None
    shift: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """One immutable version of a dataset: an edit makes a new one of the same family.

    `made_by` says how it came about (`upload`, `sample`, `split`, `map`, …); counts are None until validated;
    `tokens` is the estimate. `bytes` and `sha256` are those of its rows, in JSON Lines; `origins` are the files that
    these were made from, none where the rows are what was brought.
    """

    id: str
    family: str
    version: int
    parent: str | None = None
    made_by: str
    name: str
    filename: str
    project: str | None = None
    status: DatasetStatus
    format: DatasetFormat = DatasetFormat.UNKNOWN
    rows: int | None = None
    errors: int | None = None
    warnings: int | None = None
    tokens: int | None = None
    bytes: int
    sha256: str
    origins: Sequence[UploadedFile] = ()
    created_at: datetime

    @property
    def may_be_trained_on(self) -> bool:
        """Whether it is worth offering: it is ready, or can become so as it is."""
        return self.status not in {DatasetStatus.REJECTED, DatasetStatus.NEEDS_MAPPING}

    @property
    def is_being_made(self) -> bool:
        """Whether its rows are still to be made of those of others."""
        return self.status is DatasetStatus.VALIDATING and self.made_by.startswith(("edit:", "join:"))

    @property
    def is_ready(self) -> bool:
        """Whether it may be trained on, or evaluated with."""
        return self.status is DatasetStatus.READY


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCount:
    """How many jobs and evaluations use a dataset, or a part that was made from it."""

    jobs: int = 0
    evaluations: int = 0

    def __str__(self) -> str:
        """Return it in words."""
        named = ((self.jobs, "job"), (self.evaluations, "evaluation"))
        return " and ".join(f"{number} {noun}{'' if number == 1 else 's'}" for number, noun in named if number)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetUse:
    """Something that rests on a dataset: a job, its models, what serves them, and evaluations.

    `parts` are what a job or an evaluation uses it as: training, validation, test, examples, rows. `of` is the job of
    a model and the model of a deployment.
    """

    kind: str  # job | model | deployment | evaluation
    id: str
    name: str
    status: str
    created_at: datetime
    parts: Sequence[str] = ()
    of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetUses:
    """Everything that rests on a dataset, the newest first; `counts` are exact also where not all is listed."""

    counts: UseCount
    uses: Sequence[DatasetUse]
