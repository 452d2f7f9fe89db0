"""The small frozen values that components take: a tab, a stat, a step, a choice."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat:
    """One figure of a strip: its name, the figure, the small print under it and that print's tone (up, down, none)."""

    label: str
    value: str
    note: str = ""
    tone: str = ""
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """A link of a row of tabs or chips; `count` stands beside its label where it is known, with a plus if `more`."""

    label: str
    href: str
    current: bool = False
    count: int | None = None
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMark:
    """One step of a stepper: done, error or todo; `answer` is what was chosen there, in a word."""

    label: str
    state: str = "todo"
    href: str | None = None
    answer: str = ""
    current: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One radio card."""

    value: str
    label: str
    note: str = ""
    disabled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """A sentence about a field, and the id of that field ("" for the form as a whole)."""

    field: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckItem:
    """A line of a checklist: its tone (ok, warn, bad, wait), its sentence, and where it is mended."""

    tone: str
    text: str
    href: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stage of a timeline; `state` is a word of the badge table, `took` seconds or None, `href` where it is seen."""

    name: str
    state: str
    took: float | None = None
    note: str = ""
    href: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message for the reader after an act: its tone (ok, warn, bad) and its sentence."""

    tone: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesSummary:
    """A series in five numbers, for those who do not see its drawing."""

    name: str
    first: float | None
    last: float | None
    best: float | None
    best_step: int | None


class Lenient(dict[str, Any]):
    """Answers or errors by name, where a name that is not there is None: an empty field is no mistake of the page."""

    def __missing__(self, key: str) -> None:
        """Return nothing for what was not given."""
        return


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A guarded act asked for on a page of its own: where yes is posted, and where no leads back to."""

    title: str
    message: str
    action: str
    yes: str
    no: str
    back: str
    fields: Mapping[str, str] = field(default_factory=dict)
