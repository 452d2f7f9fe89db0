"""Blob storage: requests go on to Azurite, which checks keys and signatures; Entra tokens are checked here."""

import base64
import hashlib
import hmac
import itertools
import re
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from tests.support.azure.azurite import Account, Azurite
from tests.support.azure.state import Storage
from tests.support.azure.tokens import STORAGE
from tests.support.azure.wire import AzureError, Reply, Request

if TYPE_CHECKING:
    from tests.support.azure.cloud import AzureCloud

_VERSION = "2018-11-09"
_HOP = {"connection", "keep-alive", "transfer-encoding", "proxy-connection", "expect", "content-length"}
_ACTION = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/"
_numbers = itertools.count(1)


class Blobs:
    """The storage accounts of a cloud."""

    def __init__(self, cloud: "AzureCloud", azurite: Azurite | None) -> None:
        self._cloud, self._azurite = cloud, azurite
        self._made: set[str] = set()

    @property
    def stores(self) -> bool:
        """Whether there is an Azurite, so that what is written is kept."""
        return self._azurite is not None

    def new_storage(self) -> Storage:
        """Return a storage account with a container that nobody else uses."""
        account = self._azurite.take() if self._azurite else Account("tdnostore", base64.b64encode(b"no key").decode())
        return Storage(account.name, account.key, f"azureml-blobstore-{next(_numbers):08d}")

    def container_sas(self, storage: Storage, hours: int) -> str:
        """Return a shared access signature for the container: read, add, create, write, delete, list."""
        self._ensure(storage)
        return self._sas(storage, storage.container, "c", "racwdl", hours)

    def put(self, storage: Storage, path: str, content: bytes, *, asset: str | None = None) -> str | None:
        """Write a blob and return its address with a signature to read it; None where there is no Azurite.

        `asset`: the name that azure-ai-ml notes on what it uploads for a data asset.
        """
        if self._azurite is None:
            return None
        self._ensure(storage)
        headers = {"x-ms-blob-type": "BlockBlob", "Content-Type": "text/plain"}
        if asset is not None:
            headers |= {"x-ms-meta-name": asset, "x-ms-meta-version": "1", "x-ms-meta-upload_status": "completed"}
        self._send(storage, "PUT", f"/{storage.container}/{quote(path)}", {}, headers, content)
        sas = self._sas(storage, f"{storage.container}/{path}", "b", "r", 1)
        return f"https://{storage.account}.blob.core.windows.net/{storage.container}/{quote(path)}?{sas}"

    def read(self, storage: Storage, path: str) -> bytes | None:
        """Return a blob's content; None where it is not there."""
        if self._azurite is None:
            return None
        self._ensure(storage)
        reply = self._send(storage, "GET", f"/{storage.container}/{quote(path)}", {}, {}, b"")
        return reply.content() if reply.status == 200 else None

    def names(self, storage: Storage) -> list[str]:
        """Return the names of all blobs in the container, with their snapshots and what is half uploaded."""
        if self._azurite is None:
            return []
        self._ensure(storage)
        query = {"restype": "container", "comp": "list", "include": "snapshots,uncommittedblobs"}
        reply = self._send(storage, "GET", f"/{storage.container}", query, {}, b"")
        return re.findall(r"<Name>([^<]+)</Name>", reply.content().decode())

    def answer(self, request: Request) -> Reply:
        """Pass a client's request on; raises AzureError where its token or the account forbids it."""
        account = request.host.split(".")[0]
        storage = next((one.storage for one in self._cloud.state.workspaces if one.storage.account == account), None)
        if storage is None or self._azurite is None:
            return _refused(404, "ResourceNotFound", f"The storage account {account} does not exist.")
        self._ensure(storage)
        query = dict(request.query)
        headers = {name: value for name, value in request.headers.items() if name not in _HOP}
        scheme = request.headers.get("authorization", "").partition(" ")[0].lower()
        if scheme == "bearer":
            try:
                self._authorize(request)
            except AzureError as error:
                return _refused(error.status, error.code, error.message)
            headers.pop("authorization")
            return self._send(storage, request.method, request.path, query, headers, request.body)
        if not storage.allow_keys and (scheme or "sig" in query):
            message = "Key based authentication is not permitted on this storage account."
            return _refused(403, "KeyBasedAuthenticationNotPermitted", message)
        return self._pass(request.method, request.path, query, headers, request.body)

    def _authorize(self, request: Request) -> None:
        cloud = self._cloud
        claims = cloud.tokens.verify(request.headers["authorization"], (STORAGE,), cloud.clock.now(), cloud.tenant)
        verb = {"GET": "read", "HEAD": "read", "DELETE": "delete"}.get(request.method, "write")
        held = [one.role for one in cloud.state.assignments if one.principal == claims.oid]
        if not any(role.allows_data(f"{_ACTION}{verb}") for role in held):
            raise AzureError(
                403,
                "AuthorizationPermissionMismatch",
                "This request is not authorized to perform this operation using this permission.",
            )

    def _ensure(self, storage: Storage) -> None:
        """Make the container once, when it is first needed."""
        if storage.container in self._made or self._azurite is None:
            return
        self._made.add(storage.container)
        reply = self._send(storage, "PUT", f"/{storage.container}", {"restype": "container"}, {}, b"")
        if reply.status not in {201, 409}:
            raise RuntimeError(f"Azurite refused a container: {reply.status} {reply.content()!r}")

    def _send(
        self, storage: Storage, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes
    ) -> Reply:
        """Send with a signature of our own over the whole account."""
        host = {"host": f"{storage.account}.blob.core.windows.net", "x-ms-version": "2021-12-02"}
        return self._pass(method, path, {**query, **_account_sas(storage)}, {**host, **headers}, body)

    def _pass(self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes) -> Reply:
        if self._azurite is None:
            return _refused(503, "ServerBusy", "There is no Azurite here.")
        connection = HTTPConnection("127.0.0.1", self._azurite.port, timeout=60)
        target = f"{path}?{urlencode(query)}" if query else path
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            response = connection.getresponse()
            content = response.read()
            kept = {
                name: value
                for name, value in response.getheaders()
                if name.lower() not in _HOP | {"content-type", "date", "server"}
            }
            if method == "HEAD" and response.getheader("Content-Length"):
                kept["Content-Length"] = response.getheader("Content-Length") or "0"
            kind = response.getheader("Content-Type") or "application/octet-stream"
            if method == "HEAD":
                kept["Content-Type"] = kind
            return Reply(response.status, content, kept, kind)
        finally:
            connection.close()

    def _sas(self, storage: Storage, resource: str, kind: str, rights: str, hours: int) -> str:
        start, end = _span(hours)
        canonical = f"/blob/{storage.account}/{resource}"
        lines = [rights, start, end, canonical, "", "", "", _VERSION, kind, "", "", "", "", "", ""]
        signature = _sign(storage, "\n".join(lines))
        query = {"sv": _VERSION, "st": start, "se": end, "sr": kind, "sp": rights, "sig": signature}
        return urlencode(query)


def _account_sas(storage: Storage) -> dict[str, str]:
    start, end = _span(1)
    rights, services, kinds = "rwdlacup", "b", "sco"
    lines = (storage.account, rights, services, kinds, start, end, "", "", _VERSION, "")
    names = {"sv": _VERSION, "ss": services, "srt": kinds, "sp": rights, "st": start, "se": end}
    return {**names, "sig": _sign(storage, "\n".join(lines))}


def _sign(storage: Storage, text: str) -> str:
    digest = hmac.new(base64.b64decode(storage.key), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def _span(hours: int) -> tuple[str, str]:
    now = datetime.now(UTC)
    return f"{now - timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}", f"{now + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"


def in_its_form(refusal: Reply) -> Reply:
    """Return a refusal as the blob store words it: XML, and the code in a header, which is all that a HEAD is told."""
    if not isinstance(refusal.body, dict):
        return refusal  # a page of somebody else's
    error = refusal.body["error"]
    made = _refused(refusal.status, error["code"], error["message"])
    return Reply(made.status, made.body, {**refusal.headers, **made.headers}, made.content_type)


def _refused(status: int, code: str, message: str) -> Reply:
    body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Reply(status, body.encode(), {"x-ms-error-code": code}, "application/xml")
