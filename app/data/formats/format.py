"""What a format of rows is: one value in a file of its own, and one line in the registry."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.data import rules
from app.data.formats.facts import Facts
from app.data.rules import Issue
from app.domain.datasets import DatasetFormat

Row = Mapping[str, Any]


class Misshapen(ValueError):
    """A row that cannot be understood as what its fields say it is; `issue` says why."""

    def __init__(self, issue: Issue) -> None:
        super().__init__(issue.message)
        self.issue = issue


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format. `words` is what people call it.

    A row has it if it has all fields of one of `marks`, and `fits` it where fields alone do not tell. A row that fits
    two formats is refused, unless the first of them `wins`, being the narrower one. `convert` makes a canonical row
    (`app.domain.canonical`) of the given `shape` from `fields`; it is given any row with the marks, sound or not, and
    may raise Misshapen. A format without it is not trained on: then `remedy` says what to do.

    `issues` finds everything that is wrong with a row (without it: all that is wrong with the canonical one).
    `fast_check` gives the facts of a plain, sound row from its bytes, and None where it needs a closer look. `texts`
    are the numbers of the quotation marks that open its texts where its fields stand in the usual order, and `last`
    what stands behind the end of the last of them, where their number differs from row to row.
    """

    name: str
    words: str
    marks: tuple[frozenset[str], ...]
    fits: Callable[[Row], bool] = bool
    wins: bool = False
    shape: DatasetFormat = DatasetFormat.UNKNOWN
    fields: frozenset[str] = frozenset()
    convert: Callable[[Row], dict[str, Any]] | None = None
    issues: Callable[[Row], Iterator[Issue]] | None = None
    fast_check: Callable[[bytes], Facts | None] | None = None
    texts: range = range(0)
    last: bytes = b""
    remedy: str = ""

    def canonical(self, row: Row) -> dict[str, Any]:
        """Return a row of this format as a canonical row without its line.

        Raises:
            Misshapen: when it cannot be understood.
        """
        if self.convert is None:
            raise Misshapen(Issue(rules.UNKNOWN_FORMAT, f"The row is in {self.words}."))
        return self.convert(row)

    def has(self, row: Row) -> bool:
        """Return whether a row is in this format, as far as this format knows."""
        return any(mark <= row.keys() for mark in self.marks) and self.fits(row)


def kind_in_words(value: object) -> str:
    """Return what a JSON value is, for a sentence."""
    names = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "true or false",
        int: "a number",
        float: "a number",
    }
    return names.get(type(value), "null")
