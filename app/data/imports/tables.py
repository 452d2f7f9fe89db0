"""What tables have in common, be they text or sheets: whether the first row names the columns, and how."""

from collections import Counter
from collections.abc import Sequence

from app.data import rules
from app.data.column_names import role_named
from app.data.imports.container import Notes, listed
from app.data.marked_columns import MARK, Marks
from app.data.rules import Issue
from app.data.visible import visible

_NAME_CHARS = 60
SURE = 0.5
_BY_NAME = 0.9


def header_of(rows: Sequence[Sequence[str]]) -> float:
    """Return how likely the first of these rows names the columns (0 to 1)."""
    if not rows:
        return 0.0
    cells = [cell.strip() for cell in rows[0]]
    if any(cell.endswith(MARK) for cell in cells):
        return 0.99
    named = cells[1:] if len(cells) > 1 and not cells[0] else cells  # pandas leaves its index without a name
    body = [row for row in rows[1:] if len(row) == len(cells)]
    if not all(named) or any(len(cell) > _NAME_CHARS or "\n" in cell for cell in named):
        return 0.1
    if any(sure >= _BY_NAME for _, sure in filter(None, map(role_named, named))):
        return 0.99
    if any(map(_is_number, named)) or len(set(named)) < len(named):
        return 0.1
    return _by_contrast(cells, body)


def _by_contrast(cells: Sequence[str], body: Sequence[Sequence[str]]) -> float:
    """Return how likely a row names the columns, by how it differs from those below it."""
    columns = [[row[at].strip() for row in body] for at in range(len(cells))]
    if body and any(all(map(_is_number, column)) for cell, column in zip(cells, columns, strict=True) if cell):
        return 0.97
    if any(cell in column for cell, column in zip(cells, columns, strict=True) if cell):
        return 0.3
    lengths = [len(cell) for column in columns for cell in column]
    return 0.85 if lengths and sum(lengths) / len(lengths) > 2 * sum(map(len, cells)) / len(cells) else 0.6


def _is_number(cell: str) -> bool:
    return bool(cell.strip()) and cell.strip().lstrip("+-").replace(",", "").replace(".", "").isdecimal()


def names_of(cells: Sequence[str]) -> tuple[str, ...]:
    """Return a name for each column: the cell's text, `column 3` for an empty one, `name (2)` for one that is taken."""
    names: list[str] = []
    for number, cell in enumerate(cells, 1):
        name = cell.strip() or f"column {number}"
        copies = Counter(names)
        again = 2
        while copies[name]:
            name, again = f"{cell.strip() or f'column {number}'} ({again})", again + 1
        names.append(name)
    return tuple(names)


def note_names(cells: Sequence[str], names: Sequence[str], notes: Notes) -> None:
    """Add to the notes which columns are called otherwise than the header says."""
    pairs = zip(cells, names, strict=False)
    called = [f"{visible(cell.strip()[:40])!r} is {name!r}" for cell, name in pairs if cell.strip() != name]
    if called:
        notes.append(Issue(rules.COLUMN_NAMES, f"The header has empty names, or the same one twice: {listed(called)}."))


def note_marks(marks: Marks, notes: Notes) -> None:
    """Add to the notes which columns were read as JSON values."""
    if marks:
        found = listed([visible(field[:40]) for field in marks.fields])
        notes.append(Issue(rules.MARKED, f"Columns marked {MARK!r} hold values: {found}."))
