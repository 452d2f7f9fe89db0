"""Fields as data: what a form and REST are made from, and what is checked against them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from app.domain.errors import Problem

VALUE_LIMIT = 20_000  # characters of one value; a PEM certificate with its key has about 5,000


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionField:
    """One thing that a kind of connection asks for: what a form and REST are made from, and checked against.

    `only_if` names another field and the values of it with which this one matters; otherwise it is neither asked for
    nor kept. `required_if` likewise: with these values it must not be left empty. `binds_secrets`: secrets were typed
    for this value; another value forgets them, lest they be sent to somebody else.
    """

    name: str
    label: str
    help: str = ""
    required: bool = False
    secret: bool = False
    multiline: bool = False
    default: str = ""
    placeholder: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)  # value: label
    pattern: str = ""  # a regular expression that the whole value must match
    pattern_help: str = ""  # what the pattern wants, as a sentence that tells how to fix it
    only_if: tuple[str, frozenset[str]] | None = None
    required_if: tuple[str, frozenset[str]] | None = None
    binds_secrets: bool = False
    limit: int = VALUE_LIMIT  # characters

    @property
    def pointer(self) -> str:
        """The JSON pointer of the field in a REST body."""
        return f"/{'secrets' if self.secret else 'settings'}/{self.name}"


def asked(fields: Sequence[ConnectionField], values: Mapping[str, str]) -> Sequence[ConnectionField]:
    """Return the fields that matter for these values."""
    defaults = {each.name: each.default for each in fields}

    def matters(each: ConnectionField) -> bool:
        if each.only_if is None:
            return True
        name, wanted = each.only_if
        return (values.get(name) or defaults.get(name, "")) in wanted

    return [each for each in fields if matters(each)]


def needed(field: ConnectionField, values: Mapping[str, str]) -> bool:
    """Tell whether a field must not be left empty, given the other values."""
    if field.required or field.required_if is None:
        return field.required
    name, wanted = field.required_if
    return values.get(name, "") in wanted


def check_fields(
    fields: Sequence[ConnectionField],
    typed: Mapping[str, str],
    *,
    kept: frozenset[str] = frozenset(),
) -> tuple[dict[str, str], dict[str, str], list[Problem]]:
    """Return (settings, secrets, problems) of what was typed; empty values are left out, defaults filled in.

    `kept` names the secrets that are kept already and may be left empty.
    """
    known = {each.name for each in fields}
    problems = [
        Problem(
            f"/settings/{name}", "unknown", f"{name[:80]} is not a setting here.", f"Use {', '.join(sorted(known))}."
        )
        for name in typed
        if name not in known
    ]
    values = {name: value.strip() for name, value in typed.items()}
    settings: dict[str, str] = {}
    secrets: dict[str, str] = {}
    for each in asked(fields, values):
        value = values.get(each.name) or each.default
        problem = _problem_of(each, value, required=needed(each, values) and each.name not in kept)
        if problem is not None:
            problems.append(problem)
        elif value:
            (secrets if each.secret else settings)[each.name] = value
    return settings, secrets, problems


def problems_of(fields: Sequence[ConnectionField], values: Mapping[str, str]) -> list[Problem]:
    """Return what is wrong with values by their fields' names, which are the pointers, too."""
    found = [(each.name, _problem_of(each, values.get(each.name, ""), required=each.required)) for each in fields]
    return [replace(problem, pointer=f"/{name}") for name, problem in found if problem is not None]


def _problem_of(wanted: ConnectionField, value: str, *, required: bool) -> Problem | None:
    if not value:
        if required:
            return Problem(wanted.pointer, "missing", f"{wanted.label} is missing.", wanted.help or "Enter it.")
        return None
    if len(value) > wanted.limit:
        fix = f"Enter at most {wanted.limit} characters."
        return Problem(wanted.pointer, "length", f"{wanted.label} is too long.", fix)
    if wanted.choices and value not in wanted.choices:
        fix = f"Use one of {', '.join(wanted.choices)}."
        return Problem(wanted.pointer, "invalid", f"{wanted.label} is none of the choices.", fix)
    if wanted.pattern and not re.fullmatch(wanted.pattern, value):
        return Problem(wanted.pointer, "invalid", f"{wanted.label} does not look right.", wanted.pattern_help)
    return None
