"""The newest version of a registry's model; a job must name one."""

from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from app.backends.azure_foundry.catalog.hyperparameters import managed_fact
from app.backends.azure_foundry.catalog.model_ids import ModelId
from app.backends.azure_foundry.transport.client import Azure, Call
from app.domain.backend import NotFound
from app.kit.clock import Clock

# Where registries are looked up, by cloud, as azure-ai-ml has it (azure.ai.ml._azure_environments).
DISCOVERY = {
    "AzureCloud": "https://eastus.api.azureml.ms",
    "AzureUSGovernment": "https://usgovarizona.api.ml.azure.us",
    "AzureChinaCloud": "https://chinaeast2.api.ml.azure.cn",
}
_API = "2021-10-01-dataplanepreview"  # the one that azure-ai-ml speaks to registries
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
        host = DISCOVERY[self._azure.settings.cloud]
        about = f"{host}/registrymanagement/v1.0/registries/{model.registry}/discovery"
        found: dict[str, Any] = self._azure.send(Call("GET", about, params={"api-version": "v1.0"})).body or {}
        base = str(found["primaryRegionResourceProviderUri"]).rstrip("/")
        path = (
            f"{base}/mferp/managementfrontend/subscriptions/{found['subscriptionId']}"
            f"/resourceGroups/{found['resourceGroup']}/providers/Microsoft.MachineLearningServices"
            f"/registries/{model.registry}/models/{model.name}/versions"
        )
        params = {"api-version": _API, "$orderBy": "createdtime desc", "$top": "1"}
        versions = (self._azure.send(Call("GET", path, params=params)).body or {}).get("value") or []
        fact = managed_fact(model)
        if not versions and fact is not None:
            return fact.version  # archived: not listed any more, and still to be had by its version
        if not versions:
            raise NotFound(f"The registry {model.registry} has no model {model.name}.", fix="Choose another model.")
        return str(versions[0]["name"])
