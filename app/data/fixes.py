"""Automatic fixes: what findings ask for that a program can do, one line at a time, every other value left as it is."""

import ast
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.data import rules
from app.data.formats.chat import FIELDS, meant_role
from app.data.lines import BOM
from app.data.rules import Rule

_TEXT_OR_NAN = re.compile(r'"(?:[^"\\]|\\.)*"|[-+]?\b(?:NaN|nan|Infinity|inf)\b', re.DOTALL)
_CONTROL = re.compile("[\x00-\x1f]")
_LINE_ENDS = re.compile(r"\s*[\r\n]\s*")
_PYTHON_BYTES = 1 << 20  # a longer line is not read as Python's
_LISTS = ("messages", "prompt", "completion", "chosen", "rejected", "preferred_output", "non_preferred_output")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """One fix of the findings of these `rules`; `safe` where nothing is lost by it but what was wrong.

    `text` mends a line's bytes, `row` the object in it, in place; either leaves alone what it cannot mend. A fix with
    neither takes the lines out.
    """

    name: str
    title: str
    rules: Sequence[Rule]
    safe: bool = True
    text: Callable[[bytes], bytes] | None = None
    row: Callable[[dict[str, Any]], None] | None = None

    @property
    def removes(self) -> bool:
        """Whether the lines are taken out."""
        return self.text is None and self.row is None


def mended(line: bytes, fixes: Iterable[Fix]) -> bytes:
    """Return a line with all that these fixes can mend in it."""
    fixes = tuple(fixes)
    for fix in fixes:
        if fix.text:
            line = fix.text(line)
    if any(fix.row for fix in fixes):
        return _with_row(line, [fix.row for fix in fixes if fix.row])
    return line


class _Inexact(ValueError):
    """A line whose values would not all be written again as they were read."""


def _with_row(line: bytes, mend: Sequence[Callable[[dict[str, Any]], None]]) -> bytes:
    try:
        text = line.decode()
        row = _read(text)
        before = json.dumps(row)
        for each in mend:
            each(row)
        return line if json.dumps(row) == before else _written(row, text).encode()
    except (ValueError, RecursionError):
        return line


def indented(text: str) -> str:
    """Return a row as people edit it, over several lines; as it stands where that would change a value."""
    try:
        return json.dumps(_read(text), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return text


def on_one_line(text: str, like: str) -> str:
    """Return a row that people edited as one line, written in the manner of the one that it replaces."""
    try:
        return _written(_read(text), like)
    except (ValueError, RecursionError):
        return _LINE_ENDS.sub(" ", text).strip()


def _read(text: str) -> dict[str, Any]:
    """Return an object, each value of which is written again as it is read."""
    row = json.loads(text, parse_int=_whole, parse_float=_exact, parse_constant=_refused, object_pairs_hook=_pairs)
    if not isinstance(row, dict):
        raise _Inexact
    return row


def _written(row: dict[str, Any], like: str) -> str:
    separators = (", ", ": ") if '": ' in like else (",", ":")
    return json.dumps(row, ensure_ascii="\\u" in like and like.isascii(), separators=separators)


def _whole(digits: str) -> int:
    if str(number := int(digits)) != digits:  # minus nought
        raise _Inexact
    return number


def _exact(digits: str) -> float:
    """Return a number that Python writes with the same value again."""
    number = float(digits)
    if Decimal(repr(number)) != Decimal(digits):
        raise _Inexact
    return number


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):  # which of the two is meant is not for a program to say
        raise _Inexact
    return made


def _encoding(line: bytes) -> bytes:
    """Read the bytes that are not UTF-8 as Windows-1252."""
    made, rest = "", line
    while rest:
        try:
            return (made + rest.decode()).encode()
        except UnicodeDecodeError as error:
            try:
                made += rest[: error.start].decode() + rest[error.start : error.start + 1].decode("cp1252")
            except UnicodeDecodeError:
                return line
            rest = rest[error.start + 1 :]
    return made.encode()


def _characters(line: bytes) -> bytes:
    return line.removeprefix(BOM).replace(b"\0", b"")


def _without_nul(value: Any) -> Any:  # noqa: ANN401 -- JSON
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, list):
        return [_without_nul(each) for each in value]
    return {name: _without_nul(each) for name, each in value.items()} if isinstance(value, dict) else value


