"""Columns of no known format: what each seems to be, and rows made of what a person said they are."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import msgspec
import orjson

from app.data.column_names import is_sure, role_named
from app.data.flat_rows import flat_rows
from app.data.limits import DEFAULT
from app.data.lines import numbered_lines, read_pieces
from app.data.rows import Row, shown_row
from app.data.visible import visible
from app.domain.mappings import ColumnGuess, ColumnMapping, FirstRow, Role
from app.kit.heap import keep_freed_blocks

MAX_COLUMNS = 64
_LOOKED_AT = 100  # rows
_EXAMPLES = 3
_EXAMPLE_CHARS = 80
_BY_CONTENT = 0.4
# Names that would make a row one of another format, too.
_FORMATS = frozenset(
    {"messages", "prompt", "completion", "text", "label", "chosen", "rejected", "conversations", "instruction"}
    | {"output", "input", "preferred_output", "non_preferred_output", "tools", "parallel_tool_calls", "functions"}
)  # fmt: skip
_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_MAX_PLANS = 100
_READ_BYTES = 1 << 19
_QUOTE = ord('"')
_MARK = b'"\xff%d\xff"'  # no text of a row, which is UTF-8
_MARKED = re.compile(rb'"\xff(\d+)\xff"')
_REFUSED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_Raw = Mapping[str, msgspec.Raw]


def columns_of(path: Path) -> list[ColumnGuess]:
    """Return the columns of a file's first rows, each with what it seems to be; no more than 64."""
    values: dict[str, list[str]] = {}
    with path.open("rb") as stream:
        for _, line in islice(numbered_lines(stream, line_bytes=DEFAULT.line_bytes), _LOOKED_AT):
            for name, raw in (_row(line) or {}).items():
                if name in values or len(values) < MAX_COLUMNS:
                    values.setdefault(name, []).append(_text(raw))
    roles = _guessed(values)
    return [
        ColumnGuess(
            name=name,
            role=roles[name][0],
            confidence=roles[name][1],
            examples=tuple(visible(text[:_EXAMPLE_CHARS]) for text in texts[:_EXAMPLES]),
        )
        for name, texts in values.items()
    ]


def _guessed(values: Mapping[str, Sequence[str]]) -> dict[str, tuple[Role, float]]:
    """Return a role for each column such that all of them together make a row, as far as names and values say.

    Numbers and dates are nothing that a model learns to write, whatever their column is called; they may be labels.
    """
    names = list(values)
    worded = {name for name, texts in values.items() if any(map(str.isalpha, "".join(texts)))}
    coded = {name for name in worded if not is_sure(name) and _numbers_rows(values[name])}
    if len(worded) - len(coded) > 1:  # there is something else to ask and to answer
        worded -= coded
    found_by_name = {name: found for name in names if (found := role_named(name)) is not None}
    named = {name: found for name, found in found_by_name.items() if name in worded or found[0] is Role.LABEL}
    best: dict[Role, tuple[str, float]] = {}
    for name, (role, sure) in named.items():
        if role not in best or sure > best[role][1]:
            best[role] = (name, sure)
    free = [name for name in names if name in worded and name not in named]
    free.sort(key=lambda name: -sum(map(len, values[name])))
    repeating = next((name for name in reversed(free) if _repeats(values[name])), None)
    if repeating is not None and best.keys().isdisjoint({Role.LABEL, Role.ASSISTANT, Role.COMPLETION, Role.CHOSEN}):
        best[Role.LABEL] = (repeating, _BY_CONTENT)
        free.remove(repeating)
    chosen = {name: (role, sure) for role, (name, sure) in _shape(best, free).items()}
    if any(role is Role.USER for role, _ in chosen.values()):  # instruction and input are one message
        more = {name: found for name, found in named.items() if found[0] is Role.USER and found[1] > _SURE}
        chosen = {**more, **chosen}
    return {name: chosen.get(name, (Role.IGNORE, _IGNORED if chosen else 0.0)) for name in names}


def _repeats(texts: Sequence[str]) -> bool:
    """Tell whether a column's values look like labels: short, and few of them."""
    return len(texts) >= _ENOUGH and len(set(texts)) * _EACH <= len(texts) and max(map(len, texts)) <= _LABEL_CHARS


def _numbers_rows(texts: Sequence[str]) -> bool:
    """Tell whether a column's values look like what stands beside a text: another one in each row, one word, a digit.

    An id, a date, an address, a link: a ticket, a request, a message have these, under names like their texts'.
    """
    return len(texts) >= _ENOUGH and len(set(texts)) == len(texts) and all(map(_ID.fullmatch, texts))


_ID = re.compile(r"(?=[^0-9]*[0-9])[!-~]{1,200}")
_ENOUGH, _EACH, _LABEL_CHARS = 6, 3, 40
_SURE = 0.9
_IGNORED = 0.6


