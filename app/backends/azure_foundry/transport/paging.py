"""Lists of ARM, page after page, for as long as there is a next link of ARM's own."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.backends.azure_foundry.transport.client import ARM, Azure
from app.domain.backend import Unavailable

_MOST_PAGES = 50  # ARM's pages hold 100 to 1000 things; beyond this a list is of no use to anybody


def listed(
    azure: Azure, path: str, *, api_version: str, params: Mapping[str, str] | None = None
) -> Iterator[Mapping[str, Any]]:
    """Yield the things that ARM lists at `path`.

    Raises:
        BackendError: translated; Unavailable too when an answer is no list.
    """
    following: str | None = path
    for _ in range(_MOST_PAGES):
        if following is None:
            return
        answer = azure.arm("GET", following, api_version=api_version, params=None if following != path else params)
        body = answer.body
        if not isinstance(body, Mapping) or not isinstance(body.get("value"), list):
            raise Unavailable("Azure's answer is no list.", fix="Try again.")
        yield from (each for each in body["value"] if isinstance(each, Mapping))
        link = body.get("nextLink")
        # The token goes along, so a link that leads elsewhere is not followed.
        following = link if isinstance(link, str) and link.startswith(f"{ARM[azure.settings.cloud]}/") else None


def text(thing: Mapping[str, Any], *path: str) -> str:
    """Return the text at a path of names within what ARM told; "" where there is none."""
    found: Any = thing
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else ""
