"""What serving, chatting and clearing away share: the two kinds of endpoints, and the door to one of them."""

from dataclasses import dataclass, field
from functools import cached_property

from app.backends.azure_foundry.serving import online, serverless
from app.backends.azure_foundry.serving.online import Online
from app.backends.azure_foundry.serving.serverless import Serverless
from app.backends.azure_foundry.transport.client import Azure
from app.backends.azure_foundry.transport.names import endpoint_name
from app.backends.azure_foundry.transport.workspace import Workspace
from app.domain.backend import NotFound, Unavailable

_SCORE = "/score"


@dataclass(frozen=True, slots=True)
class Door:
    """Where a deployment is asked, and the key for it, which no `repr` shows."""

    address: str
    key: str = field(repr=False)

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

    @cached_property
    def workspace(self) -> Workspace:
        """The workspace by REST."""
        return Workspace(self.azure)

    @cached_property
    def serverless(self) -> Serverless:
        """Endpoints that Azure runs."""
        return Serverless(self.workspace)

    @cached_property
    def online(self) -> Online:
        """Endpoints on machines of one's own quota."""
        return Online(self.workspace)

    def door(self, tag: str) -> Door:
        """Return where a deployment is asked, with its key fetched now.

        Raises:
            NotFound: when nothing serves under this tag.
            Unavailable: while it has no address yet.
        """
        found = self.serverless.find(tag)
        address = None if found is None else serverless.chat_address(found)
        kind = serverless.KIND
        if found is None:
            found, kind = self.online.find(tag), online.KIND
            address = None if found is None else online.score_address(found)
        if found is None:
            raise NotFound("Nothing serves this deployment at Azure (any more).", fix="Deploy the model again.")
        if address is None:
            raise Unavailable("The endpoint has no address yet.", fix="Wait until it is ready.")
        return Door(address, self.workspace.keys(f"{kind}/{endpoint_name(tag)}"))
