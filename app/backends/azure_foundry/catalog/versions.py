"""The newest version of a registry's model; a job must name one."""

from datetime import datetime, timedelta
from threading import Lock

from app.backends.azure_foundry.catalog.hyperparameters import managed_fact
from app.backends.azure_foundry.catalog.model_ids import ModelId
from app.backends.azure_foundry.catalog.registry import API_VERSION, models_address
from app.backends.azure_foundry.transport.client import Azure
from app.backends.azure_foundry.transport.paging import listed, text
from app.domain.backend import NotFound
from app.kit.clock import Clock

_KEPT = timedelta(hours=6)


class Versions:
    """Looks versions up, and remembers them for some hours."""

    def __init__(self, azure: Azure, clock: Clock) -> None:
        self._azure = azure
        self._clock = clock
        self._lock = Lock()
        self._known: dict[tuple[str, str], tuple[datetime, str]] = {}

    def pinned(self, model: ModelId) -> ModelId:
        """Return the id with a version.

        Raises:
            NotFound: the registry has no such model.
        """
        if model.version is not None:
            return model
        key = (model.registry, model.name)
        with self._lock:
            known = self._known.get(key)
        if known is None or self._clock.now() - known[0] > _KEPT:
            known = (self._clock.now(), self._newest(model))
            with self._lock:
                self._known[key] = known
        return ModelId(way=model.way, registry=model.registry, name=model.name, version=known[1])

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
