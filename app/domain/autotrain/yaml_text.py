"""YAML that a person brought, read as plain values: no tags, no key twice, no more than a configuration needs.

Limits are counted on the parser's events, before anything is built: an alias counts as all that it stands for, so a few
lines that would unfold to millions are refused without unfolding.
"""

import re
from collections.abc import Hashable
from typing import Any, Protocol

import yaml

from app.domain.autotrain.parameters import MAX_CHARACTERS
from app.domain.autotrain.secret_words import HIDDEN, NAMED, SECRET_NAME, without_tokens
from app.domain.errors import Invalid, Problem

MAX_DEPTH = 12
MAX_NODES = 2_000
MAX_WHOLE = 2**53
_POINTER = "/yaml"
_ASK = "Choose the YAML file that AutoTrain was given."
_SECRET_LINE = re.compile(rf"""(?im)^(?P<name>[^\n:]*?{NAMED}[\w-]*["']?[ \t]*:[ \t]*)(?P<value>[^\s#][^\n]*)$""")
_SECRET_IN_LINE = re.compile(
    rf"""(?i)(?P<name>\b[\w-]*{NAMED}[\w-]*["']?\s*:\s*)"""
    r"""(?P<value>"[^"\n]*"|'[^'\n]*'|\$\{\w+\}|[^\s,}\]#][^,}\]\n]*)"""
)
_HARMLESS = re.compile(r"""(?i)^["']?(?:null|~|true|false|yes|no|\d{1,9}|\$\{\w{1,80}\})?["']?$""")


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which takes the last of two equal keys in silence: here that is said."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002
        seen: set[str] = set()
        for key, _ in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if name and name in seen:
                raise _refused(f"The key {name[:80]!r} stands twice in one mapping{_at(key.start_mark)}.", "Keep one.")
            seen.add(name)
        return super().construct_mapping(node, deep=deep)


def load(text: str) -> dict[str, Any]:
    """Return the mapping that `text` writes: texts, numbers, true, false, null, lists and mappings of them.

    Raises:
        Invalid: it is no YAML, or not one mapping; too long, too deep or too much; a tag, a key twice, a date, a number
            that is no finite one within ±2^53; names that are no text. No sentence quotes the text itself.
    """
    if len(text) > MAX_CHARACTERS:
        message = f"The configuration has {len(text):,} characters; AutoTrain's have about a thousand."
        raise _refused(message, f"Bring one of at most {MAX_CHARACTERS:,}.")
    try:
        _Count().whole(text)
        value = yaml.load(text, Loader=_Loader)  # noqa: S506 -- a subclass of SafeLoader
    except yaml.MarkedYAMLError as error:
        what = without_tokens((error.problem or "it cannot be read")[:120])
        raise _refused(f"This is not valid YAML{_at(error.problem_mark)}: {what}.", "Correct it there.") from None
    except yaml.reader.ReaderError as error:
        message = f"The character at position {error.position + 1} may not stand in YAML."
        raise _refused(message, "Save the file as plain UTF-8 text.") from None
    except (yaml.YAMLError, ValueError, OverflowError):  # a date that is none, a number beyond all bounds
        raise _refused("A value in the configuration cannot be read as what it looks like.", _ASK) from None
    if not isinstance(value, dict):
        what = "is empty" if value is None else "is not a mapping of names to values"
        raise _refused(f"The configuration {what}.", _ASK)
    _check(value, "")
    return value


def redacted(text: str) -> str:
    """Return the text without what looks like a secret: it may then be shown again, and sent once more.

    What can be read is looked through value by value, and written anew where it held one; what cannot, line by line.
    """
    try:
        value = load(text)
        clean = _clean(value)
        if clean != value:
            return yaml.safe_dump(clean, sort_keys=False, allow_unicode=True)
    except Invalid:
        pass  # whoever reads it says why

    def hidden(match: re.Match[str]) -> str:
        return match[0] if _HARMLESS.match(match["value"].strip()) else f"{match['name']}{HIDDEN}"

    return without_tokens(_SECRET_IN_LINE.sub(hidden, _SECRET_LINE.sub(hidden, text)))


def _clean(value: Any, name: str = "") -> Any:  # noqa: ANN401 -- whatever YAML writes
    """Return a value without the secrets in it."""
    if SECRET_NAME.search(name) and value is not None and not _HARMLESS.match(str(value).strip()):
        return HIDDEN
    if isinstance(value, dict):
        return {each: _clean(inner, each) for each, inner in value.items()}
    if isinstance(value, list):
        return [_clean(inner) for inner in value]
    return without_tokens(value) if isinstance(value, str) else value


class _Count:
    """How deep a text nests, and to how many values it unfolds."""

    def __init__(self) -> None:
        self.nodes = 0
        self.open: list[tuple[str | None, int]] = []  # anchors of what is open, with the nodes that came before
        self.sizes: dict[str | None, int] = {}

    def whole(self, text: str) -> None:
        """Return if the text nests and unfolds no further than a configuration does."""
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            self._next(event)
            if len(self.open) > MAX_DEPTH:
                message = f"The configuration nests deeper than {MAX_DEPTH} levels{_at(event.start_mark)}."
                raise _refused(message, "AutoTrain's has two levels.")
            if self.nodes > MAX_NODES:
                message = (
                    f"The configuration has more than {MAX_NODES:,} values, each alias counted as what it repeats."
                )
                raise _refused(message, "AutoTrain's has about forty.")

    def _next(self, event: yaml.Event) -> None:
        match event:
            case yaml.AliasEvent():
                if any(event.anchor == anchor for anchor, _ in self.open):
                    raise _refused("An anchor in the configuration holds itself.", "Write the values out.")
                self.nodes += self.sizes.get(event.anchor, 1)
            case yaml.ScalarEvent():
                self.nodes += 1
                self.sizes[event.anchor] = 1
            case yaml.CollectionStartEvent():
                self.open.append((event.anchor, self.nodes))
                self.nodes += 1
            case yaml.CollectionEndEvent():
                anchor, before = self.open.pop()
                self.sizes[anchor] = self.nodes - before


def _check(value: object, pointer: str) -> None:
    """Return if a value, and all inside it, is plain."""
    match value:
        case dict():
            for name, inner in value.items():
                if not isinstance(name, str):
                    what = f"A name at {pointer or 'the top'} is read as a {type(name).__name__}, and names are texts."
                    raise _refused(what, "Put it into quotation marks.")
                _check(inner, f"{pointer}/{name[:40]}")
        case list():
            for number, inner in enumerate(value):
                _check(inner, f"{pointer}/{number}")
        case bool() | str() | None:
            return
        case int() | float() if abs(value) <= MAX_WHOLE:  # which NaN and the infinities are not
            return
        case _:
            kind = "a number out of all range" if isinstance(value, int | float) else f"a {type(value).__name__}"
            fix = "Put it into quotation marks, or correct it."
            raise _refused(f"The value of {without_tokens(pointer[1:])} is read as {kind}.", fix)


class _Mark(Protocol):
    """Where in the text something stands; lines and columns from 0."""

    line: int
    column: int


def _at(mark: _Mark | None) -> str:
    return f", line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""


def _refused(message: str, fix: str) -> Invalid:
    return Invalid([Problem(_POINTER, "yaml", message, fix)])
