"""Why something that Azure accepted to make failed after all: its operation says so, and nothing else does.

A PUT that is accepted names its operation in the headers `Azure-AsyncOperation` and `Location`
(https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations). Both are kept by the path of
what is made, beyond a restart, too. Online endpoints and their deployments name it in their own properties besides, as
`AzureAsyncOperationUri` (seen in github.com/Azure/azure-sdk-for-python/issues/27624).
"""

import contextlib
import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock

import msgspec

from app.backends.azure_foundry.transport.client import Azure
from app.backends.azure_foundry.transport.errors import of_failure
from app.backends.azure_foundry.transport.paging import Body, text
from app.backends.azure_foundry.transport.words import meaning
from app.domain.backend import BackendError, NotAuthorised, NotFound, Transient

_LAG = timedelta(
    seconds=120
)  # how long ARM's reads may lag behind an accepted PUT, as after a submit (docs/azure-client.md)
_MOST = 500  # operations that are kept; the oldest go first
_HEADERS = ("Azure-AsyncOperation", "Location")
_FAILED = {"Failed": True, "Canceled": True, "Cancelled": True, "Succeeded": False}


class Operations:
    """The operations of what this installation had made; safe to use from many threads."""

    def __init__(self, azure: Azure, cache: Path | None = None) -> None:
        """`cache` is a folder; without one, operations are forgotten with the process."""
        self._azure = azure
        self._file = None if cache is None else cache / f"azure-operations-{azure.settings.cloud}.json"
        self._lock = Lock()
        self._known: dict[str, list[str]] | None = None
        self._accepted: dict[str, datetime] = {}  # by path: when it was accepted, until it was seen or removed

    def accepted(self, path: str) -> bool:
        """Whether what is at `path` was accepted a moment ago and not seen since: then Azure may not list it yet."""
        with self._lock:
            at = self._accepted.get(path.lower())
        return at is not None and self._azure.now() - at < _LAG

    def settled(self, path: str) -> None:
        """Note that what is at `path` was seen, or is to go: from now on its absence means that it is gone."""
        with self._lock:
            self._accepted.pop(path.lower(), None)

    def note(self, path: str, headers: Mapping[str, str]) -> None:
        """Keep when what will be at `path` was accepted, and where the operation that makes it is followed."""
        with self._lock:
            self._accepted[path.lower()] = self._azure.now()
        named = [headers[name] for name in _HEADERS if headers.get(name)]
        if not named:
            return
        with self._lock:
            known = self._read()
            known.pop(path.lower(), None)
            known[path.lower()] = named
            for old in list(known)[:-_MOST]:
                del known[old]
            self._write(known)

    def why(self, path: str, made: Body | None = None) -> BackendError | None:
        """Return why the making of what is at `path` failed; None where no operation tells it (any more).

        `made` is what Azure has there. The error is not raised: its sentence is shown.
        """
        with self._lock:
            named = list(self._read().get(path.lower(), ()))
        reported = text(made or {}, "properties", "properties", "AzureAsyncOperationUri")
        for address in [*named, *([reported] if reported and reported not in named else [])]:
            found = self._ask(address)
            if found is not None:
                return found
        return None

    def _ask(self, address: str) -> BackendError | None:
        try:
            body = self._azure.arm("GET", address, api_version="2024-10-01").body
        except (Transient, NotAuthorised, NotFound):
            return None  # that it cannot be asked says nothing about what it did
        except BackendError as error:
            return error  # a result's address answers with the failure itself
        failed = meaning(_FAILED, text(body if isinstance(body, Mapping) else {}, "status"))
        if not isinstance(body, Mapping) or failed is False:
            return None
        cause = next((value for name, value in body.items() if str(name).lower() == "error"), None)
        return of_failure({"error": cause}, fix="") if failed or isinstance(cause, Mapping) else None

    def _read(self) -> dict[str, list[str]]:
        if self._known is None:
            self._known = {}
            with contextlib.suppress(OSError, msgspec.MsgspecError):
                if self._file is not None:
                    self._known = msgspec.json.decode(self._file.read_bytes(), type=dict[str, list[str]])
        return self._known

    def _write(self, known: dict[str, list[str]]) -> None:
        if self._file is None:
            return
        fresh = self._file.with_suffix(f".{os.getpid()}.new")
        with contextlib.suppress(OSError):  # a reason that cannot be looked up later is shown as none
            self._file.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(msgspec.json.encode(known))
            fresh.replace(self._file)
