"""Uploads in parts that are under way, in a record that outlives the process: the wire cannot list an upload's parts.

One small file each, in the connection's cache. Without it an upload is begun anew, and nothing else is lost.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from app.kit.whole_files import draft_of

_KEPT_S = 86_400  # an upload is gone after an hour at OpenAI and two at Azure: an older record leads nowhere


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunUpload:
    """An upload under way: its id at the provider, those of the parts that are there, and of what file they are.

    `size`: bytes of the whole; `part`: of each part but the last; `md5`: of the whole, in hexadecimal digits.
    """

    id: str
    size: int
    part: int
    md5: str
    parts: tuple[str, ...] = ()

    def with_part(self, identifier: str) -> Self:
        """Return the upload with one more part."""
        return replace(self, parts=(*self.parts, identifier))

    def is_of(self, other: Self) -> bool:
        """Tell whether both are of the same file, cut in the same way."""
        return (self.size, self.part, self.md5) == (other.size, other.part, other.md5)


class BegunUploads:
    """Records in a folder by the names of files; another object over the same folder finds them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, name: str) -> BegunUpload | None:
        """Return the upload that was begun for a file of this name; None for a record that cannot be read, too."""
        try:
            return _read(json.loads(self._path(name).read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, name: str, upload: BegunUpload) -> None:
        """Write down how far an upload is.

        Raises:
            OSError: it cannot be written.
        """
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        half = draft_of(path)
        half.write_text(json.dumps(asdict(upload)), encoding="utf-8")
        half.replace(path)

    def forget(self, name: str) -> None:
        """Remove a record; none being there is fine."""
        self._path(name).unlink(missing_ok=True)

    def sweep(self, name: str) -> None:
        """Remove what is a day older than this record: of jobs that nobody wanted any more, and halves of a write."""
        latest = self._path(name).stat().st_mtime
        for each in list(self._folder.iterdir()):
            if latest - each.stat().st_mtime > _KEPT_S:
                each.unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{Path(name).name}.json"


def _read(found: Mapping[str, Any]) -> BegunUpload:
    parts = tuple(str(each) for each in found["parts"])
    return BegunUpload(
        id=str(found["id"]), size=int(found["size"]), part=int(found["part"]), md5=str(found["md5"]), parts=parts
    )