def _nul_row(row: dict[str, Any]) -> None:
    row.update(_without_nul(row))


def _syntax(line: bytes) -> bytes:
    """Mend what other programs write for JSON: a comma behind the object, Python's literals, NaN, raw controls."""
    try:
        text = line.decode().strip().removesuffix(",")
    except UnicodeDecodeError:
        return line
    for attempt in (text, _TEXT_OR_NAN.sub(_as_json, text)):
        if _is_json(attempt):
            return attempt.encode()
    return (len(line) <= _PYTHON_BYTES and _of_python(text)) or line


def _as_json(found: re.Match[str]) -> str:
    """Return a text with its control characters escaped, and null for what is no number."""
    return _CONTROL.sub(lambda each: json.dumps(each[0])[1:-1], found[0]) if found[0].startswith('"') else "null"


def _is_json(text: str) -> bool:
    try:
        json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError):
        return False
    return True


def _refused(name: str) -> float:
    raise ValueError(name)


def _of_python(text: str) -> bytes | None:
    """Return a dict that was printed by Python as JSON."""
    try:
        value = ast.literal_eval(text)
        made = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError, UnicodeEncodeError):
        return None
    return made if isinstance(value, dict) and all(isinstance(name, str) for name in value) else None


def _messages(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the messages of a row, wherever a format has them."""
    inner = row.get("input")
    lists = [row.get(name) for name in _LISTS] + ([inner.get("messages")] if isinstance(inner, dict) else [])
    return [each for found in lists if isinstance(found, list) for each in found if isinstance(each, dict)]


def _roles(row: dict[str, Any]) -> None:
    for message in _messages(row):
        role = message.get("role")
        message["role"] = (meant_role(role) or role) if isinstance(role, str) else role


def _weights(row: dict[str, Any]) -> None:
    for message in _messages(row):
        weight = message.get("weight")
        if "weight" in message and message.get("role") != "assistant":
            del message["weight"]
        elif isinstance(weight, bool | float) and weight in {0, 1}:
            message["weight"] = int(weight)


def _fields(row: dict[str, Any]) -> None:
    for message in _messages(row):
        for name in message.keys() - FIELDS:
            del message[name]


def _ending(row: dict[str, Any]) -> None:
    """Leave out what stands behind the last answer."""
    messages = row.get("messages")
    if isinstance(messages, list):
        roles = [each.get("role") if isinstance(each, dict) else None for each in messages]
        last = max((at for at, role in enumerate(roles) if role == "assistant"), default=-1)
        if last >= 0:
            row["messages"] = messages[: last + 1]


FIXES: tuple[Fix, ...] = (  # in the order in which they are applied
    Fix(
        name="encoding",
        title="Read bytes that are not UTF-8 as Windows-1252",
        rules=(rules.ENCODING,),
        text=_encoding,
    ),
    Fix(
        name="characters",
        title="Remove NUL characters and stray byte-order marks",
        rules=(rules.NUL, rules.BOM_INSIDE, rules.NUL_TEXT),
        text=_characters,
        row=_nul_row,
    ),
    Fix(
        name="syntax",
        title="Write as JSON what another program has written (commas at the end, Python's quotes, NaN as null)",
        rules=(rules.SYNTAX, rules.NOT_A_NUMBER),
        text=_syntax,
    ),
    Fix(
        name="roles",
        title="Write other names of roles as user, assistant, system or tool",
        rules=(rules.ROLE,),
        row=_roles,
    ),
    Fix(
        name="weights",
        title="Write weights as 0 or 1, and on the assistant's messages only",
        rules=(rules.WEIGHT,),
        row=_weights,
    ),
    Fix(
        name="fields",
        title="Remove fields of messages that are not trained on",
        rules=(rules.MESSAGE_FIELD,),
        safe=False,
        row=_fields,
    ),
    Fix(
        name="endings",
        title="Cut conversations off after their last answer",
        rules=(rules.LAST_ROLE,),
        safe=False,
        row=_ending,
    ),
    Fix(name="blank_lines", title="Remove blank lines", rules=(rules.BLANK,)),
    Fix(name="duplicates", title="Keep each row once", rules=(rules.DUPLICATE,), safe=False),
)
BY_NAME = {fix.name: fix for fix in FIXES}
