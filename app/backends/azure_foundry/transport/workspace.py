"""The connection's workspace: what is in it, by REST; its region, its id, and where its data plane is."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.backends.azure_foundry.transport.client import Answer, Azure, Call
from app.backends.azure_foundry.transport.hosts import Audience
from app.backends.azure_foundry.transport.operations import Operations
from app.backends.azure_foundry.transport.paging import Body, listed, text
from app.domain.backend import NotFound, Rejected, Unavailable

API_VERSION = "2024-10-01"  # of everything in a workspace that says nothing else; content safety needs it
PREVIEW = "2024-10-01-preview"  # fine-tuning jobs exist in previews only


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceLocation:
    """Where a workspace is: its region (`eastus2`), the id by which its own models are addressed (a GUID), and its
    data plane: addresses without a slash at the end, to be followed by a path of their interface.
    """

    region: str
    guid: str
    history: str  # …/history/v1.0/subscriptions/…/workspaces/NAME
    mlflow: str  # …/mlflow/v1.0/subscriptions/…/workspaces/NAME/api/2.0/mlflow


class Workspace:
    """One workspace's resources by REST: the few calls that all work in it is made of; for any number of threads."""

    def __init__(self, azure: Azure, cache: Path | None = None) -> None:
        """`cache` is a folder in which is kept what was begun there."""
        self.azure = azure
        self.operations = Operations(azure, cache)
        self._location: WorkspaceLocation | None = None

    @property
    def location(self) -> WorkspaceLocation:
        """Where the workspace is; looked up once per connection.

        Raises:
            BackendError: when it cannot be looked up.
        """
        found = self._location or self._locate()
        self._location = found
        return found

    def look(self) -> None:
        """Ask for the workspace now, also where its location is known.

        Raises:
            BackendError: when it does not answer, or may not be read.
        """
        if self._location is None:
            self._location = self._locate()
            return
        try:
            self.azure.arm("GET", self.azure.workspace_path, api_version=API_VERSION)
        except NotFound as error:
            raise Unavailable(f"The project cannot be looked up: {error.detail}", fix=error.fix) from error

    def _locate(self) -> WorkspaceLocation:
        azure = self.azure
        try:
            body: Body = azure.arm("GET", azure.workspace_path, api_version=API_VERSION).body or {}
            discovery = azure.send(Call("GET", text(body, "properties", "discoveryUrl"))).body or {}
        except NotFound as error:
            # Whoever looks at a job or an endpoint must not take this for its absence.
            raise Unavailable(f"The project cannot be looked up: {error.detail}", fix=error.fix) from error
        tracking = urlsplit(text(body, "properties", "mlFlowTrackingUri"))._replace(scheme="https")  # says azureml
        history = text(discovery, "history") or f"https://{tracking.netloc}"
        for each in (history, tracking.geturl()):
            azure.cloud.check(Audience.MANAGEMENT, each)
        return WorkspaceLocation(
            region=text(body, "location").lower().replace(" ", ""),
            guid=text(body, "properties", "workspaceId"),
            history=f"{history.rstrip('/')}/history/v1.0{azure.workspace_path}",
            mlflow=f"{tracking.geturl().rstrip('/')}/api/2.0/mlflow",
        )

    def get(self, path: str, *, api_version: str = API_VERSION) -> dict[str, Any] | None:
        """Return a resource of the workspace, `serverlessEndpoints/x` for example; None where it is not there."""
        try:
            return dict(self._ask("GET", path, api_version))
        except NotFound:
            return None

    def list(self, path: str, *, api_version: str = API_VERSION, whole: bool = False, **params: str) -> list[Body]:
        """Return all resources of a kind; none of a kind of which nothing was ever made.

        `whole`: something is deleted by what is not in it, so that a part of it that cannot be read is an error.
        """
        address = self._path(path)
        try:
            return [*listed(self.azure, address, api_version=api_version, params=params, whole=whole)]
        except NotFound:
            return []

    def put(self, path: str, body: dict[str, Any], *, api_version: str = API_VERSION) -> dict[str, Any]:
        """Make or replace a resource: by name, so that a repeat makes nothing twice."""
        answer = self._answer("PUT", path, api_version, body, attempts=1)
        self.operations.note(self._path(path), answer.headers)
        return dict(_object(answer))

    def is_accepted(self, path: str) -> bool:
        """Tell whether what is at `path` was accepted a moment ago, and not seen since."""
        return self.operations.accepted(self._path(path))

    def settled(self, path: str) -> None:
        """Note that what is at `path` was seen, or is to go."""
        self.operations.settled(self._path(path))

    def why_failed(self, path: str, made: Body | None = None) -> str:
        """Return why Azure could not make what is at `path`, as its operation tells; "" where it tells nothing."""
        error = self.operations.why(self._path(path), made)
        return "" if error is None else f"{error.detail} {error.fix}".strip()

    def post(self, path: str, body: dict[str, Any] | None = None, *, api_version: str = API_VERSION) -> dict[str, Any]:
        """Ask a resource for what may be asked twice, such as its secrets or to stop; return what it says."""
        return dict(self._ask("POST", path, api_version, body))

    def delete(self, path: str, *, api_version: str = API_VERSION) -> None:
        """Ask for a resource's end; one that is gone is fine."""
        try:
            self._ask("DELETE", path, api_version, attempts=1)
        except NotFound:
            return

    def keys(self, path: str) -> str:
        """Return an endpoint's first key, fetched now.

        Raises:
            Rejected: when Azure names none.
        """
        key = text(self.post(f"{path}/listKeys"), "primaryKey")
        if not key:
            raise Rejected("Azure gave no key for the endpoint.", fix="Look at its authentication in the studio.")
        return key

    def _ask(self, method: str, path: str, api_version: str, body: object = None, *, attempts: int = 3) -> Body:
        return _object(self._answer(method, path, api_version, body, attempts=attempts))

    def _answer(self, method: str, path: str, api_version: str, body: object, *, attempts: int) -> Answer:
        return self.azure.arm(method, self._path(path), api_version=api_version, body=body, attempts=attempts)

    def _path(self, path: str) -> str:
        return f"{self.azure.workspace_path}/{path}"


def _object(answer: Answer) -> Body:
    """Return an answer's object; an empty one where it has none, as a 202 may."""
    return answer.body if isinstance(answer.body, Mapping) else {}
