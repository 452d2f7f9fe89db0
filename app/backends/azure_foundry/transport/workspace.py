"""Where a connection's workspace is: its region and its own id, asked for once."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from app.backends.azure_foundry.transport.client import Azure
from app.domain.backend import NotFound, Rejected

API_VERSION = "2024-10-01"  # of everything in this package's serving that says nothing else; content safety needs it
_MISSING = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceLocation:
    """A workspace's region (`eastus2`) and the id by which its own models are addressed (a GUID)."""

    region: str
    guid: str


class Workspace:
    """One workspace's resources by REST: the few calls that serving and clearing away are made of."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure

    @cached_property
    def location(self) -> WorkspaceLocation:
        """Where the workspace is; asked for once per connection."""
        answer = self.azure.arm("GET", self.azure.workspace_path, api_version=API_VERSION)
        body = answer.body or {}
        return WorkspaceLocation(
            region=str(body.get("location", "")).lower().replace(" ", ""),
            guid=str(body.get("properties", {}).get("workspaceId", "")),
        )

    def get(self, path: str, *, api_version: str = API_VERSION) -> dict[str, Any] | None:
        """Return a resource of the workspace, `serverlessEndpoints/x` for example; None where it is not there."""
        try:
            answer = self.azure.arm("GET", f"{self.azure.workspace_path}/{path}", api_version=api_version)
        except NotFound:
            return None
        return dict(answer.body or {})

    def list(self, path: str, *, api_version: str = API_VERSION, **params: str) -> list[dict[str, Any]]:
        """Return all resources of a kind, page after page."""
        found: list[dict[str, Any]] = []
        address: str | None = f"{self.azure.workspace_path}/{path}"
        asked: dict[str, str] | None = dict(params)
        while address:
            try:
                body = self.azure.arm("GET", address, api_version=api_version, params=asked).body or {}
            except NotFound:
                break  # a kind of which nothing was ever made
            found += [dict(each) for each in body.get("value", ())]
            address, asked = body.get("nextLink"), None
            if address and not address.startswith(self.azure.arm_root):
                raise Rejected("Azure names a next page at a strange host; it is not asked.")
        return found

    def put(self, path: str, body: dict[str, Any], *, api_version: str = API_VERSION) -> dict[str, Any]:
        """Make or replace a resource: by name, so that a repeat makes nothing twice."""
        path = f"{self.azure.workspace_path}/{path}"
        return dict(self.azure.arm("PUT", path, api_version=api_version, body=body, attempts=1).body or {})

    def post(self, path: str, body: dict[str, Any], *, api_version: str = API_VERSION) -> dict[str, Any]:
        """Ask a resource to do what changes nothing there, such as telling its secrets, and return what it says."""
        path = f"{self.azure.workspace_path}/{path}"
        return dict(self.azure.arm("POST", path, api_version=api_version, body=body).body or {})

    def delete(self, path: str, *, api_version: str = API_VERSION) -> None:
        """Ask for a resource's end; one that is gone is fine."""
        try:
            self.azure.arm("DELETE", f"{self.azure.workspace_path}/{path}", api_version=api_version, attempts=1)
        except NotFound:
            return

    def keys(self, path: str) -> str:
        """Return an endpoint's first key, fetched now.

        Raises:
            Rejected: when Azure names none.
        """
        answer = self.azure.arm("POST", f"{self.azure.workspace_path}/{path}/listKeys", api_version=API_VERSION)
        key = (answer.body or {}).get("primaryKey")
        if not key:
            raise Rejected("Azure gave no key for the endpoint.", fix="Look at its authentication in the studio.")
        return str(key)
