"""Training files at the provider: one for each job and part, found again by its name.

The name holds this installation's mark, our job's id and a hash of the rows, as in
`tunedesk-<mark>-<job>-training-<hash>.jsonl`. A file serves one job only, so that a job whose create got no answer is
found by the file that it trains on.
"""

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from app.backends.openai_wire.training.parts import PartedUploads
from app.backends.openai_wire.training.past import moment
from app.backends.openai_wire.training.rows import write_rows
from app.backends.openai_wire.transport.plane import Plane
from app.domain.backend import BackendError, DataRejected, NotFound, Permanent, RemoteFile, Unavailable
from app.domain.jobs import JobReason
from app.kit.clock import Clock
from app.kit.sentences import ended

PURPOSE = "fine-tune"
PREFIX = "tunedesk"
_NAME = re.compile(rf"{PREFIX}-(?P<mark>[0-9a-z]+)-(?P<tag>[\w.-]+)-(?P<hash>[0-9a-f]{{12}})\.jsonl")
_UPLOADING = "uploading:"
_AT_ONCE_BYTES = 4 << 20  # what a slow line takes within a turn of the engine
_LISTED = 100
_PAGES = 20
ROWS = (("purpose", PURPOSE), ("order", "desc"))  # the query of a list of files of rows, the newest first
_USUAL = timedelta(minutes=30)  # as long as the official clients wait, and then give up
_PATIENCE = timedelta(days=1)
_BAD = frozenset({"error", "deleted", "deleting"})
_READY = "processed"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFile:
    """A file at the provider whose name is ours. `created`: seconds since 1970."""

    id: str
    mark: str
    tag: str
    hash: str
    created: int
    status: str


class NeverReady(Permanent):
    """A file is not taken in, and nothing says that it ever will be."""

    reason = JobReason.TIMED_OUT


class Files:
    """Uploads and what became of them; what is kept here is a cache, and looked up anew after a restart."""

    def __init__(self, plane: Plane, *, mark: str, waits: bool, parts: PartedUploads, clock: Clock) -> None:
        """`waits`: whether a file may be trained on only once it is processed, as at Azure. `parts`: for large ones."""
        self._plane, self._mark, self._waits, self.parts, self._clock = plane, mark, waits, parts, clock
        self._known: dict[str, str] = {}
        self._asked: dict[str, datetime] = {}  # when files were asked for first whose bodies do not say their age
        self._under_way: dict[str, BackendError | None] = {}
        self._lock = Lock()

    def upload(self, path: Path, tag: str) -> RemoteFile:
        """Bring a file of canonical rows up; a large one in a thread of its own: it is not ready at once."""
        name = self._name(path, tag)
        known = self._find(name)
        if known is not None:
            self.parts.forget(name)  # of one whose completion got no answer
            return RemoteFile(known, ready=False)
        self._raise_if_failed(name)
        if path.stat().st_size <= _AT_ONCE_BYTES:
            return RemoteFile(self._send(path, name), ready=False)
        with self._lock:
            if name not in self._under_way:
                self._under_way[name] = None
                Thread(target=self._work, args=(path, name), name=f"upload-{tag}", daemon=True).start()
        return RemoteFile(_UPLOADING + name, ready=False)

    def file(self, file: RemoteFile) -> RemoteFile:
        """Return a file's present state.

        Raises:
            DataRejected: when the provider has refused it, with its words.
            NeverReady: when it has not become ready within a day.
        """
        if file.id.startswith(_UPLOADING):
            return RemoteFile(file.id, ready=False)
        body = self._plane.get(f"files/{file.id}")
        status = str(body.get("status") or "").lower()
        if status in _BAD:
            said = str(body.get("status_details") or "without saying why")
            raise DataRejected(f"{self._plane.name} refused the file: {said}", fix="Fix the rows, then retry.")
        if status in {_READY, ""} or not self._waits:
            return RemoteFile(file.id)
        return RemoteFile(file.id, ready=False, note=self._late(file.id, status, body))

    def _late(self, identifier: str, status: str, body: Mapping[str, Any]) -> str:
        """Return what to say of a file that is not ready yet: nothing, as long as that is usual.

        Its age is counted from the moment that the provider gives, so that a restart of ours begins no other wait.

        Raises:
            NeverReady: it is too old for that.
        """
        now = self._clock.now()
        made = moment(body.get("created_at"))
        if made is None:
            with self._lock:
                made = self._asked.setdefault(identifier, now)
        age = now - made
        if age > _PATIENCE:
            raise NeverReady(
                f"{self._plane.name} has had the file {identifier} for over a day, and still says {status!r} of it.",
                fix="Nothing was trained or billed. Retry the job, which sends a file of its own; if that waits, too, "
                f"ask the support of {self._plane.name} about this file.",
            )
        if age <= _USUAL:
            return ""
        return (
            f"{self._plane.name} has had the file {identifier} for over half an hour, and still says {status!r} of it; "
            "usually that takes minutes. Nothing is billed meanwhile. It is waited for until a day is over; then the "
            "job fails."
        )

    def of_tag(self, tag: str) -> list[KnownFile]:
        """Return the files that were sent for a job's part, the oldest first."""
        found = [each for each in self.ours() if each.tag == tag and each.mark == self._mark]
        return sorted(found, key=lambda each: (each.created, each.id))

    def ours(self) -> Iterator[KnownFile]:
        """Give every file whose name is of our form, of other installations, too; the newest first."""
        for body in self.all():
            found = known_file(body)
            if found is not None:
                yield found

    def all(self) -> Iterator[Mapping[str, Any]]:
        """Give every file of rows, whoever made it; the newest first."""
        yield from listed(self._plane, "files", ROWS)

    def discard(self, path: Path) -> int:
        """Remove what this installation uploaded from a file; return how many files that were."""
        wanted = _hash(path)
        gone = 0
        for each in [each for each in self.ours() if each.hash == wanted and each.mark == self._mark]:
            self.remove(each.id)
            gone += 1
        return gone

    def remove(self, identifier: str) -> None:
        """Remove a file; one that is gone is fine."""
        self.forget(identifier)
        with suppress(NotFound):
            self._plane.delete(f"files/{identifier}")

    def forget(self, identifier: str) -> None:
        """Know a file no more, which is gone."""
        with self._lock:
            self._known = {name: known for name, known in self._known.items() if known != identifier}
            self._asked.pop(identifier, None)

    def _name(self, path: Path, tag: str) -> str:
        return f"{PREFIX}-{self._mark}-{tag}-{_hash(path)}.jsonl"

    def _find(self, name: str) -> str | None:
        with self._lock:
            if name in self._known:
                return self._known[name]
        parts = _NAME.fullmatch(name)
        made = [each.id for each in self.of_tag(parts["tag"]) if each.hash == parts["hash"]] if parts else []
        if made:
            with self._lock:
                self._known[name] = made[0]
        return made[0] if made else None

    def _send(self, path: Path, name: str) -> str:
        with _as_wire(path) as rows:
            if self.parts.needed(rows.stat().st_size):
                made = self.parts.send(rows, name=name, purpose=PURPOSE)
            else:
                made = self._plane.send_file("files", rows, name=name, purpose=PURPOSE)
        identifier = str(made.get("id") or "")
        if not identifier:
            raise Unavailable(f"{self._plane.name} answered an upload with something that names no file.")
        with self._lock:
            self._known[name] = identifier
        return identifier

    def _work(self, path: Path, name: str) -> None:
        failed: BackendError | None = None
        try:
            self._send(path, name)
        except BackendError as error:
            failed = error
        except OSError as error:
            failed = Unavailable(f"The file cannot be sent: {error.strerror or error}.")
        with self._lock:
            if failed is None:
                self._under_way.pop(name, None)
            else:
                self._under_way[name] = failed

    def _raise_if_failed(self, name: str) -> None:
        with self._lock:
            failed = self._under_way.get(name)
            if failed is not None:
                del self._under_way[name]
        if failed is not None:
            raise failed


