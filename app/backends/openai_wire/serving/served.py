"""What is served, by our deployments' ids: a provider that serves every model by its name knows nothing of them.

One small file each, in the connection's cache: without it a deployment is gone, and the engine makes it again.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from app.kit.whole_files import draft_of

_TAG = re.compile(r"[\w.-]{1,80}")


class Served:
    """Notes in a folder; another object over the same folder finds them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, tag: str, note: Mapping[str, str]) -> None:
        """Write a deployment's note."""
        path = self._path(tag)
        path.parent.mkdir(parents=True, exist_ok=True)
        half = draft_of(path)
        half.write_text(json.dumps(dict(note)), encoding="utf-8")
        half.replace(path)

    def of(self, tag: str) -> Mapping[str, str] | None:
        """Return a deployment's note, if there is one."""
        try:
            found = json.loads(self._path(tag).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else None

    def waited(self, tag: str, now: datetime) -> timedelta:
        """Return how long a deployment has been waited for, as far as is known: since this was asked first."""
        note = self.of(tag) or {}
        if "awaited" not in note:
            self.keep(tag, {**note, "awaited": now.isoformat()})
            return timedelta(0)
        return now - datetime.fromisoformat(note["awaited"])

    def arrived(self, tag: str) -> None:
        """Note that it is waited for no more."""
        note = self.of(tag) or {}
        if "awaited" in note:
            self.keep(tag, {name: value for name, value in note.items() if name != "awaited"})

    def forget(self, tag: str) -> None:
        """Remove a deployment's note; none being there is fine."""
        self._path(tag).unlink(missing_ok=True)

    def _path(self, tag: str) -> Path:
        name = tag if _TAG.fullmatch(tag) and tag.strip(".") else "other"
        return self._folder / f"{name}.json"
