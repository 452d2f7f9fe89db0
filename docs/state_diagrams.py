"""Draw the state diagrams in docs/engine.md from the tables in app/domain: `python -m docs.state_diagrams`.

With `--check` nothing is written; the exit status is 1 where the document and the tables differ.
"""

import re
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from app.domain import deployments, evaluations, jobs
from docs.documents import write

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "engine.md"
S = TypeVar("S", bound=StrEnum)
Table = Mapping[StrEnum, frozenset[StrEnum]]


def widened(table: Mapping[S, frozenset[S]]) -> Table:
    """Return a table of one kind of status as one of any kind."""
    return {status: frozenset(following) for status, following in table.items()}


TABLES: Mapping[str, Table] = {
    "job": widened(jobs.TRANSITIONS),
    "deployment": widened(deployments.TRANSITIONS),
    "evaluation": widened(evaluations.TRANSITIONS),
}


def diagram(table: Table) -> str:
    """Return a table as a Mermaid state diagram, statuses in the order of their definition."""
    statuses = list(table)
    lines = ["stateDiagram-v2", f"    [*] --> {statuses[0]}"]
    for status in statuses:
        lines += [f"    {status} --> {following}" for following in statuses if following in table[status]]
        if not table[status]:
            lines.append(f"    {status} --> [*]")
    return "\n".join(lines)


def drawn(text: str) -> str:
    """Return the document with every diagram drawn anew between its marks.

    Raises:
        KeyError: a mark names no table.
    """

    def draw(match: re.Match[str]) -> str:
        name = match["name"]
        return f"<!-- states: {name} -->\n```mermaid\n{diagram(TABLES[name])}\n```\n<!-- end -->"

    return re.sub(r"<!-- states: (?P<name>\w+) -->.*?<!-- end -->", draw, text, flags=re.DOTALL)


if __name__ == "__main__":
    sys.exit(write(DOCUMENT, drawn, "Draw the state diagrams in docs/engine.md."))
