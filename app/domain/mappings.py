"""Which part of a training row each column of a table is, where its name alone does not say so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.domain.errors import Problem


class Role(StrEnum):
    """What a column is to a model."""

    SYSTEM = "system"
    USER = "user"  # a question; several of them become one message, a line each
    ASSISTANT = "assistant"  # its answer
    PROMPT = "prompt"
    COMPLETION = "completion"
    TEXT = "text"
    LABEL = "label"  # the answer to a text
    CHOSEN = "chosen"
    REJECTED = "rejected"
    IGNORE = "ignore"  # kept beside, and not trained on


class FirstRow(StrEnum):
    """What the table's first line is, where that was taken for the wrong thing."""

    KEEP = "keep"
    ADD_NAMES = "add_names"  # it is an example, and was taken for the columns' names
    DROP = "drop"  # it names the columns, and was taken for an example


_SHAPES: tuple[tuple[frozenset[Role], frozenset[Role]], ...] = (  # what must be there, and what may
    (frozenset({Role.USER, Role.ASSISTANT}), frozenset({Role.SYSTEM})),
    (frozenset({Role.PROMPT, Role.COMPLETION}), frozenset()),
    (frozenset({Role.TEXT, Role.LABEL}), frozenset({Role.SYSTEM})),
    (frozenset({Role.TEXT}), frozenset()),
    (frozenset({Role.PROMPT, Role.CHOSEN, Role.REJECTED}), frozenset()),
    (frozenset({Role.USER, Role.CHOSEN, Role.REJECTED}), frozenset({Role.SYSTEM})),
)
FIX = (
    "Choose user and assistant, prompt and completion, text and label, text alone, or a prompt (or user) with chosen "
    "and rejected; everything else is ignored."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnGuess:
    """One column: what it seems to be, how sure that is (0 to 1), and its first values, cut."""

    name: str
    role: Role
    confidence: float
    examples: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMapping:
    """What each column is, by its name; columns that are not named are ignored."""

    roles: Mapping[str, Role]
    first_row: FirstRow = FirstRow.KEEP

    @property
    def shift(self) -> int:
        """How many rows come before the first one of the table."""
        return {FirstRow.ADD_NAMES: 1, FirstRow.DROP: -1}.get(self.first_row, 0)


def mapping_problems(mapping: ColumnMapping, columns: Sequence[str]) -> list[Problem]:
    """Return what is wrong with a mapping of these columns."""
    problems = [
        Problem(f"/roles/{_pointer(name)}", "unknown_column", f"There is no column {name[:60]!r}.", "Leave it out.")
        for name in mapping.roles
        if name not in columns
    ]
    used = [role for name, role in mapping.roles.items() if name in columns and role is not Role.IGNORE]
    twice = sorted({role.value for role in used if used.count(role) > 1 and role is not Role.USER})
    if twice:
        message = f"More than one column is {' and '.join(twice)}."
        problems.append(Problem("/roles", "role_twice", message, "Choose one, and ignore the others."))
    elif not any(must <= set(used) <= must | may for must, may in _SHAPES):
        chosen = ", ".join(dict.fromkeys(role.value for role in used)) or "none"
        problems.append(Problem("/roles", "roles", f"These roles make no training row: {chosen}.", FIX))
    return problems


def _pointer(name: str) -> str:
    return name[:60].replace("~", "~0").replace("/", "~1")
