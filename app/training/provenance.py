"""What a training was made with: the runtime environment it ran in, and its base model's weights by their hashes."""

import hashlib
import platform
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_RUNTIME = re.compile(r"[a-z]+-[0-9a-f]{12}")


def facts(base: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of this process and of `base` (a spec's base model); weights of a hub's model are not hashed."""
    home = Path(sys.prefix).parent.name  # <runtimes>/trl-<the lock's hash>/env
    return {
        "runtime": home if _RUNTIME.fullmatch(home) else None,
        "python": platform.python_version(),
        "weights": hashes(Path(base["path"])) if base.get("path") else {},
    }


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of weights."""
    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found
