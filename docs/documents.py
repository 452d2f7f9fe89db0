"""What the commands that write parts of a document share."""

import argparse
from collections.abc import Callable
from pathlib import Path


def write(document: Path, drawn: Callable[[str], str], description: str) -> int:
    """Write a document anew, or with `--check` only compare; return the exit status."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where the document differs")
    options = parser.parse_args()
    before = document.read_text(encoding="utf-8")
    after = drawn(before)
    if options.check:
        return int(before != after)
    document.write_text(after, encoding="utf-8")
    print(f"{document.name}: {'written anew' if before != after else 'unchanged'}")
    return 0
