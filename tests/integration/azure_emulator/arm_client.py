"""Plain HTTP to the emulator: what a client would send, and what a mistaken one would."""

import ssl

import httpx

from tests.support.azure.cloud import AzureCloud
from tests.support.azure.state import Principal
from tests.support.azure.tokens import ARM
from tests.support.azure.wire import AnyJson

MANAGEMENT = "https://management.azure.com"


class ArmClient:
    """Calls Resource Manager as a principal (the seeded app, if none is named) through the cloud's proxy."""

    def __init__(self, cloud: AzureCloud, principal: Principal | None = None, *, audience: str = ARM) -> None:
        self.cloud = cloud
        self.context = ssl.create_default_context(cafile=str(cloud.ca_bundle))
        self._principal = principal or cloud.seed.app
        self._audience = audience

    @property
    def headers(self) -> dict[str, str]:
        """The authorization of the principal."""
        return {"Authorization": f"Bearer {self.cloud.token_for(self._principal, self._audience)}"}

    def call(
        self, method: str, url: str, version: str | None = None, body: AnyJson = None, **options: AnyJson
    ) -> httpx.Response:
        """Send a request to a whole address, a path of Resource Manager, or one below the seeded project."""
        where = (
            url
            if url.startswith("https://")
            else f"{MANAGEMENT}{url if url.startswith('/') else f'{self.cloud.seed.project.id}/{url}'}"
        )
        params = {"api-version": version, **options.pop("params", {})} if version else options.pop("params", None)
        headers = {**self.headers, **options.pop("headers", {})}
        with httpx.Client(
            verify=self.context, proxy=self.cloud.proxy_url, timeout=options.pop("timeout", 20)
        ) as client:
            return client.request(method, where, params=params, json=body, headers=headers, **options)

    def get(self, url: str, version: str | None = None, **options: AnyJson) -> httpx.Response:
        """Send a GET."""
        return self.call("GET", url, version, **options)

    def put(self, url: str, version: str, body: AnyJson, **options: AnyJson) -> httpx.Response:
        """Send a PUT."""
        return self.call("PUT", url, version, body, **options)

    def post(self, url: str, version: str, body: AnyJson = None, **options: AnyJson) -> httpx.Response:
        """Send a POST."""
        return self.call("POST", url, version, body, **options)

    def delete(self, url: str, version: str, **options: AnyJson) -> httpx.Response:
        """Send a DELETE."""
        return self.call("DELETE", url, version, **options)

    def put_endpoint(self, name: str, model: str, version: str = "2024-10-01", **properties: AnyJson) -> httpx.Response:
        """Ask for a serverless endpoint."""
        given = {"authMode": "Key", "modelSettings": {"modelId": model}, **properties}
        body = {"location": "eastus2", "sku": {"name": "Consumption"}, "tags": {"tunedesk": name}, "properties": given}
        return self.put(f"serverlessEndpoints/{name}", version, body)

    def wait(self, accepted: httpx.Response) -> str:
        """Look at an operation until it ends, and return how it ended."""
        for _ in range(20):
            status = str(self.get(accepted.headers["Azure-AsyncOperation"]).json()["status"])
            if status != "InProgress":
                return status
        raise AssertionError("the operation does not end")
