"""Lists of Azure, page after page, for as long as there is a next link."""

from collections.abc import Iterator, Mapping, Sequence

from app.backends.azure_foundry.transport.client import Azure
from app.backends.azure_foundry.transport.json_values import Body, text
from app.domain.backend import Unavailable

__all__ = ["Body", "listed", "pages", "text"]
_MOST_PAGES = 1000  # a page holds 30 to 1000 things: this is a list that leads in a circle


def pages(
    azure: Azure, address: str, *, api_version: str, params: Mapping[str, str] | None = None, whole: bool = False
) -> Iterator[Sequence[Body]]:
    """Yield what Azure lists at an address, a path of ARM's or a whole one, page by page.

    What is no object in it is left out, or with `whole` an error.

    Raises:
        BackendError: translated; Unavailable too when an answer is no list, or its pages do not end.
    """
    following: object = address
    for _ in range(_MOST_PAGES):
        body = azure.arm("GET", str(following), api_version=api_version, params=params).body
        if not isinstance(body, Mapping) or not isinstance(body.get("value"), list):
            raise Unavailable("Azure's answer is no list.", fix="Try again.")
        readable = [each for each in body["value"] if isinstance(each, Mapping)]
        if whole and len(readable) < len(body["value"]):
            raise Unavailable("A part of Azure's list cannot be read.", fix="Try again.")
        yield readable
        following, params = body.get("nextLink"), None
        if not following:
            return
    raise Unavailable(f"Azure's list has more than {_MOST_PAGES} pages.", fix="Try again.")


def listed(
    azure: Azure, address: str, *, api_version: str, params: Mapping[str, str] | None = None, whole: bool = False
) -> Iterator[Body]:
    """Yield the things that Azure lists, as `pages` does."""
    for page in pages(azure, address, api_version=api_version, params=params, whole=whole):
        yield from page
