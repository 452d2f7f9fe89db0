"""The newest version of a registry's model; a job must name one."""

import contextlib
import os
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock

import msgspec

from app.backends.azure_foundry.catalog.hyperparameters import managed_fact
from app.backends.azure_foundry.catalog.model_ids import ModelId
from app.backends.azure_foundry.catalog.registry import API_VERSION, models_address
from app.backends.azure_foundry.transport.client import Azure
from app.backends.azure_foundry.transport.paging import listed, text
from app.domain.backend import BackendError, NotFound
from app.kit.clock import Clock

_KEPT = timedelta(hours=6)


class Versions:
    """Looks versions up, and remembers them: for some hours, and where the registry cannot be asked for as long as it
    takes, beyond a restart, too.
    """

    def __init__(self, azure: Azure, clock: Clock, cache: Path) -> None:
        """`cache` is a folder for what was looked up."""
        self._azure = azure
        self._clock = clock
        self._file = cache / f"azure-versions-{azure.settings.cloud}.json"
        self._lock = Lock()
        self._known: dict[str, tuple[datetime, str]] = {}

    def pinned(self, model: ModelId) -> ModelId:
        """Return the id with a version.

        Raises:
            NotFound: the registry has no such model.
            BackendError: it cannot be asked, and never told a version here.
        """
        if model.version is not None:
            return model
        key = f"{model.registry}/{model.name}"
        with self._lock:
            self._known = self._known or self._read()
            known = self._known.get(key)
        if known is None or self._clock.now() - known[0] > _KEPT:
            try:
                fresh = (self._clock.now(), self._newest(model))
            except NotFound:
                raise
            except BackendError:
                if known is None:
                    raise
            else:
                known = fresh
                with self._lock:
                    self._known[key] = fresh
                    self._write()
        return replace(model, version=known[1])

    def _read(self) -> dict[str, tuple[datetime, str]]:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=dict[str, tuple[datetime, str]])
        except (OSError, msgspec.MsgspecError):
            return {}

    def _write(self) -> None:
        fresh = self._file.with_suffix(f".{os.getpid()}.new")
        with contextlib.suppress(OSError):  # it is a convenience: without it, the registry is asked again
            self._file.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(msgspec.json.encode(self._known))
            fresh.replace(self._file)

    def _newest(self, model: ModelId) -> str:
        address = f"{models_address(self._azure, model.registry)}/{model.name}/versions"
        params = {"$orderBy": "createdtime desc", "$top": "1"}
        found = next(listed(self._azure, address, api_version=API_VERSION, params=params), None)
        fact = managed_fact(model)
        if found is None and fact is not None:
            return fact.version  # archived: not listed any more, and still to be had by its version
        if found is None:
            raise NotFound(f"The registry {model.registry} has no model {model.name}.", fix="Choose another model.")
        return text(found, "name")
