"""What the architecture tests look at: the files that git knows, and the house's own modules."""

import ast
import inspect
import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

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


Check = Callable[..., None]


def for_each(items: Sequence[Any], ids: Callable[[Any], str] = str) -> Callable[[Check], Check]:
    """Make one test of a check that is asked of many things: its last parameter. All that fail are named.

    A test of its own for each of thousands costs more than what it looks at.
    """

    def decorate(check: Check) -> Check:
        *fixtures, item = inspect.signature(check).parameters.values()

        def test(**given: object) -> None:
            wrong = []
            for each in items:
                try:
                    check(**given, **{item.name: each})
                except AssertionError as error:
                    wrong.append(f"{ids(each)}: {error}")
            assert not wrong, "\n".join(wrong)

        test.__signature__ = inspect.Signature(fixtures)  # type: ignore[attr-defined]  # read by pytest
        test.__name__, test.__doc__, test.__module__ = check.__name__, check.__doc__, check.__module__
        return test

    return decorate
