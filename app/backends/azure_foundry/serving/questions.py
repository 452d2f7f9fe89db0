"""Held-out rows as questions for an endpoint: what is asked, and the answer that is expected."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.domain import canonical
from app.domain.backend import DataRejected
from app.domain.canonical import Question, Row


def questions(path: Path, *, system: str | None, few_shot: Sequence[Mapping[str, Any]]) -> list[Question]:
    """Return a file's rows as questions: the last assistant turn, or the completion, is the expected answer.

    Raises:
        DataRejected: for a line that is none, or rows that ask nothing.
    """
    try:
        examples = [canonical.parse(example) for example in few_shot]
        with path.open("rb") as file:
            found = [_question(row, system, examples) for row in canonical.read(file)]
    except OSError as error:
        raise DataRejected("The file with the test rows is gone.", fix="Upload the dataset again.") from error
    except canonical.BadRow as error:
        raise DataRejected(f"Line {error.line} of the test rows {error.reason}.", fix="Fix the line.") from error
    if not found:
        raise DataRejected("There are no test rows.", fix="Choose another dataset.")
    return found


def _question(row: Row, system: str | None, examples: Sequence[Row]) -> Question:
    if all(turn["role"] != "assistant" for turn in row.turns[1:]):
        raise DataRejected(
            f"Line {row.line} of the test rows asks nothing.",
            fix="Use rows with a question: an endpoint is asked.",
        )
    return canonical.question(row, system=system, examples=examples)
