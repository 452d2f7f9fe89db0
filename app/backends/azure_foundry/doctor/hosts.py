"""Whether each host that a training and a deployment will need is reached, by its name, before either is begun.

Behind a proxy that lets through only what is listed, one host too few shows itself at the step that needs it, which may
be hours after the start. Nobody's token is sent: any answer at all shows the way to be open.
"""

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from app.backends.azure_foundry.account.workspaces import WORKSPACES, workspace_of
from app.backends.azure_foundry.catalog.model_ids import ModelId
from app.backends.azure_foundry.catalog.registry import REGISTRIES, models_address
from app.backends.azure_foundry.doctor.facts import Facts
from app.backends.azure_foundry.doctor.findings import Finding, failed, passed
from app.backends.azure_foundry.training.files import DATASTORE
from app.backends.azure_foundry.transport.paging import text
from app.domain.backend import BackendError
from app.domain.connections import Fix

_NOBODY = "tunedesk-check"  # an endpoint that nobody has: whether a proxy would let a question to one through


def hosts(facts: Facts) -> Finding:
    """Whether all hosts are reached; each that is not is named."""
    needed, problems = _needed(facts)
    with ThreadPoolExecutor(max(1, len(needed))) as pool:
        found = dict(zip(needed, pool.map(facts.way_to, needed), strict=True))
    closed = {host: why for host, why in found.items() if why}
    problems += [f"{host} ({why})" for host, why in closed.items()]
    if not problems:
        return passed(f"Reached: {', '.join(needed)}.")
    first = next(iter(closed), facts.azure.cloud.registries)
    fix = Fix(
        text=f"Let the proxy or firewall pass {', '.join(closed) or 'them'} on port 443; docs/azure.md lists all of "
        "them. Jobs and deployments stop at the step that needs what is not reached.",
        command=f"curl -sS -o /dev/null -w '%{{http_code}}\\n' https://{first}/",
    )
    return failed(f"Not reached: {'; '.join(problems)}.", fix)


def _needed(facts: Facts) -> tuple[list[str], list[str]]:
    """Return the hosts, in the order in which a journey needs them, and why some are not known.

    What the project or its datastore does not tell is left out: that is the finding of another check.
    """
    cloud, problems = facts.azure.cloud, list[str]()
    found = [cloud.authority, cloud.arm, cloud.registries]
    registry = REGISTRIES[0] if facts.model is None else ModelId.parse(facts.model).registry
    try:
        found.append(_host(models_address(facts.azure, registry)))
    except BackendError as error:
        if cloud.registries not in error.detail:  # else it is told below, by its own name
            problems.append(error.detail.rstrip("."))
    for ask in (_of_project, _of_storage):
        try:
            found += ask(facts)
        except BackendError:
            continue
    return list(dict.fromkeys(each for each in found if each)), problems


def _of_project(facts: Facts) -> list[str]:
    project = facts.workspace()
    region = workspace_of(project).region.lower().replace(" ", "")
    reported = [_host(text(project, "properties", name)) for name in ("discoveryUrl", "mlFlowTrackingUri")]
    return [*reported, *(f"{_NOBODY}.{region}{ending}" for ending in facts.azure.cloud.endpoints)]


def _of_storage(facts: Facts) -> list[str]:
    store = facts.get(f"{facts.azure.workspace_path}/datastores/{DATASTORE}", WORKSPACES)
    account = text(store, "properties", "accountName")
    return [f"{account}{facts.azure.cloud.blob}"] if account else []


def _host(address: str) -> str:
    return urlsplit(address).hostname or ""
