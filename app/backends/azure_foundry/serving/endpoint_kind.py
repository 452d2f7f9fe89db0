"""What both kinds of endpoints have in common: our name for one, our mark on it, how one is found and removed."""

from abc import ABC, abstractmethod
from typing import ClassVar

from app.backends.azure_foundry.catalog.model_ids import ModelId
from app.backends.azure_foundry.transport.names import endpoint_name, is_ours
from app.backends.azure_foundry.transport.paging import Body
from app.backends.azure_foundry.transport.workspace import Workspace
from app.domain.backend import DeploymentObservation, DeploymentRequest, Rejected, Unavailable


class EndpointKind(ABC):
    """Makes, looks at and removes the endpoints of one kind in one workspace."""

    kind: ClassVar[str]  # the name of the resource type

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.azure = workspace.azure

    def path(self, tag: str) -> str:
        """Return where a deployment's endpoint is in the workspace."""
        return f"{self.kind}/{endpoint_name(tag)}"

    def find(self, tag: str) -> Body | None:
        """Return our endpoint of a deployment as Azure has it; None where there is none, or one that is not ours."""
        found = self.workspace.get(self.path(tag))
        return found if found is not None and is_ours(found.get("tags"), self.azure.installation) else None

    def is_accepted(self, tag: str) -> bool:
        """Tell whether Azure accepted an endpoint a moment ago that nobody has seen since."""
        return self.workspace.is_accepted(self.path(tag))

    def settle(self, tag: str) -> None:
        """Note that an endpoint was seen: from now on, its absence means that it is gone."""
        self.workspace.settled(self.path(tag))

    def to_serve(self, tag: str) -> Body | None:
        """Return the endpoint that a deployment goes on with; None where it has to be made.

        Raises:
            Rejected: when its name is somebody else's.
            Unavailable: while the former endpoint of this name is still being deleted.
        """
        found = self.workspace.get(self.path(tag))
        if found is not None and not is_ours(found.get("tags"), self.azure.installation):
            raise Rejected(
                f"An endpoint {endpoint_name(tag)!r} exists that was not made here; it is left alone.",
                fix="Deploy once more.",
            )
        if found is not None and self.state(found).lower() in {"deleting", "deletionfailed"}:
            raise Unavailable("The former endpoint of this name is still being deleted.")
        return found

    def remove(self, tag: str) -> None:
        """Ask for the end of the endpoint and of what is on it; nothing that is not ours is touched."""
        self.settle(tag)
        found = self.find(tag)
        if found is not None and self.state(found).lower() != "deleting":
            self.workspace.delete(self.path(tag))

    @abstractmethod
    def deploy(self, request: DeploymentRequest, model: ModelId) -> None:
        """Begin to serve, or take the next step; what serves already goes on."""

    @abstractmethod
    def observe(self, endpoint: Body) -> DeploymentObservation:
        """Return what Azure says of an endpoint; READY is what it believes, nobody has asked the endpoint yet."""

    @abstractmethod
    def state(self, endpoint: Body) -> str:
        """Return Azure's own word for how far an endpoint is."""

    @abstractmethod
    def address(self, endpoint: Body) -> str | None:
        """Return where an endpoint is asked; None before it has an address."""


def tuned_model(request: DeploymentRequest) -> str | None:
    """Return the path of the tuned model that a deployment serves, `models/x/versions/1`; None for a base model.

    Raises:
        Rejected: for the name of a tuned model that is none.
    """
    if request.model is None:
        return None
    name, colon, version = request.model.partition(":")
    if not colon:
        raise Rejected(f"{request.model!r} is no model with a version.", fix="Train it again.")
    return f"models/{name}/versions/{version}"
