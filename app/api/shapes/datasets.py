"""Datasets as REST sees them."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from app.api.shapes.splits import ROW_FIELD_RULE, RowField, Seed, Share
from app.domain.datasets import Dataset, Severity
from app.domain.downloads import DownloadFormat
from app.domain.mappings import ColumnMapping, FirstRow, Role
from app.domain.names import NAME_PATTERN
from app.domain.projects import NAME_LIMIT
from app.http import fields
from app.http.fields import (
    KEYED,
    MAX_ENTRIES,
    Id,
    Label,
    Line,
    Name,
    RequestModel,
    ResponseModel,
    described,
    exemplified,
)
from app.kit.paging import MAX_LIMIT

RoleName = Literal[
    "system", "user", "assistant", "prompt", "completion", "text", "label", "chosen", "rejected", "ignore"
]


class UploadQuery(fields.Query):
    """What the file in the body is called and where it belongs."""

    name: Annotated[Line, described(pattern=f"^$|{NAME_PATTERN}", maxLength=NAME_LIMIT)] | None = Field(
        None, description="A label for people; the file's name without its ending if left out."
    )
    filename: Line = "dataset.jsonl"
    project: Id | None = None


class DatasetsQuery(fields.Paging):
    """Which datasets."""

    project: Id | None = None


class DownloadQuery(fields.Query):
    """Which file."""

    original: bool = Field(False, description="The file that the rows were made from, where they were (`origins`).")
    format: DownloadFormat | None = Field(
        None,
        description="The format of the file; as the rows are kept (JSON Lines) if left out. In CSV, TSV, Parquet and "
        "XLSX a column whose values are not all texts is marked `:json` behind its name; docs/formats.md has the rule.",
    )


class FindingsQuery(fields.NumberedPaging):
    """Which findings."""

    severity: Severity | None = None
    rule: Line | None = None


class RowsQuery(fields.Query):
    """Which rows, by line number."""

    start: int = Field(1, ge=1, le=2**53, alias="from", description="The line number of the first row.")
    limit: int = Field(20, ge=1, le=MAX_LIMIT)
    contains: Line = Field("", description="Only rows that hold this text, in any case of letters.")
    cursor: Annotated[str, StringConstraints(pattern="^[1-9][0-9]{0,15}$")] | None = Field(
        None, description="The `next` of the page before."
    )

    @property
    def first(self) -> int:
        """The line number to begin with."""
        return self.start if self.cursor is None else int(self.cursor)


class PathIn(RequestModel):
    """A file of the machine that TuneDesk runs on."""

    model_config = exemplified({"path": "/data/training/tickets.jsonl", "name": "tickets"})

    path: Annotated[str, StringConstraints(min_length=1, max_length=4096)] = Field(
        description="An absolute path below one of the folders that the operator allows (`TUNEDESK_IMPORT_ROOTS`)."
    )
    name: Label | None = None
    project: Id | None = None


class JoinIn(RequestModel):
    """Datasets whose rows are to be one dataset, in this order."""

    model_config = exemplified({"datasets": ["ds_01kanz4v3ree5sbqy9bbdnk3ph", "ds_01kanz4v3ree5sbqy9bbdnk3pj"]})

    datasets: Annotated[list[Id], Field(min_length=2, max_length=100)]
    name: Label | None = Field(None, description="A label for people; that of the first dataset if left out.")
    project: Id | None = None


class MappingIn(RequestModel):
    """What each column is, by its name; columns that are not named are kept beside, and not trained on."""

    model_config = exemplified({"roles": {"question": "user", "answer": "assistant"}, "first_row": "keep"})

    roles: Annotated[dict[Name, RoleName], Field(min_length=1, max_length=MAX_ENTRIES), KEYED]
    first_row: Literal["keep", "add_names", "drop"] = Field(
        "keep",
        description="`add_names` where the first line is an example, and was taken for the columns' names; `drop` "
        "where it is the names, and was taken for an example.",
    )

    def mapping(self) -> ColumnMapping:
        """Return what was said."""
        roles = {name: Role(role) for name, role in self.roles.items()}
        return ColumnMapping(roles=roles, first_row=FirstRow(self.first_row))


class SplitIn(RequestModel):
    """How to set rows apart; shares of all rows between 0 and 1."""

    model_config = exemplified({"ratio": 0.1, "test_ratio": 0.1, "seed": 7, "strategy": "random"}, **ROW_FIELD_RULE)

    ratio: Share
    test_ratio: Share | None = None
    seed: Seed = 0
    strategy: Literal["random", "grouped", "stratified"] = "random"
    key: RowField | None = None


class LeakageOut(ResponseModel):
    """How many held-out rows have an equal or nearly equal question in training."""

    exact: int
    near: int
    checked: int


class SplitOut(ResponseModel):
    """The parts of a split."""

    training: Dataset
    validation: Dataset
    test: Dataset | None
    leakage: LeakageOut
