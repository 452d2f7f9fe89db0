"""Rows at Azure: a data asset named by what is in it, made once, with the byte order mark that the docs ask for.

The copy with the mark is spooled, because azure-ai-ml uploads files only, and removed in every case. A large file is
sent in a thread of its own; whoever asks meanwhile is told that it is not ready yet.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock, Thread

from app.backends.azure_foundry.transport.errors import Conflicted, translate
from app.backends.azure_foundry.transport.names import FILE_TAG, data_name, file_name, tags_of
from app.backends.azure_foundry.transport.workspace import Workspace
from app.domain import canonical
from app.domain.backend import BackendError, DataRejected, NotFound, RemoteFile, Unavailable

BOM = b"\xef\xbb\xbf"
# https://learn.microsoft.com/azure/ai-foundry/how-to/fine-tune-serverless: files smaller than 512 MB.
LARGEST = 512 * 2**20
VERSION = "1"
_WAIT_S = 10.0  # how long a call waits for its upload; the engine asks again every few seconds
_PREFIX = "upload-"


def as_sent(path: Path) -> Iterator[bytes]:
    """Yield canonical rows as they are sent: with the mark, and without line numbers, of which Azure knows nothing."""
    yield BOM
    with path.open("rb") as file:
        yield from map(canonical.without_line, file)


def sent_digest(path: Path) -> tuple[str, int]:
    """Return the SHA-256 of what is sent, and its number of bytes."""
    digest, size = hashlib.sha256(), 0
    for piece in as_sent(path):
        digest.update(piece)
        size += len(piece)
    return digest.hexdigest(), size


class Uploads:
    """Brings files to the workspace's default datastore. `spool` is a folder of our own."""

    def __init__(self, workspace: Workspace, spool: Path) -> None:
        self._workspace, self._azure = workspace, workspace.azure
        self._spool = spool
        self._lock = Lock()
        self._hashes: dict[tuple[str, int, int], str] = {}
        self._under_way: dict[str, Future[None]] = {}

    def upload(self, path: Path, *, tag: str) -> RemoteFile:
        """Return the asset with the rows of `path`; what is there already is used again.

        Raises:
            DataRejected: the file is too large.
            BackendError: the upload failed; a repeat begins it anew.
        """
        name = self.name_of(path)
        if self.exists(name):
            return _file(name)
        upload = self._begin(name, path, tag)
        wait([upload], _WAIT_S)
        if not upload.done():
            return _file(name, ready=False)
        with self._lock:
            self._under_way.pop(name, None)
        upload.result()
        return _file(name)

    def observe(self, file: RemoteFile) -> RemoteFile:
        """Return the file's present state.

        Raises:
            NotFound: it is neither there nor on its way.
            BackendError: its upload failed.
        """
        name = file.id.partition(":")[0]
        if self.exists(name):
            return _file(name)
        with self._lock:
            upload = self._under_way.get(name)
            if upload is not None and upload.done():
                del self._under_way[name]
        if upload is None:
            raise NotFound(f"The project has no data asset {file.id}.", fix="It is uploaded again by a retry.")
        if upload.done():
            upload.result()
        return _file(name, ready=False)

    def name_of(self, path: Path) -> str:
        """Return the name of the asset that holds a file's rows, made or not."""
        return data_name(self._hash(path))

    def exists(self, name: str) -> bool:
        """Tell whether the asset is there with its file; one that was put away is taken out again."""
        found = self._workspace.get(_path(name))
        if found is None or FILE_TAG in tags_of(found):
            return False  # its removal stopped half-way: sent anew, it is whole again
        reported = found.get("properties") or {}
        if reported.get("isArchived"):
            kept = {key: reported[key] for key in ("dataType", "dataUri", "tags", "properties") if key in reported}
            self._workspace.put(_path(name), {"properties": {**kept, "isArchived": False}})
        return True

    def arm_id(self, file: RemoteFile) -> str:
        """Return the asset's ARM id, as jobs name it."""
        return f"{self._azure.workspace_path}/{_path(file.id.partition(':')[0])}"

    def _hash(self, path: Path) -> str:
        """Return the SHA-256 of the bytes as they are sent."""
        try:
            known = path.stat()
        except OSError as error:
            raise Unavailable(f"The file {path.name} cannot be read: {error.strerror}.") from error
        key = (str(path), known.st_size, known.st_mtime_ns)
        with self._lock:
            if key in self._hashes:
                return self._hashes[key]
        digest, size = sent_digest(path)
        if size >= LARGEST:
            raise DataRejected(
                f"The file has {size / 2**20:.0f} MB; Azure takes files below {LARGEST // 2**20} MB.",
                fix="Train on fewer or shorter rows.",
            )
        with self._lock:
            self._hashes[key] = digest
        return digest

    def _begin(self, name: str, path: Path, tag: str) -> Future[None]:
        with self._lock:
            known = self._under_way.get(name)
            if known is not None and not (known.done() and known.exception() is not None):
                return known
            made = self._under_way[name] = Future()
        Thread(target=self._send, args=(name, path, tag, made), name="azure-upload", daemon=True).start()
        return made

    def _send(self, name: str, path: Path, tag: str, upload: Future[None]) -> None:
        from azure.core.exceptions import AzureError

        error: BackendError | None = Unavailable("The upload broke off.", fix="It is tried again by itself.")
        try:
            self._azure.ready()
            with self._spooled(path, name) as copy:
                self._create(name, copy, tag)
            error = None
        except Conflicted:
            error = None  # somebody else has made it meanwhile; the next look finds it
        except BackendError as refusal:
            error = refusal
        except (AzureError, OSError, ValueError) as failure:
            error = translate(failure) or Unavailable(f"The upload broke off: {str(failure)[:300]}")
        finally:
            upload.set_result(None) if error is None else upload.set_exception(error)

    def _create(self, name: str, copy: Path, tag: str) -> None:
        from azure.ai.ml.constants import AssetTypes
        from azure.ai.ml.entities import Data

        tags = self._azure.owner_tags(tag)
        asset = Data(path=str(copy), type=AssetTypes.URI_FILE, name=name, version=VERSION, tags=tags)
        self._azure.ml().data.create_or_update(asset)

    @contextmanager
    def _spooled(self, path: Path, name: str) -> Iterator[Path]:
        self._spool.mkdir(parents=True, exist_ok=True)
        self._remove_leftovers()
        with TemporaryDirectory(dir=self._spool, prefix=f"{_PREFIX}{os.getpid()}-") as folder:
            copy = Path(folder) / file_name(name)
            with copy.open("wb") as made:
                made.writelines(as_sent(path))
            yield copy

    def _remove_leftovers(self) -> None:
        """Remove the copies of a process that was killed over them; a data folder has one process at a time."""
        for left in self._spool.glob(f"{_PREFIX}*"):
            if not left.name.startswith(f"{_PREFIX}{os.getpid()}-"):
                shutil.rmtree(left, ignore_errors=True)


def _path(name: str) -> str:
    return f"data/{name}/versions/{VERSION}"


def _file(name: str, *, ready: bool = True) -> RemoteFile:
    return RemoteFile(f"{name}:{VERSION}", ready=ready)
