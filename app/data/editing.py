"""Rows changed into a new file: lines written anew, mended by fixes, and taken out, everything else byte by byte."""

from array import array
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from app.data import rules
from app.data.fixes import BY_NAME, Fix, mended
from app.data.limits import DEFAULT
from app.data.lines import BOM, READ_BYTES
from app.data.rules import Issue
from app.data.validation import Background, validate
from app.data.visible import visible
from app.domain.datasets import Severity
from app.domain.edits import DatasetEdit, LineChange
from app.kit.progress import passed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHOWN_CHANGES = 50
_SHOWN_CHARS = 4000  # of one line
_BUFFER = 1 << 20
_NOT_ASKED = "-"  # a hash that nobody reads, so that none is counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """What became of a file. `removed` are the numbers of the lines that were taken out, rising.

    `changed` counts the rows that were changed and stay, `dropped` those that were taken out; `errors` are those left
    in rows, None where that was not looked for. `changes` are the first of either kind.
    """

    removed: Sequence[int]
    changed: int
    dropped: int
    errors: int | None
    changes: Sequence[LineChange]


def edit(path: Path, wanted: DatasetEdit, background: Background, scratch: Callable[[], Path]) -> tuple[Path, Edited]:
    """Return a new file with the edit's rows, one of `scratch`'s that the caller keeps or removes, and what was done.

    Raises:
        OSError: a file cannot be read or written.
    """
    return _Edit(path, wanted, background, scratch).run()


def write_head(path: Path, out: Path, most: int) -> int:
    """Copy the first lines of a file, `most` bytes of them at most but one line at least; return how many lines."""
    with path.open("rb") as stream, out.open("wb") as target:
        head = stream.read(most)
        whole = head[: head.rfind(b"\n") + 1] or head + stream.readline()
        target.write(whole)
    return whole.count(b"\n")


def passes(wanted: DatasetEdit) -> int:
    """Return how often an edit goes through the file."""
    fixes = [BY_NAME[name] for name in wanted.fixes if name in BY_NAME]
    mends, removes = (any(fix.removes is kind for fix in fixes) for kind in (False, True))
    changes = mends or bool(wanted.replace)
    return mends + changes + (removes or wanted.drop_errors or changes) + 1


class _Edit:
    """One edit of one file: first lines are changed, which keeps their numbers, then lines are taken out."""

    def __init__(self, path: Path, wanted: DatasetEdit, known: Background, scratch: Callable[[], Path]) -> None:
        self._path, self._wanted, self._known, self._scratch = path, wanted, known, scratch
        self._fixes = [fix for name, fix in BY_NAME.items() if name in wanted.fixes]
        self._changed, self._removed = array("Q"), array("Q")
        self._dropped = 0
        self._shown: dict[int, LineChange] = {}  # by line
        self._shown_removed: dict[int, LineChange] = {}

    def run(self) -> tuple[Path, Edited]:
        """Make the file."""
        mending = [fix for fix in self._fixes if not fix.removes]
        path = self._change(mending) if mending or self._wanted.replace else self._path
        try:
            target, errors = self._reduce(path)
        finally:
            if path != self._path:
                path.unlink(missing_ok=True)
        changes = {**self._shown, **self._shown_removed}
        return target, Edited(
            removed=self._removed,
            changed=len(set(self._changed).difference(self._removed)),
            dropped=self._dropped,
            errors=errors,
            changes=[changes[line] for line in sorted(changes)],
        )

    def _change(self, mending: Sequence[Fix]) -> Path:
        """Write the file with lines changed; their numbers stay."""
        wanted = {rule for fix in mending for rule in fix.rules}
        found = _Found(lambda _: True)
        if mending:
            validate(self._path, self._known, sha256=_NOT_ASKED, heard=found.hear, wanted=wanted)
        replaced = {line: text.encode() for line, text in self._wanted.replace.items()}

        def change(number: int, line: bytes) -> bytes:
            new = mended(replaced.get(number, line), mending)
            if new != line:
                self._changed.append(number)
                if len(self._shown) < SHOWN_CHANGES:
                    reason = found.reasons.get(number, "") if number not in replaced else ""
                    self._shown[number] = _change(number, line, new, reason)
            return new

        target = self._scratch()
        _copy(self._path, target, _sorted(found.lines, replaced), change)
        return target

    def _reduce(self, path: Path) -> tuple[Path, int | None]:
        """Write the file without the lines that go; return it, and how many errors are left."""
        removing = {rule for fix in self._fixes if fix.removes for rule in fix.rules}
        wanted = removing | {rule for rule in rules.ALL if rule.severity is Severity.ERROR}
        drop = self._wanted.drop_errors
        out = frozenset(self._wanted.exclude)
        found = _Found(lambda each: each.rule in removing or (drop and each.rule.severity is Severity.ERROR), out)
        errors: int | None = None
        if removing or drop or path != self._path:
            validate(path, self._known, sha256=_NOT_ASKED, heard=found.hear, wanted=wanted)
            errors = found.errors_elsewhere

        def remove(number: int, line: bytes) -> None:
            self._removed.append(number)
            self._dropped += bool(line and not line.isspace())
            if len(self._shown_removed) < SHOWN_CHANGES:
                made = _change(number, line, None, found.reasons.get(number, ""))
                known = self._shown.get(number)
                self._shown_removed[number] = replace(made, before=known.before) if known else made

        target = self._scratch()
        _copy(path, target, _sorted(found.lines, self._wanted.exclude), remove)
        return target, errors


class _Found:
    """Lines in which something was found that is asked for, and the sentences of the first of them."""

    def __init__(self, asked: Callable[[Issue], bool], lines: Collection[int] = ()) -> None:
        """What is found in `lines` is asked for in any case."""
        self._asked, self._known = asked, lines
        self.lines = array("Q")
        self.reasons: dict[int, str] = {}
        self.errors_elsewhere = 0

    def hear(self, line: int, issue: Issue) -> None:
        """Take in a finding."""
        if not self._asked(issue) and line not in self._known:
            self.errors_elsewhere += issue.rule.severity is Severity.ERROR
            return
        if len(self.reasons) < SHOWN_CHANGES:
            self.reasons.setdefault(line, issue.message)
        if not self.lines or self.lines[-1] != line:
            self.lines.append(line)


def _change(line: int, before: bytes, after: bytes | None, reason: str) -> LineChange:
    return LineChange(line=line, before=_shown(before), after=None if after is None else _shown(after), reason=reason)


def _shown(line: bytes) -> str:
    text = visible(line.decode(errors="backslashreplace"))
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"


def _sorted(*lines: Iterable[int]) -> "NDArray[np.uint64]":
    """Return numbers of lines, each once, rising: 8 bytes each, as there may be millions."""
    import numpy as np

    return np.unique(np.concatenate([np.fromiter(each, np.uint64) for each in lines]))


def _copy(path: Path, out: Path, lines: "NDArray[np.uint64]", change: Callable[[int, bytes], bytes | None]) -> None:
    """Copy a file, these lines as `change` returns them, none for None; it is asked once for each, in their order.

    A line longer than allowed is given cut, as nothing but another line can come of it. A byte-order mark at the start
    is left out, and the last line has a line feed.
    """
    with path.open("rb") as stream, out.open("wb", buffering=_BUFFER) as target:
        number, at, rest = 1, 0, b""
        while chunk := stream.read(READ_BYTES):
            passed(len(chunk))
            data = rest + chunk if number > 1 or rest else chunk.removeprefix(BOM)
            end = data.rfind(b"\n") + 1
            if not end and len(data) > DEFAULT.line_bytes:
                known = at < len(lines) and int(lines[at]) == number
                new = change(number, data[: DEFAULT.line_bytes]) if known else None
                target.write(data if not known else b"" if new is None else new + b"\n")
                rest = _rest_of_line(stream, None if known else target)
                at, number = at + known, number + 1
                continue
            rest = data[end:]
            at, number = _block(target, data[:end], number, lines, at, change)
        if rest:
            _block(target, rest.removesuffix(b"\n") + b"\n", number, lines, at, change)


def _rest_of_line(stream: BinaryIO, target: BinaryIO | None) -> bytes:
    """Read on to the next line feed, into `target` where there is one; return what follows it."""
    while chunk := stream.read(READ_BYTES):
        end = chunk.find(b"\n") + 1
        if target:
            target.write(chunk[:end] if end else chunk)
        if end:
            return chunk[end:]
    if target:
        target.write(b"\n")
    return b""


def _block(
    target: BinaryIO,
    block: bytes,
    number: int,
    lines: "NDArray[np.uint64]",
    at: int,
    change: Callable[[int, bytes], bytes | None],
) -> tuple[int, int]:
    """Write whole lines from `number` on; return how far `lines` are done, and the number of the next line."""
    import numpy as np

    following = number + block.count(b"\n")
    end = at + int(lines[at:].searchsorted(np.uint64(following)))
    if end == at:
        target.write(block)
        return at, following
    parts: list[bytes | None] = [*block.split(b"\n")[:-1]]
    for each in lines[at:end].tolist():
        parts[each - number] = change(each, parts[each - number] or b"")
    target.write(b"".join(b"%b\n" % part for part in parts if part is not None))
    return end, following
