"""What the architecture tests look at: the files that git knows, and the house's own modules."""

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that is committed or would be: what git ignores (environments, caches, data) is none of ours."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    return tuple(path for name in sorted(set(listed.split("\0"))) if name and (path := ROOT / name).is_file())


@cache
def modules(*folders: str) -> tuple[Path, ...]:
    """The Python files under the folders."""
    roots = [ROOT / folder for folder in folders]
    return tuple(
        path for path in tracked() if path.suffix == ".py" and any(path.is_relative_to(root) for root in roots)
    )


@cache
def syntax(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def name(path: Path) -> str:
    """The path as people say it, from the root of the checkout."""
    return path.relative_to(ROOT).as_posix()