def _shape(  # noqa: PLR0911 - a return for each kind of row
    best: Mapping[Role, tuple[str, float]], free: Sequence[str]
) -> dict[Role, tuple[str, float]]:
    """Return the columns of the likeliest row: the roles that belong together, and who takes them."""
    R = Role  # noqa: N806 - it stands in every line
    system = {R.SYSTEM: best[R.SYSTEM]} if R.SYSTEM in best else {}
    asks = next((best[role] for role in (R.USER, R.PROMPT, R.TEXT) if role in best), None)
    answers = next((best[role] for role in (R.ASSISTANT, R.COMPLETION) if role in best), None)
    if R.CHOSEN in best and R.REJECTED in best and asks:
        return {R.PROMPT: asks, R.CHOSEN: best[R.CHOSEN], R.REJECTED: best[R.REJECTED]}
    if R.PROMPT in best and R.COMPLETION in best:
        return {R.PROMPT: best[R.PROMPT], R.COMPLETION: best[R.COMPLETION]}
    if asks and answers:
        return {R.USER: asks, R.ASSISTANT: answers, **system}
    if R.LABEL in best and (asks or free):
        return {R.TEXT: asks or (free[0], _BY_CONTENT), R.LABEL: best[R.LABEL], **system}
    if asks and R.TEXT in best and asks != best[R.TEXT]:
        return {R.USER: asks, R.ASSISTANT: (best[R.TEXT][0], _BY_CONTENT), **system}
    if asks and R.TEXT not in best and free:
        return {R.USER: asks, R.ASSISTANT: (free[0], _BY_CONTENT), **system}
    if answers and free:
        return {R.USER: (free[0], _BY_CONTENT), R.ASSISTANT: answers, **system}
    if asks:
        return {R.TEXT: asks}
    two = [(name, _BY_CONTENT) for name in free[:2]]
    return dict(zip((R.USER, R.ASSISTANT) if len(two) > 1 else (R.TEXT,), two, strict=False))


def preview(path: Path, mapping: ColumnMapping, columns: Sequence[str], limit: int) -> list[Row]:
    """Return the first mapped rows as they are shown."""
    with path.open("rb") as stream:
        lines = islice(_mapped(numbered_lines(stream, line_bytes=DEFAULT.line_bytes), mapping, columns), limit)
        return [shown_row(number, line.rstrip(b"\n")) for number, line in enumerate(lines, 1)]


def write_mapped(path: Path, mapping: ColumnMapping, columns: Sequence[str], out: Path) -> None:
    """Write a file's rows anew, each column as what the mapping says; a line that cannot be read stays as it is.

    Raises:
        OSError: a file cannot be read or written.
    """
    keep_freed_blocks()
    with path.open("rb") as stream, out.open("wb") as target:
        make, first = _Maker(mapping.roles), mapping.first_row
        if first is FirstRow.ADD_NAMES:
            target.write(make.names(columns))
        drop = first is FirstRow.DROP
        for piece in read_pieces(stream, line_bytes=DEFAULT.line_bytes, read_bytes=_READ_BYTES):
            lines = b"[]" if piece.overlong else piece.data  # one that is too long to be held
            if drop:
                _, _, lines = lines.partition(b"\n")
            target.write(make.lines(lines) if lines or not drop else b"")
            drop = False
        target.flush()
        os.fsync(target.fileno())


def _mapped(lines: Iterator[tuple[int, bytes]], mapping: ColumnMapping, columns: Sequence[str]) -> Iterator[bytes]:
    make = _Maker(mapping.roles)
    if mapping.first_row is FirstRow.ADD_NAMES:
        yield make.names(columns)
    for number, line in lines:
        if number > 1 or mapping.first_row is not FirstRow.DROP:
            yield make.line(line)


@dataclass(frozen=True, slots=True)
class _Plan:
    """How rows with the same columns become lines: what stands around the values, and which of these must be texts."""

    template: bytes
    names: Sequence[str]
    texts: Sequence[int]


