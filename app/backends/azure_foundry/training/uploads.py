"""Rows at Azure: a data asset named by what is in it, made once, with the byte order mark that the docs ask for.

Plain REST, where azure-ai-ml would put the file: it builds the storage account's address from whatever the datastore
names, and sends the sign-in's token there, past the transport that looks where a token goes. A large file is sent in a
thread of its own; whoever asks meanwhile is told that it is not ready yet.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, wait
from pathlib import Path
from threading import Lock, Thread
from urllib.parse import quote

from app.backends.azure_foundry.training import files
from app.backends.azure_foundry.transport.client import Call
from app.backends.azure_foundry.transport.errors import Conflicted
from app.backends.azure_foundry.transport.hosts import Audience
from app.backends.azure_foundry.transport.json_values import part
from app.backends.azure_foundry.transport.names import FILE_TAG, data_name, file_name, tags_of
from app.backends.azure_foundry.transport.workspace import Workspace
from app.domain import canonical
from app.domain.backend import BackendError, DataRejected, NotFound, RemoteFile, Unavailable

BOM = b"\xef\xbb\xbf"
# https://learn.microsoft.com/azure/ai-foundry/how-to/fine-tune-serverless: files smaller than 512 MB.
LARGEST = 512 * 2**20
VERSION = "1"
_WAIT_S = 10.0  # how long a call waits for its upload; the engine asks again every few seconds
_BLOCK = 4 * 2**20  # bytes: on a line of 2 Mbit/s still within a call's deadline


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
    """Brings files to the workspace's default datastore."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace, self._azure = workspace, workspace.azure
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
        reported = part(found, "properties")
        if reported.get("isArchived") is True:
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
        error: BackendError | None = Unavailable("The upload broke off.", fix="It is tried again by itself.")
        try:
            self._create(name, path, tag)
            error = None
        except Conflicted:
            error = None  # somebody else has made it meanwhile; the next look finds it
        except BackendError as refusal:
            error = refusal
        except OSError as failure:
            error = Unavailable(f"The file {path.name} cannot be read: {failure.strerror}.")
        finally:
            upload.set_result(None) if error is None else upload.set_exception(error)

    def _create(self, name: str, path: Path, tag: str) -> None:
        lies = f"LocalUpload/{self._hash(path)}/{file_name(name)}"
        self._put_file(name, lies, path)
        properties = {
            "dataType": "uri_file",
            "dataUri": f"azureml://datastores/{files.DATASTORE}/paths/{lies}",
            "tags": self._azure.owner_tags(tag),
            "isAnonymous": False,
            "isArchived": False,
        }
        self._workspace.put(_path(name), {"properties": properties})

    def _put_file(self, name: str, lies: str, path: Path) -> None:
        """Send the rows in pieces, each with a deadline of its own, then put them together with azure-ai-ml's notes.

        https://learn.microsoft.com/rest/api/storageservices/put-block and /put-block-list.
        """
        position, signature = files.opened(self._workspace, rights="rcw")
        audience = Audience.SIGNED if signature else Audience.STORAGE
        address = f"{position}/{quote(lies)}?{signature}{'&' if signature else ''}comp="

        def put(what: str, content: bytes, headers: Mapping[str, str]) -> None:
            call = Call(
                "PUT", f"{address}{what}", content=content, headers=headers, audience=audience, wants_json=False
            )
            self._azure.send(call)

        blocks = []
        for number, piece in enumerate(_pieces(path)):
            blocks.append(b64encode(f"{number:08d}".encode()).decode())
            put(f"block&blockid={quote(blocks[-1], safe='')}", piece, files.VERSION_HEADER)
        notes = {"x-ms-meta-name": name, "x-ms-meta-version": VERSION, "x-ms-meta-upload_status": "completed"}
        listed = "".join(f"<Latest>{each}</Latest>" for each in blocks)
        whole = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'.encode()
        put("blocklist", whole, {**files.VERSION_HEADER, **notes, "Content-Type": "application/xml"})


def _pieces(path: Path) -> Iterator[bytes]:
    """Yield what is sent, in pieces of `_BLOCK` bytes."""
    kept = bytearray()
    for row in as_sent(path):
        kept += row
        while len(kept) >= _BLOCK:
            yield bytes(kept[:_BLOCK])
            del kept[:_BLOCK]
    if kept:
        yield bytes(kept)


def _path(name: str) -> str:
    return f"data/{name}/versions/{VERSION}"


def _file(name: str, *, ready: bool = True) -> RemoteFile:
    return RemoteFile(f"{name}:{VERSION}", ready=ready)
