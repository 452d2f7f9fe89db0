"""Edits of datasets as REST takes them."""

from typing import Annotated

from pydantic import Field, StringConstraints

from app.domain.edits import MAX_LINES, DatasetEdit
from app.http.fields import MAX_ENTRIES, MAX_WHOLE, READS_WHOLE, Name, RequestModel, exemplified

_LineNumber = Annotated[int, Field(ge=1, le=MAX_WHOLE), READS_WHOLE]


class RowIn(RequestModel):
    """A row written anew."""

    line: _LineNumber
    text: Annotated[str, StringConstraints(min_length=1, max_length=200_000)] = Field(
        description="The row as it is to stand in the file: one JSON object on one line."
    )


class EditIn(RequestModel):
    """What is to be done with the rows: `replace` first, then `fixes`, then what is left out."""

    model_config = exemplified({"fixes": ["roles", "syntax"], "drop_errors": True, "exclude": [7]})

    fixes: Annotated[list[Name], Field(max_length=MAX_ENTRIES)] = Field(
        default=[], description="Names of automatic fixes, as `GET /datasets/{id}/fixes` lists them."
    )
    drop_errors: bool = Field(False, description="Leave out every row in which an error is left.")
    exclude: Annotated[list[_LineNumber], Field(max_length=MAX_LINES)] = Field(
        default=[], description="Numbers of lines that are left out."
    )
    replace: Annotated[list[RowIn], Field(max_length=MAX_LINES)] = Field(
        default=[], description="Rows written anew; of two for one line the last counts."
    )

    def edit(self) -> DatasetEdit:
        """Return what was asked for."""
        return DatasetEdit(
            fixes=tuple(sorted(set(self.fixes))),
            drop_errors=self.drop_errors,
            exclude=tuple(sorted(set(self.exclude))),
            replace={row.line: row.text for row in self.replace},
        )