def known_file(body: Mapping[str, Any]) -> KnownFile | None:
    """Return a file whose name is of our form; None for any other."""
    found = _NAME.fullmatch(str(body.get("filename") or ""))
    if found is None:
        return None
    return KnownFile(
        id=str(body["id"]),
        mark=found["mark"],
        tag=found["tag"],
        hash=found["hash"],
        created=int(body.get("created_at") or 0),
        status=str(body.get("status") or ""),
    )


def listed(plane: Plane, path: str, query: Sequence[tuple[str, str]] = ()) -> Iterator[Mapping[str, Any]]:
    """Give a list's items, page after page, as far as 20 pages go."""
    for items, _ in islice(paged(plane, path, query), _PAGES):
        yield from items


def paged(
    plane: Plane, path: str, query: Sequence[tuple[str, str]] = ()
) -> Iterator[tuple[list[Mapping[str, Any]], bool]]:
    """Give a list page by page, with whether there is more. One without `has_more`, as at Azure, has one page."""
    after: list[tuple[str, str]] = []
    while True:
        body = plane.get(path, [*query, ("limit", str(_LISTED)), *after])
        items: list[Mapping[str, Any]] = [
            each for each in body.get("data") or () if isinstance(each, dict) and each.get("id")
        ]
        more = bool(body.get("has_more") and items and after != [("after", str(items[-1]["id"]))])
        yield items, more
        if not more:
            return
        after = [("after", str(items[-1]["id"]))]


@contextmanager
def _as_wire(path: Path) -> Iterator[Path]:
    """Give a temporary file with the rows as the wire has them."""
    with tempfile.TemporaryDirectory(prefix="tunedesk-") as folder:
        out = Path(folder) / "rows.jsonl"
        try:
            write_rows(path, out)
        except (OSError, ValueError) as error:
            raise Unavailable(ended(f"The rows cannot be read: {error}"), fix="Upload the dataset again.") from error
        yield out


def _hash(path: Path) -> str:
    """Return twelve hexadecimal digits for a file of rows: those of its name, which is its content's hash, else new."""
    found = re.match(r"[0-9a-f]{12}", path.stem)
    if found:
        return found[0]
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
