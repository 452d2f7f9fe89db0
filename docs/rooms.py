"""Write the rooms of app/ into docs/architecture.md, from the folders and the import contract: `python -m docs.rooms`.

A room's line says what its package's docstring says, and how many files of Python lie in it. With `--check` nothing is
written; the exit status is 1 where the document differs.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from docs.documents import write

ROOT = Path(__file__).resolve().parents[1]
APP = ROOT / "app"
DOCUMENT = ROOT / "docs" / "architecture.md"


def layers() -> list[list[str]]:
    """Return the layers of the import contract from above, each with the modules that stand beside one another."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    found = next(contract["layers"] for contract in contracts if contract.get("containers") == ["app"])
    return [[name.strip() for name in layer.split("|")] for layer in found]


def chain() -> str:
    """Return the layers in one line, each above what it may import."""
    return " > ".join(" | ".join(layer) for layer in layers())


def rooms(folder: Path = APP) -> Iterator[Path]:
    """Give every package below a folder, in the order of the layers, and a package before those inside it."""
    order = [name for layer in layers() for name in layer]
    inner = [path.parent for path in folder.glob("*/__init__.py")]
    for room in sorted(inner, key=lambda path: (order.index(path.name) if path.parent == APP else 0, path.name)):
        yield room
        yield from rooms(room)


def said(room: Path) -> str:
    """Return the first sentence of a package's docstring in one line.

    Raises:
        ValueError: there is none.
    """
    text = ast.get_docstring(ast.parse((room / "__init__.py").read_text(encoding="utf-8")))
    if not text:
        raise ValueError(f"{room.relative_to(ROOT)} does not say what it is")
    return " ".join(text.split("\n\n")[0].split()).rstrip(".")


def table() -> str:
    """Return the table of rooms."""
    lines = ["| room | what it is | files |", "|---|---|--:|"]
    for room in rooms():
        name = room.relative_to(APP).as_posix()
        count = sum(1 for path in room.glob("*.py") if path.name != "__init__.py")
        lines.append(f"| `{name}` | {said(room)} | {count or ''} |")
    return "\n".join(lines)


def drawn(text: str) -> str:
    """Return the document with what stands between its marks written anew.

    Raises:
        KeyError: a mark names nothing.
    """
    parts = {"chain": f"```\n{chain()}\n```", "rooms": table()}

    def draw(match: re.Match[str]) -> str:
        return f"<!-- {match['name']} -->\n{parts[match['name']]}\n<!-- end -->"

    return re.sub(r"<!-- (?P<name>chain|rooms) -->.*?<!-- end -->", draw, text, flags=re.DOTALL)


if __name__ == "__main__":
    sys.exit(write(DOCUMENT, drawn, "Write the rooms of app/ into docs/architecture.md."))
