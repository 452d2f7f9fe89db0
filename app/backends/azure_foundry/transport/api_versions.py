"""Versions of Azure's interface: what is asked for, and what is taken instead where a place does not speak it.

Regions and clouds get versions at different times. A refusal lists those that are spoken; the newest of them whose
shapes are known here is taken from then on, for that type of resource.
"""

import re
from collections.abc import Mapping, Sequence

# By the version that is asked for: others in whose published types what is sent and read here is the same
# (bicep-types-az, machinelearningservices), newest first. Fine-tuning jobs exist in previews only.
INSTEAD: Mapping[str, Sequence[str]] = {
    "2024-10-01": ("2026-05-01", "2025-12-01", "2025-09-01", "2025-06-01", "2025-04-01"),
    "2024-10-01-preview": ("2025-01-01-preview", "2024-01-01-preview"),
}
_REFUSALS = frozenset({"noregisteredproviderfound", "invalidapiversionparameter", "unsupportedapiversion"})
_VERSION = re.compile(r"\b\d{4}-\d{2}-\d{2}(?:-[a-z]+)?\b")


def spoken(codes: Sequence[str], message: str) -> tuple[str, ...]:
    """Return the versions that a refusal lists as spoken; none where it is no such refusal."""
    if not _REFUSALS & {each.lower() for each in codes}:
        return ()
    _, listing, listed = message.partition("supported")  # what stands before names the one that was asked for
    return tuple(dict.fromkeys(_VERSION.findall(listed if listing else message)))


def instead(asked: str, offered: Sequence[str]) -> str | None:
    """Return the newest of the offered versions that can be taken instead; None where none can."""
    return next((each for each in INSTEAD.get(asked, ()) if each in offered), None)


def resource_type(path: str) -> str:
    """Return the type of resource that a path of ARM's is about, in lower case: `…/workspaces/jobs`."""
    parts = path.partition("?")[0].lower().rpartition("/providers/")[2].strip("/").split("/")
    return "/".join([parts[0], *parts[1::2]])
