"""The registries' data plane: discovery, and models with their versions and tags, in pages."""

import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tests.support.azure.catalog import REGISTRIES, Model
from tests.support.azure.shapes import system_data
from tests.support.azure.wire import AzureError, Json, Reply, Request, UserError

if TYPE_CHECKING:
    from tests.support.azure.cloud import AzureCloud

_DISCOVERY = re.compile(r"/registrymanagement/v1\.0/registries/(?P<registry>[^/]+)/discovery")
_MODELS = re.compile(
    r"/mferp/managementfrontend(?P<base>/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.MachineLearningServices"
    r"/registries/(?P<registry>[^/]+))/models(?:/(?P<name>[^/]+)(?:/versions(?:/(?P<version>[^/]+))?)?)?"
)
_VERSIONS = {
    "2021-10-01-dataplanepreview",
    "2023-04-01",
    "2023-04-01-preview",
    "2024-04-01-dataplanepreview",
    "2024-10-01",
}
# Where Microsoft's own registries are kept; the discovery tells it, and the client has to use what it is told.
REGISTRY_SUBSCRIPTION = "f1a51a3e-0000-4000-8000-00000000feed"
_GROUP = "registry-builtin-prod"
_SPREAD = ("eastus", "eastus2", "westus", "westus3", "swedencentral")


def is_registry(path: str) -> bool:
    """Whether a path of the data plane is about a registry."""
    return path.startswith(("/registrymanagement/", "/mferp/"))


class Registry:
    """Answers for the registries."""

    def __init__(self, cloud: "AzureCloud") -> None:
        self._cloud = cloud

    def answer(self, request: Request) -> Reply:
        """Answer one request; raises AzureError."""
        if request.method != "GET":
            raise AzureError(405, "MethodNotAllowed", "Registries of Microsoft and its partners are read-only.")
        found = _DISCOVERY.fullmatch(request.path)
        if found is not None:
            return self._discovery(found["registry"])
        found = _MODELS.fullmatch(request.path)
        if found is None:
            raise UserError(404, f"Nothing is at {request.path}.", code="NotFound")
        version = request.query.get("api-version")
        if version not in _VERSIONS:
            raise AzureError(
                400, "UnsupportedApiVersion", f"The api-version '{version}' is not supported by this registry."
            )
        if REGISTRY_SUBSCRIPTION not in found["base"] or f"/{_GROUP}/" not in found["base"]:
            raise UserError(
                404, f"Registry '{found['registry']}' is not in that subscription and resource group.", code="NotFound"
            )
        return self._models(request, found)

    def _discovery(self, registry: str) -> Reply:
        if registry not in REGISTRIES:
            raise UserError(404, f"Registry '{registry}' was not found.", code="NotFound")
        # As recorded: Azure/azure-sdk-assets, python/sdk/ml/azure-ai-ml/tests/recordings/model/e2etests/test_model.py…
        # test_promote_model.json@1d98de573ca5f88eb1d48062722909cf70f672ff; the host's production name as azure-ai-ml
        # writes it, cert-REGION.experiments.azureml.net.
        body = {
            "registryId": "3b513a6b-0000-4000-8000-00000000feed",
            "registryName": registry,
            "tenantId": "72f988bf-0000-4000-8000-00000000feed",
            "primaryRegion": "eastus2",
            "regions": list(_SPREAD),
            "subscriptionId": REGISTRY_SUBSCRIPTION,
            "resourceGroup": _GROUP,
            "workspaceName": None,
            "primaryRegionResourceProviderUri": "https://cert-eastus2.experiments.azureml.net/",
            "registryFqdns": {each: {"uri": f"https://{each}.api.azureml.ms"} for each in _SPREAD},
            "intellectualPropertyPublisher": None,
        }
        return Reply(200, body)

    def _models(self, request: Request, found: re.Match[str]) -> Reply:
        registry, name, version = found["registry"], found["name"], found["version"]
        base = f"{found['base']}/models"
        if name is None:
            mine = [one for one in self._cloud.catalog.models if one.registry == registry]
            return self._page(request, [self._container(base, one) for one in mine])
        model = self._cloud.catalog.find(registry, name)
        if model is None:
            raise UserError(
                404, f"Model container with name: {name} not found in registry {registry}.", code="NotFound"
            )
        if version is not None:
            if version not in model.versions:
                raise UserError(404, f"Model {name} with version {version} not found.", code="NotFound")
            return Reply(200, self._version(base, model, version))
        if request.path.endswith("/versions"):
            return self._page(request, [self._version(base, model, one) for one in model.versions])
        return Reply(200, self._container(base, model))

    def _page(self, request: Request, items: list[Json]) -> Reply:
        size = self._cloud.state.pace.page_size
        skip = int(request.query.get("$skip", "0"))
        top = int(request.query.get("$top", "0"))
        body: Json = {"value": items[skip : skip + min(top or size, size)]}
        if not top and skip + size < len(items):
            query = urlencode({**request.query, "$skip": str(skip + size)})
            body["nextLink"] = f"https://{request.host}{request.path}?{query}"
        return Reply(200, body)

    def _container(self, base: str, model: Model) -> Json:
        newest = model.versions[0]
        properties: Json = {
            "latestVersion": newest,
            "nextVersion": str(int(newest) + 1),
            "isArchived": False,
            "tags": {},
        }
        kind = "Microsoft.MachineLearningServices/registries/models"
        body: Json = {
            "id": f"{base}/{model.name}",
            "name": model.name,
            "type": kind,
            "systemData": system_data(self._cloud.born),
        }
        return {
            **body,
            "properties": {**properties, "properties": {}, "description": f"{model.name} by {model.author}"},
        }

    def _version(self, base: str, model: Model, version: str) -> Json:
        del base
        position = f"azureml://registries/{model.registry}/models/{model.name}/versions/{version}"
        properties: Json = {
            "description": f"{model.name} by {model.author}.",
            "isArchived": False,
            "isAnonymous": False,
            "modelType": "mlflow_model",
            "modelUri": f"{position}/paths/mlflow_model_folder",
            "flavors": {"hftransformersv2": {"data": {"hf_pretrained_class": "AutoModelForCausalLM"}}},
            "tags": model.tags(),
            "properties": {"finetune-min-sku-spec": "24|1|220|64", "evaluation-min-sku-spec": "12|1|220|64"},
        }
        kind = "Microsoft.MachineLearningServices/registries/models/versions"
        return {
            "id": position,
            "name": version,
            "type": kind,
            "systemData": system_data(self._cloud.born),
            "properties": properties,
        }
