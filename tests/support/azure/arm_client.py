"""A client of the cloud over plain HTTP, with the bodies a right call sends: what the planted mistakes are made of."""

import json
import ssl
from collections.abc import Iterable, Mapping
from typing import Self

import httpx

from tests.support.azure.cloud import AzureCloud
from tests.support.azure.state import Principal, Workspace
from tests.support.azure.tokens import ARM
from tests.support.azure.wire import AnyJson, Json

MANAGEMENT = "https://management.azure.com"
JOBS, ENDPOINTS, ASSETS, WORKSPACES = "2024-10-01-preview", "2024-10-01", "2023-08-01-preview", "2024-10-01-preview"
PHI_4 = "azureml://registries/azureml/models/Phi-4-mini-instruct"


class ArmClient:
    """One connection to the cloud, as the seeded app unless a call names somebody else."""

    def __init__(self, cloud: AzureCloud) -> None:
        self.cloud = cloud
        context = ssl.create_default_context(cafile=str(cloud.ca_bundle))
        self._client = httpx.Client(verify=context, proxy=cloud.proxy_url, timeout=20, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    @property
    def project(self) -> Workspace:
        """The seeded project."""
        return self.cloud.seed.project

    def bearer(self, audience: str = ARM, principal: Principal | None = None) -> dict[str, str]:
        """Return the authorization of a principal for a resource."""
        return {"Authorization": f"Bearer {self.cloud.token_for(principal or self.cloud.seed.app, audience)}"}

    def call(
        self,
        method: str,
        where: str,
        version: str | None = None,
        body: AnyJson = None,
        *,
        headers: dict[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        **params: str,
    ) -> httpx.Response:
        """Send a request to a whole address, a path of Resource Manager, or a path below the seeded project."""
        path = where if where.startswith("/") else f"{self.project.id}/{where}"
        url = where if where.startswith("https://") else f"{MANAGEMENT}{path}"
        asked = {**({"api-version": version} if version else {}), **(query or {}), **params}
        given = self.bearer() if headers is None else headers
        return self._client.request(method, url, params=asked or None, json=body, headers=given)

    def wait(self, accepted: httpx.Response) -> str:
        """Look at an accepted operation until it ends, and return how it ended."""
        for _ in range(20):
            status = str(self.call("GET", accepted.headers["Azure-AsyncOperation"]).json()["status"])
            if status != "InProgress":
                return status
        raise AssertionError("the operation does not end")

    def rows(self, count: int = 12) -> bytes:
        """Return chat examples as JSON Lines."""
        messages = (
            {"messages": [{"role": "user", "content": f"q{n}"}, {"role": "assistant", "content": "a"}]}
            for n in range(count)
        )
        return "\n".join(json.dumps(one) for one in messages).encode()

    def data(self, name: str, content: bytes) -> str:
        """Upload a blob and register it; returns the id of the version."""
        self.cloud.blobs.put(self.project.storage, f"files/{name}.jsonl", content)
        uri = f"azureml://datastores/workspaceblobstore/paths/files/{name}.jsonl"
        body = {"properties": {"dataType": "uri_file", "dataUri": uri, "tags": {"tunedesk": name}}}
        self.call("PUT", f"data/{name}/versions/1", "2023-04-01-preview", body).raise_for_status()
        return f"{self.project.id}/data/{name}/versions/1"

    def job(
        self,
        data: str,
        *,
        model: str = f"{PHI_4}/versions/1",
        hyperparameters: Json | None = None,
        **properties: AnyJson,
    ) -> Json:
        """Return the body of a fine-tuning job."""
        details: Json = {"modelProvider": "Custom", "taskType": "ChatCompletion"}
        details["model"] = {"jobInputType": "mlflow_model", "uri": model}
        details["trainingData"] = {"jobInputType": "uri_file", "uri": data}
        if hyperparameters is not None:
            details["hyperParameters"] = hyperparameters
        outputs = {"registered_model": {"jobOutputType": "mlflow_model", "assetName": "tuned"}}
        given: Json = {
            "jobType": "FineTuning",
            "fineTuningDetails": details,
            "outputs": outputs,
            "tags": {"tunedesk": "job"},
        }
        return {"properties": {**given, **properties}}

    def submit(self, name: str, body: Json) -> httpx.Response:
        """Submit a job."""
        return self.call("PUT", f"jobs/{name}", JOBS, body)

    def trained(self, name: str = "job-1") -> str:
        """Train to the end, and return the id under which the tuned model is deployed."""
        self.submit(name, self.job(self.data(f"{name}-data", self.rows()))).raise_for_status()
        self.cloud.clock.turn(3600)
        assert self.status(name) == "Completed"
        return f"azureml://locations/eastus2/workspaces/{self.project.guid}/models/tuned/versions/1"

    def status(self, name: str) -> str:
        """Return the status of a job."""
        return str(self.call("GET", f"jobs/{name}", JOBS).json()["properties"]["status"])

    def why(self, name: str) -> str:
        """Return what the run history says of a failed job."""
        answer = self.call("GET", f"https://eastus2.api.azureml.ms/history/v1.0{self.project.id}/runs/{name}/details")
        return str(answer.json()["error"]["error"]["message"])

    def endpoint(self, model: str, **properties: AnyJson) -> Json:
        """Return the body of a serverless endpoint."""
        given = {"authMode": "Key", "modelSettings": {"modelId": model}, **properties}
        return {
            "location": "eastus2",
            "sku": {"name": "Consumption"},
            "tags": {"tunedesk": "endpoint"},
            "properties": given,
        }

    def deploy(self, name: str, model: str) -> httpx.Response:
        """Deploy a model and wait until Resource Manager calls it ready."""
        answer = self.call("PUT", f"serverlessEndpoints/{name}", ENDPOINTS, self.endpoint(model))
        answer.raise_for_status()
        assert self.wait(answer) == "Succeeded"
        return answer

    def key(self, name: str) -> str:
        """Return an endpoint's key."""
        return str(self.call("POST", f"serverlessEndpoints/{name}/listKeys", ENDPOINTS).json()["primaryKey"])

    def chat(self, name: str, key: str, text: str = "Hello", **body: AnyJson) -> httpx.Response:
        """Ask an endpoint."""
        url = f"https://{name}.eastus2.models.ai.azure.com/v1/chat/completions"
        given = {"messages": [{"role": "user", "content": text}], **body}
        return self.call("POST", url, None, given, headers={"Authorization": f"Bearer {key}"})

    def template(
        self, parameters: Json, declared: Json, kinds: Iterable[str] = ("Microsoft.MachineLearningServices/workspaces",)
    ) -> Json:
        """Return the body of a template deployment of workspaces, as the SDK makes them."""
        resources = [
            {
                "type": kind,
                "apiVersion": "2023-08-01-preview",
                "name": "[parameters('workspaceName')]",
                "location": "[parameters('location')]",
                "kind": "[parameters('kind')]",
                "properties": {
                    "publicNetworkAccess": "[parameters('publicNetworkAccess')]",
                    "hubResourceId": "[parameters('workspace_hub')]",
                },
            }
            for kind in kinds
        ]
        template = {"contentVersion": "1.0.0.0", "parameters": declared, "resources": resources}
        values = {name: {"value": value} for name, value in parameters.items()}
        return {"properties": {"mode": "Incremental", "template": template, "parameters": values}}