class _Maker:
    """What makes a canonical row of one whose columns have these roles."""

    def __init__(self, roles: Mapping[str, Role]) -> None:
        self._by_role = {role: [name for name, each in roles.items() if each is role] for role in Role}
        self._used = {name for name, role in roles.items() if role is not Role.IGNORE}
        self._one_each = all(len(names) < 2 for role, names in self._by_role.items() if role is not Role.IGNORE)  # noqa: PLR2004
        self._plans: dict[tuple[str, ...], _Plan] = {}

    def names(self, columns: Sequence[str]) -> bytes:
        """Return a row of the columns' names, which are an example."""
        return self._row({name: msgspec.Raw(orjson.dumps(name)) for name in columns})

    def line(self, line: bytes) -> bytes:
        """Return a line as what its row is made, with a line feed; as it is where it cannot be read."""
        row = _row(line)
        return line + b"\n" if row is None else self._row(row)

    def lines(self, lines: bytes) -> bytes:
        """Return the same of several lines, the last line feed left out."""
        first, _, _ = lines.partition(b"\n")
        row = _row(first)
        plan = None if row is None else self._plan(tuple(row))
        if row is not None and plan is not None and (rows := flat_rows(lines + b"\n", list(row))):
            names = list(row)
            texts = rows.texts([names.index(name) for name in plan.names])
            return plan.template * len(rows.marks) % tuple(texts)
        return b"".join(map(self.line, lines.split(b"\n")))

    def _row(self, row: _Raw) -> bytes:
        """Return a row as a line; columns without a role stand beside, as they were written."""
        plan = self._plan(tuple(row))
        if plan is not None:
            values = [bytes(row[name]) for name in plan.names]
            for index in plan.texts:
                if values[index][0] != _QUOTE:
                    return self._made(row)
            return plan.template % tuple(values)
        return self._made(row)

    def _plan(self, names: tuple[str, ...]) -> _Plan | None:
        """Return how a row with these columns is made; None where its values decide, or there are too many kinds."""
        if (known := self._plans.get(names)) is not None:
            return known
        if not self._one_each or self._by_role[Role.SYSTEM] or len(self._plans) >= _MAX_PLANS:
            return None
        marked = self._made({name: msgspec.Raw(_MARK % number) for number, name in enumerate(names)})
        parts = _MARKED.split(marked.replace(b"%", b"%%"))
        order = [names[int(number)] for number in parts[1::2]]
        texts = [index for index, name in enumerate(order) if name in self._used]
        self._plans[names] = plan = _Plan(b"%b".join(parts[::2]), order, texts)
        return plan

    def _made(self, row: _Raw) -> bytes:
        """Return the same, looking at each value."""
        parts = [self._canonical(row)]
        for name, raw in row.items():
            if name not in self._used:
                key = f"{name} (column)" if name in _FORMATS else name
                parts += (b",", orjson.dumps(key), b":", bytes(raw))
        return b"".join((*parts, b"}\n"))

    def _canonical(self, row: _Raw) -> bytes:
        """Return a row as JSON without its last brace; texts go over as they are written."""
        has, text = self._by_role, self._text
        if has[Role.CHOSEN]:
            asked = text(row, Role.PROMPT if has[Role.PROMPT] else Role.USER)
            system = self._opening(row)
            prompt = b"[%b%b]" % (system, _message(b"user", asked)) if system else asked
            ends = [text(row, role) for role in (Role.CHOSEN, Role.REJECTED)]
            return b'{"prompt":%b,"chosen":%b,"rejected":%b' % (
                prompt,
                *(b"[%b]" % _message(b"assistant", end) if system else end for end in ends),
            )
        if has[Role.COMPLETION]:
            return b'{"prompt":%b,"completion":%b' % (text(row, Role.PROMPT), text(row, Role.COMPLETION))
        if has[Role.TEXT] and not has[Role.LABEL]:
            return b'{"text":%b' % text(row, Role.TEXT)
        asks, answers = (Role.TEXT, Role.LABEL) if has[Role.LABEL] else (Role.USER, Role.ASSISTANT)
        turns = _message(b"user", text(row, asks)), _message(b"assistant", text(row, answers))
        return b'{"messages":[%b%b,%b]' % (self._opening(row), *turns)

    def _opening(self, row: _Raw) -> bytes:
        system = self._text(row, Role.SYSTEM) if self._by_role[Role.SYSTEM] else _NO_TEXT
        return b"" if system == _NO_TEXT else _message(b"system", system) + b","

    def _text(self, row: _Raw, role: Role) -> bytes:
        """Return what the columns of a role say as one JSON text, a line each; an empty one where there is none."""
        names = self._by_role[role]
        if len(names) == 1:
            written = bytes(row[names[0]]) if names[0] in row else _NO_TEXT
            return written if written[:1] == b'"' else orjson.dumps(_text(row[names[0]]))
        return orjson.dumps("\n".join(filter(None, (_text(row[name]) for name in names if name in row))))


_NO_TEXT = b'""'


def _message(role: bytes, content: bytes) -> bytes:
    return b'{"role":"%b","content":%b}' % (role, content)


def _row(line: bytes) -> _Raw | None:
    """Return a line's fields as they are written; None where it is no object, or cannot be read."""
    try:
        if b"\\u" in line:
            orjson.loads(line)  # half a character is for validation to name
        row = _decode(line)
    except (*_REFUSED, orjson.JSONDecodeError):
        return None
    return row


def _text(raw: msgspec.Raw) -> str:
    """Return a value as text: numbers and lists as they are written, nothing for null."""
    written = bytes(raw).strip()
    if written.startswith(b'"'):
        value = orjson.loads(written)
        return value if isinstance(value, str) else ""
    return "" if written == b"null" else written.decode(errors="replace")
