"""What serving, chatting and clearing away share: the two kinds of endpoints, and the access to one of them."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from app.backends.azure_foundry.serving.endpoint_kind import EndpointKind
from app.backends.azure_foundry.serving.online import Online
from app.backends.azure_foundry.serving.scoring_forms import KnownForms
from app.backends.azure_foundry.serving.serverless import Serverless
from app.backends.azure_foundry.transport.client import Azure
from app.backends.azure_foundry.transport.paging import Body
from app.backends.azure_foundry.transport.workspace import Workspace
from app.domain.backend import NotFound, Unavailable

_SCORE = "/score"


@dataclass(frozen=True, slots=True)
class EndpointAccess:
    """Where a deployment is asked, the key for it, which no `repr` shows, and in which forms endpoints answer."""

    address: str
    key: str = field(repr=False)
    forms: KnownForms

    @property
    def scores(self) -> bool:
        """Whether it is a managed online endpoint, which takes another body and does not stream."""
        return scores(self.address)


def scores(address: str) -> bool:
    """Tell whether an address is a managed online endpoint's."""
    return address.rstrip("/").endswith(_SCORE)


class Endpoints:
    """The endpoints of one workspace."""

    azure: Azure
    workspace: Workspace
    cache: Path

    @cached_property
    def forms(self) -> KnownForms:
        """In which forms managed online endpoints have answered."""
        return KnownForms(self.cache / "azure-forms")

    @cached_property
    def serverless(self) -> Serverless:
        """Endpoints that Azure runs."""
        return Serverless(self.workspace)

    @cached_property
    def online(self) -> Online:
        """Endpoints on machines of one's own quota."""
        return Online(self.workspace)

    @property
    def kinds(self) -> tuple[EndpointKind, ...]:
        """Both kinds of endpoints."""
        return self.serverless, self.online

    def find_endpoint(self, tag: str) -> tuple[EndpointKind, Body] | None:
        """Return our endpoint of a deployment with its kind; None where there is none."""
        return next(((kind, found) for kind in self.kinds if (found := kind.find(tag)) is not None), None)

    def access(self, tag: str) -> EndpointAccess:
        """Return where a deployment is asked, with its key fetched now.

        Raises:
            NotFound: when nothing serves under this tag.
            Unavailable: while it has no address yet.
        """
        found = self.find_endpoint(tag)
        if found is None:
            raise NotFound("Nothing serves this deployment at Azure (any more).", fix="Deploy the model again.")
        kind, endpoint = found
        address = kind.address(endpoint)
        if address is None:
            raise Unavailable("The endpoint has no address yet.", fix="Wait until it is ready.")
        return EndpointAccess(address, self.workspace.keys(kind.path(tag)), self.forms)
