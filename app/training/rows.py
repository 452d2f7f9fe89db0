"""The canonical rows of a file, as training here can use them: messages of a role and a text, all of one shape."""

from dataclasses import dataclass
from pathlib import Path

from app.domain import canonical
from app.domain.canonical import Shape
from app.training.failures import ChildError

_PLAIN = ("role", "content")


@dataclass(frozen=True)
class Row(canonical.Row):
    """One row. `ignored_turns` has the positions of the assistant's turns that are shown and not learned."""

    ignored_turns: tuple[int, ...] = ()


def read_rows(path: Path, *, only_last: bool = False) -> list[Row]:
    """Return the file's rows, all of one shape.

    Args:
        path: a file of canonical rows.
        only_last: whether of a conversation's answers the last one alone is learned, those of weight 0 left aside.

    Raises:
        ChildError: for a missing file, no rows, broken or mixed rows, and what cannot be trained here.
    """
    try:
        with path.open("rb") as file:
            rows = [_row(row, only_last=only_last) for row in canonical.read(file)]
    except FileNotFoundError:
        fix = "Upload the dataset again and start a new job."
        raise ChildError("file_missing", f"The data file {path.name} is gone.", fix) from None
    except canonical.BadRow as error:
        raise ChildError("bad_row", str(error), "Fix the line in the dataset and start a new job.") from None
    if not rows:
        raise ChildError("no_rows", f"The file {path.name} has no rows.", "Choose a dataset with rows.")
    first = rows[0]
    for row in rows:
        if row.shape != first.shape:
            raise ChildError(
                "mixed_rows",
                f"Line {first.line} has {first.shape}, line {row.line} has {row.shape}: the rows differ in shape.",
                "Bring all rows to one shape.",
            )
    return rows


def _row(row: canonical.Row, *, only_last: bool) -> Row:
    value = {
        name: part if isinstance(part, str) or name == "tools" else [_turn(row.line, turn) for turn in part]
        for name, part in row.value.items()
    }
    given = row.value["messages"] if row.shape is Shape.MESSAGES else []
    answers = [position for position, turn in enumerate(given) if turn["role"] == "assistant"]
    if row.shape is Shape.MESSAGES and not answers:
        raise canonical.BadRow(row.line, "has no assistant turn to learn from")
    # False, which equals 0, is no weight.
    ignored = [each for each in answers if given[each].get("weight") == 0 and given[each]["weight"] is not False]
    if only_last:
        learned = [each for each in answers if each not in ignored]
        ignored = [each for each in answers if each not in learned[-1:]]
    return Row(row.line, row.shape, value, tuple(ignored))


def _turn(line: int, turn: object) -> canonical.Message:
    """Return a message with nothing but what chat templates are given."""
    if not isinstance(turn, dict) or not isinstance(turn.get("role"), str):
        raise canonical.BadRow(line, "has a turn without a role")
    content, calls = turn.get("content"), turn.get("tool_calls")
    if isinstance(content, str) and len(turn) == len(_PLAIN) and turn["role"] != "tool":
        return turn
    if content is None and calls:
        content = ""
    if isinstance(content, list):
        kinds = {str(part.get("type")) for part in content if isinstance(part, dict)} - {"text"}
        raise canonical.BadRow(line, f"has a part of the kind {min(kinds, default='unknown')}: texts alone are trained")
    if not isinstance(content, str):
        raise canonical.BadRow(line, "has a turn without a text")
    kept: canonical.Message = {"role": turn["role"], "content": content}
    if calls:
        kept["tool_calls"] = calls
    if kept["role"] == "tool":
        kept |= {name: turn[name] for name in ("name", "tool_call_id") if isinstance(turn.get(name), str)}
    return kept
