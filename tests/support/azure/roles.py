"""Who may do what: role definitions and the way Azure matches an action against them.

Azure AI Developer, Reader, Contributor and Owner are given with the actions of Microsoft's list of built-in roles as
far as they matter here; `*` in an action stands for any number of segments, none included, or else the built-in data
scientist and developer roles could not read the workspace that they are excluded from writing.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Role:
    """A role definition; `id` is the GUID of a built-in role, or one of a test's own."""

    id: str
    name: str
    actions: tuple[str, ...]
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    kind: str = "BuiltInRole"

    def allows(self, action: str) -> bool:
        """Whether the role permits an action of the control plane."""
        return _any(self.actions, action) and not _any(self.not_actions, action)

    def allows_data(self, action: str) -> bool:
        """Whether the role permits an action on data."""
        return _any(self.data_actions, action)


def _any(patterns: Iterable[str], action: str) -> bool:
    return any(_pattern(pattern).fullmatch(action.lower()) for pattern in patterns)


@lru_cache(maxsize=512)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text.lower()).replace(r"/\*/", "/(?:.*/)?").replace(r"\*", ".*"))


_ML = "Microsoft.MachineLearningServices"
OWNER = Role("8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "Owner", ("*",))
CONTRIBUTOR = Role(
    "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "Contributor",
    ("*",),
    (
        "Microsoft.Authorization/*/Delete",
        "Microsoft.Authorization/*/Write",
        "Microsoft.Authorization/elevateAccess/Action",
    ),
)
READER = Role("acdd72a7-3385-48ef-bd42-f606fba81ae7", "Reader", ("*/read",))
AI_DEVELOPER = Role(
    "64702f94-c441-49e6-a78b-ef80e0188fee",
    "Azure AI Developer",
    (
        f"{_ML}/workspaces/*/read",
        f"{_ML}/workspaces/*/action",
        f"{_ML}/workspaces/*/delete",
        f"{_ML}/workspaces/*/write",
        f"{_ML}/locations/*/read",
        "Microsoft.Authorization/*/read",
        "Microsoft.Resources/deployments/*",
    ),
    (
        f"{_ML}/workspaces/delete",
        f"{_ML}/workspaces/write",
        f"{_ML}/workspaces/listKeys/action",
        f"{_ML}/workspaces/hubs/write",
        f"{_ML}/workspaces/hubs/delete",
        f"{_ML}/workspaces/featurestores/write",
        f"{_ML}/workspaces/featurestores/delete",
    ),
)
BLOB_CONTRIBUTOR = Role(
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "Storage Blob Data Contributor",
    ("Microsoft.Storage/storageAccounts/blobServices/containers/*",),
    data_actions=("Microsoft.Storage/storageAccounts/blobServices/containers/blobs/*",),
)
# May submit and follow jobs but not deploy: what an administrator gives to people who train only.
TRAIN_ONLY = Role(
    "7a1a0b1e-0000-4000-8000-000000000001",
    "Training only",
    (
        f"{_ML}/workspaces/*/read",
        f"{_ML}/workspaces/jobs/*",
        f"{_ML}/workspaces/data/*",
        f"{_ML}/workspaces/datastores/listSecrets/action",
        f"{_ML}/workspaces/experiments/*",
        f"{_ML}/locations/*/read",
        "Microsoft.Authorization/*/read",
        "Microsoft.Resources/subscriptions/resourceGroups/read",
    ),
    kind="CustomRole",
)
BUILT_IN = {role.name: role for role in (OWNER, CONTRIBUTOR, READER, AI_DEVELOPER, BLOB_CONTRIBUTOR)}
