"""The steps to a project, as data: subscription, resource group, workspace; and the hub and project made on the way."""

from collections.abc import Sequence

from app.backends.azure_foundry.account.resources import ResourceGroup, Subscription, Workspace, WorkspaceKind
from app.domain.discovery import Creation, Step
from app.domain.fields import ConnectionField

SUBSCRIPTION, GROUP, WORKSPACE = "subscription", "resource_group", "name"
# https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules (resource groups, workspaces)
_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{2,32}"
_NAME_HELP = "Use 3 to 33 letters, digits, hyphens and underscores, a letter or digit first."


def _name(label: str, example: str) -> ConnectionField:
    return ConnectionField(
        name="name", label=label, required=True, pattern=_NAME, pattern_help=_NAME_HELP, limit=33, placeholder=example,
        help="3 to 33 letters, digits, hyphens and underscores.",
    )  # fmt: skip


_TITLE = ConnectionField(name="title", label="Name for people", help="Shown in the portal; its name unless given.")

STEPS: Sequence[Step] = (
    Step(
        field=ConnectionField(
            name=SUBSCRIPTION, label="Subscription", required=True, help="Enter its id, a GUID.",
            pattern=r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", pattern_help="Enter its id, a GUID.",
            placeholder="00000000-0000-0000-0000-000000000000",
        ),
        setting="subscription_id", path="subscriptions", item=Subscription,
        about="The subscriptions that the account sees.", heading="Subscription",
        empty="The account sees no subscription: it has no role in any.", onward="Show its resource groups",
    ),
    Step(
        field=ConnectionField(
            name=GROUP, label="Resource group", required=True, placeholder="tuning", pattern=r"[-\w.()]{0,89}[-\w()]",
            pattern_help="Use letters, digits, hyphens, underscores, parentheses and full stops, 90 at most.",
        ),
        setting="resource_group", path="resource-groups", item=ResourceGroup,
        about="The resource groups of a subscription.", heading="Resource group",
        empty="The account sees no resource group in this subscription.", onward="Show its projects",
    ),
    Step(
        field=_name("Project", "project-1"), setting="workspace", path="workspaces", item=Workspace,
        about="The hubs, projects and workspaces of a resource group.", heading="Projects and workspaces",
        empty="There is none in this resource group yet. Create a hub, then a project in it.",
        choose="Choose a project",
    ),
)  # fmt: skip

CREATIONS: Sequence[Creation] = (
    Creation(
        name=WorkspaceKind.PROJECT, noun="workspace_project", path="projects", kinds=WorkspaceKind,
        fields=(
            ConnectionField(name="hub", label="Hub", required=True, placeholder="hub-1", pattern=_NAME,
                            pattern_help="Choose a hub of the same resource group."),
            _name("Name of the project", "project-1"), _TITLE,
        ),
        about="Begin to make a project in a hub; a repeat finds what the first call began.",
        progress="Where the making of a project stands.",
        heading="Create a project", button="Create project", doing="Creating the project",
        following="Use this project", picks={"hub": WorkspaceKind.HUB},
        lacking="A project belongs to a hub, and this resource group has none yet.",
    ),
    Creation(
        name=WorkspaceKind.HUB, noun="hub", path="hubs", kinds=WorkspaceKind,
        fields=(
            _name("Name of the hub", "hub-1"),
            ConnectionField(
                name="region", label="Region", required=True, pattern=r"[A-Za-z0-9]{2,40}", placeholder="eastus2",
                pattern_help="Enter the region's short name, for example eastus2.",
                help="Short name. Phi-4 models are tuned serverless in eastus2, eastus, northcentralus, "
                "southcentralus, westus and westus3.",
            ),
            _TITLE,
        ),
        about="Begin to make a hub, with its storage account and key vault; a repeat finds what the first call began.",
        progress="Where the making of a hub stands.",
        heading="Create a hub", subheading="with its storage account and key vault",
        note="Needs the role Owner or Contributor on the resource group. Storage and key vault cost a little as long "
        "as they exist.",
        button="Create hub", doing="Creating the hub", following="Create a project in it", then=WorkspaceKind.PROJECT,
    ),
)  # fmt: skip
