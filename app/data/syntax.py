"""Reading one line as strict JSON, and saying exactly what is wrong where that fails."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from app.data import rules
from app.data.lines import BOM
from app.data.numbers import exactly, may_be_inexact
from app.data.rules import Issue
from app.data.visible import visible

_NOT_A_NUMBER = re.compile(r"[-+]?(NaN|nan|Infinity|inf)\b")
_PYTHON_LITERAL = re.compile(r"(True|False|None)\b")
_ESCAPES = {"\t": "\\t", "\r": "\\r"}

_Explained = tuple[rules.Rule, str, str]  # rule, message, remedy (empty: the rule's own)


@dataclass(frozen=True, slots=True)
class Reading:
    """A line read: its value (None where it is no JSON) and what was wrong with the text."""

    value: Any
    issues: tuple[Issue, ...] = ()
    readable: bool = True


def read_line(line: bytes, *, depth: int, cut: bool = False) -> Reading:
    """Return the value of a line, in strict JSON; `cut` says that it is the last and has no line feed."""
    broken = _encoding_issue(line) or _nul_issue(line) or _mark_issue(line)
    if broken:
        return Reading(None, (broken,), readable=False)
    text = line.decode()
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return Reading(None, (_syntax_issue(text, error, cut=cut, depth=depth),), readable=False)
    if line.count(b"[") + line.count(b"{") > depth and depth_of(value) > depth:
        return Reading(None, (Issue(rules.DEPTH, f"The row nests deeper than {depth} levels."),), readable=False)
    if needs_second_look(line, value):
        return _second_look(text, value)
    return Reading(value)


def needs_second_look(line: bytes, value: object) -> bool:
    r"""Return whether a line may hold a key twice or a number that is rounded, which decoders let pass in silence.

    Written out again, a line that lost a key has fewer quotation marks. Escaped ones (\u0022) count as a difference
    too, hence "may".
    """
    return quotes_of(value) != line.count(b'"') or may_be_inexact(line, value)


def quotes_of(value: object) -> int:
    """Return the number of quotation marks in a value as JSON, -1 where it nests too deep to be written."""
    try:
        return orjson.dumps(value).count(b'"')
    except orjson.JSONEncodeError:
        return -1


def depth_of(value: object) -> int:
    """Return how deep lists and objects nest, 0 for a plain value."""
    depth, level = 0, _containers([value])
    while level:
        depth += 1
        level = [
            inner for outer in level for inner in _containers(outer.values() if isinstance(outer, dict) else outer)
        ]
    return depth


def _containers(values: Iterable[object]) -> list[dict[str, Any] | list[Any]]:
    return [value for value in values if isinstance(value, (dict, list))]


def _encoding_issue(line: bytes) -> Issue | None:
    try:
        line.decode()
    except UnicodeDecodeError as error:
        byte = line[error.start]
        column = len(line[: error.start].decode()) + 1
        guess = bytes([byte]).decode("cp1252", "replace")
        meant = f'; in Windows-1252 it would be "{guess}"' if guess.isprintable() and guess != "\ufffd" else ""
        message = f"The byte 0x{byte:02X} at column {column} is not UTF-8{meant}."
        return Issue(rules.ENCODING, message, at=error.start, column=column)
    return None


def _nul_issue(line: bytes) -> Issue | None:
    at = line.find(b"\0")
    if at < 0:
        return None
    column = len(line[:at].decode()) + 1
    return Issue(rules.NUL, f"There is a NUL byte (0x00) at column {column}.", at=at, column=column)


def _mark_issue(line: bytes) -> Issue | None:
    if not line.startswith(BOM):
        return None
    return Issue(rules.BOM_INSIDE, "A byte-order mark stands before the row.", at=0, column=1)


def _syntax_issue(text: str, error: orjson.JSONDecodeError, *, cut: bool, depth: int) -> Issue:
    at, rest = f"at column {error.pos + 1}", text[error.pos :]
    rule, message, fix = (
        _explain_value(error.msg, text, error.pos, depth)
        or _explain_end(error.msg, text, error.pos, cut=cut)
        or (rules.SYNTAX, f"The line is not JSON: {error.msg} {at}{_shown(rest)}.", _advice(rest))
    )
    return Issue(rule, message, at=len(text[: error.pos].encode()), column=error.pos + 1, fix=fix)


def _explain_value(said: str, text: str, pos: int, depth: int) -> _Explained | None:
    """Explain JSON that is well formed, but says what JSON cannot say."""
    at, rest = f"at column {pos + 1}", text[pos:]
    if "surrogate" in said:
        return rules.SURROGATE, f"The escape {rest[:6]} {at} is half a character (a lone surrogate).", ""
    if "infinity" in said:
        return rules.NUMBER, f"The number {at} is too large for JSON software to hold.", ""
    if "depth" in said:
        return rules.DEPTH, f"The row nests deeper than {depth} levels.", ""
    if _NOT_A_NUMBER.match(rest) or (pos and _NOT_A_NUMBER.match(text, pos - 1)):
        return rules.NOT_A_NUMBER, f"There is NaN or Infinity {at}.", ""
    if "control character" in said:
        code = f"{ord(rest[:1] or ' '):04x}"
        escape = _ESCAPES.get(rest[:1], f"\\u{code}")
        fix = f"Write {escape} in its place, or remove it."
        return rules.SYNTAX, f"There is a raw control character (U+{code.upper()}) inside a text {at}.", fix
    return None


def _explain_end(said: str, text: str, pos: int, *, cut: bool) -> _Explained | None:
    """Explain a line that ends too early or too late."""
    at = f"at column {pos + 1}"
    if "after document" in said:
        return _explain_rest(text, pos)
    if "end of data" not in said:
        return None
    if cut:
        return rules.TRUNCATED, f"The file ends in the middle of a row, {at}.", ""
    return rules.SYNTAX, f"The line ends before its object is closed, {at}.", "Write the whole object on one line."


def _explain_rest(text: str, pos: int) -> _Explained:
    at, rest = f"at column {pos + 1}", text[pos:]
    if "\r" in text.rstrip("\r"):
        fix = "Save the file with Unix or Windows line ends (LF or CRLF)."
        return rules.SEVERAL, f"Lines end with a carriage return alone; the second row begins {at}.", fix
    if rest.strip() == ",":
        return rules.SYNTAX, f"There is a comma after the object, {at}.", "Remove the comma at the end of the line."
    if rest.startswith("{"):
        return rules.SEVERAL, f"A second object begins {at}.", ""
    return rules.SEVERAL, f"There is more after the first value, {at}{_shown(rest)}.", ""


def _shown(rest: str) -> str:
    return f" (found: {rest[:12]!r})" if rest and rest[:12].isprintable() else ""


def _advice(rest: str) -> str:
    if rest.startswith("'"):
        return "Put names and texts in double quotes; a Python dict printed as text is not JSON."
    if _PYTHON_LITERAL.match(rest):
        return "Write true, false and null in lower case."
    if rest[:1] in {"“", "”", "„"}:
        return 'Replace the typographic quotes by plain ones (").'
    if rest.startswith(("//", "/*", "#")):
        return "Remove the comment; JSON has none."
    return ""


class _Twice(dict[str, Any]):
    """An object in whose text a key stands twice."""

    key = ""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) == len(pairs):
        return made
    names = [name for name, _ in pairs]
    twice = _Twice(pairs)
    twice.key = next(name for name in names if names.count(name) > 1)
    return twice


def _second_look(text: str, value: object) -> Reading:
    try:
        value = exactly(text, _pairs)
    except ValueError:  # the first decoder took it: never seen, and no reason to fail
        return Reading(value)
    return Reading(value, tuple(_walk(value, "$")))


def _walk(value: object, path: str) -> Iterator[Issue]:
    if isinstance(value, _Twice):
        message = f"The key {value.key[:60]!r} stands twice in one object; the last one counts."
        yield Issue(rules.DUPLICATE_KEY, message, f"{path}.{visible(value.key[:60])}")
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _walk(inner, f"{path}.{visible(name[:60])}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _walk(inner, f"{path}[{number}]")
