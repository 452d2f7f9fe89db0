"""The project: what it is, whether it is ready, and what can be tuned in its region."""

from app.backends.azure_foundry.account.resources import WorkspaceKind
from app.backends.azure_foundry.account.workspaces import workspace_of
from app.backends.azure_foundry.catalog import reference_data as facts_files
from app.backends.azure_foundry.catalog.model_ids import ModelId, Way
from app.backends.azure_foundry.doctor.facts import Facts
from app.backends.azure_foundry.doctor.findings import CHOOSE, Finding, az, failed, passed, portal, undetermined, warned
from app.backends.azure_foundry.transport.known_failures import NotThere
from app.backends.azure_foundry.transport.paging import text
from app.backends.azure_foundry.transport.words import meaning, unknown_word
from app.domain.backend import NotFound
from app.domain.connections import Fix

# provisioningState of a workspace (2024-10-01), and what it means for jobs in it.
_STATES = {
    "Succeeded": "ready",
    "Unknown": "soon",
    "Updating": "soon",
    "Creating": "soon",
    "Deleting": "over",
    "Failed": "over",
    "Canceled": "over",
    "SoftDeleted": "over",
}


def project(facts: Facts) -> Finding:
    """Whether it is there, ready, reachable, and of a kind in which jobs run."""
    settings = facts.settings
    if not settings.workspace:
        return failed("No project is chosen yet.", CHOOSE)
    facts.subscription()  # where that is not seen, the project's absence tells nothing
    try:
        reported = facts.workspace()
    except (NotFound, NotThere):
        fix = Fix(
            text="Choose one that is there, or create it: “Choose a project” does both.",
            command=az(
                "ml workspace create",
                kind="project",
                name=settings.workspace,
                hub_id="HUB_ID",
                resource_group=settings.resource_group,
                subscription=settings.subscription_id,
            ),
        )
        return failed(f"There is no project {settings.workspace!r} in the resource group.", fix)
    found = workspace_of(reported)
    page = portal(settings, facts.azure.workspace_path)
    if not found.usable:
        what = "a hub: jobs run in a project of it" if found.kind is WorkspaceKind.HUB else "of another kind"
        fix = Fix(text="Choose a project, or create one in the hub, under “Choose a project”.", url=page)
        return failed(f"{found.name} is {what}.", fix)
    if found.state and meaning(_STATES, found.state) != "ready":
        return _unready(found.name, found.state, page)
    if text(reported, "properties", "publicNetworkAccess") == "Disabled":
        fix = Fix(
            text="Run TuneDesk where the private endpoint is reached, or allow public access.",
            url=f"{page.removesuffix('overview')}networking",
        )
        return warned(f"{found.name} is ready, but takes calls over a private endpoint only.", fix)
    kind = f"project of hub {found.hub}" if found.hub else "workspace of Azure Machine Learning"
    return passed(f"{found.title}: {kind}, in {found.region}.")


def _unready(name: str, state: str, page: str) -> Finding:
    means = meaning(_STATES, state)
    if means is None:
        return undetermined(unknown_word(name, state))
    fix = Fix(text="Wait until it is ready.", url=page)
    return (failed if means == "over" else warned)(f"{name} is {state}.", fix)


def region(facts: Facts) -> Finding:
    """Whether the chosen model can be tuned where the project is; or what can be, where none is chosen."""
    if not facts.settings.workspace:
        return undetermined("no project is chosen.")
    here = workspace_of(facts.workspace()).region
    return _anything(here) if facts.model is None else _one(ModelId.parse(facts.model), here)


def _anything(here: str) -> Finding:
    names = [each.name for each in facts_files.regions() if here in each.train]
    if names:
        managed = "Managed compute works in any region with GPU quota."
        return passed(f"Serverless fine-tuning in {here}: {', '.join(names)}. {managed}")
    fix = Fix(text="Use a project in another region for serverless fine-tuning, or managed compute here.")
    return warned(f"No known model is tuned serverless in {here}.", fix)


def _one(model: ModelId, here: str) -> Finding:
    if model.way is Way.MANAGED:
        return passed(f"{model.name} is tuned on managed compute, which no region excludes; see the quota.")
    known = next((each for each in facts_files.regions() if each.name.lower() == model.name.lower()), None)
    if known is None:
        return undetermined(f"the regions of {model.name} are not known here.")
    if here in known.train:
        return passed(f"{model.name} is tuned serverless in {here}.")
    where = ", ".join(known.train)
    fix = Fix(
        text=f"Try it: Azure decides. Else choose or create a project in one of {where}; a project's region stays.",
        url=known.source,
    )
    return warned(f"As of {known.as_of}, {model.name} was not known to be tuned serverless in {here}.", fix)
