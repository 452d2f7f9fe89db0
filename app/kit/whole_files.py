"""A file that is there whole or not at all: it is written beside its name, and moved there."""

import secrets
from pathlib import Path


def draft_of(path: Path) -> Path:
    """Return where to write what is then moved to `path`: a name of its own each time.

    With one name for all, whoever writes the same file at the same moment finds that the other has moved it away.
    """
    return path.with_name(f"{path.name}.{secrets.token_hex(6)}.part")
