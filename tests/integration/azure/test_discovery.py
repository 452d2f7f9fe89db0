"""What the account can see, and a hub and a project made in it: followed to their end, repeated, and left alone."""

from collections.abc import Callable

import pytest

from app.backends.azure_foundry.account.resources import WorkspaceAddress, WorkspaceKind
from app.backends.azure_foundry.backend import AzureFoundryBackend
from app.backends.azure_foundry.transport.client import Call
from app.backends.azure_foundry.transport.hosts import Audience, StrangeHost
from app.backends.azure_foundry.transport.names import INSTALLATION_TAG, TAG
from app.backends.azure_foundry.transport.paging import listed
from app.domain.backend import BackendError, NotAuthorised, OutcomeUnknown, Rejected, Unavailable
from app.domain.discovery import Provisioning, ProvisioningStatus
from tests.support.azure.bare import backend_for
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.roles import CONTRIBUTOR
from tests.support.azure.seed import GROUP
from tests.support.azure.state import SUBSCRIPTION, ResourceGroup

HUB, PROJECT = WorkspaceKind.HUB, WorkspaceKind.PROJECT


def address(name: str) -> WorkspaceAddress:
    return WorkspaceAddress(subscription=SUBSCRIPTION, resource_group=GROUP, name=name)


def follow(look: Callable[[], Provisioning], *, at_most: int = 12) -> list[ProvisioningStatus]:
    """Look until it is over; return what was seen, each word once."""
    seen: list[ProvisioningStatus] = []
    for _ in range(at_most):
        status = look().status
        if not seen or seen[-1] is not status:
            seen.append(status)
        if status in {ProvisioningStatus.READY, ProvisioningStatus.FAILED}:
            return seen
    raise AssertionError(seen)


@pytest.fixture
def maker(bare_cloud: AzureCloud) -> AzureFoundryBackend:
    """A backend whose account may make things in the group, and whose connection names no project yet."""
    bare_cloud.seed.grant(CONTRIBUTOR)
    return backend_for(bare_cloud, workspace="")


def created(cloud: AzureCloud) -> list[str]:
    return [entry.name for entry in cloud.ledger.entries if entry.verb == "create"]


def test_what_the_account_sees_is_listed(bare_cloud: AzureCloud) -> None:
    bare_cloud.state.groups.append(ResourceGroup(SUBSCRIPTION, "secret-group", "westus"))
    backend = backend_for(bare_cloud, subscription_id="", resource_group="", workspace="")
    assert [(each.id, each.state) for each in backend.subscriptions()] == [(SUBSCRIPTION, "Enabled")]
    assert [each.name for each in backend.resource_groups(SUBSCRIPTION)] == [GROUP]
    found = {each.name: each for each in backend.workspaces(SUBSCRIPTION, GROUP)}
    assert {name: each.kind for name, each in found.items()} == {"hub1": HUB, "proj1": PROJECT}
    assert (found["proj1"].hub, found["proj1"].region, found["proj1"].usable) == ("hub1", "eastus2", True)
    assert not found["hub1"].usable


def test_an_account_without_a_role_sees_nothing(bare_cloud: AzureCloud) -> None:
    bare_cloud.seed.take_away()
    backend = backend_for(bare_cloud)
    assert backend.subscriptions() == []
    with pytest.raises(BackendError):
        backend.workspaces(SUBSCRIPTION, GROUP)


def test_long_lists_are_read_to_their_end(bare_cloud: AzureCloud) -> None:
    for number in range(75):
        bare_cloud.seed.workspace(f"project-{number:03}", "Project", hub=bare_cloud.seed.hub)
    assert len(backend_for(bare_cloud).workspaces(SUBSCRIPTION, GROUP)) == 77


def test_a_link_that_leads_elsewhere_is_not_followed(bare_cloud: AzureCloud) -> None:
    """The token would go along. The cloud refuses, and the test fails on, any host that is not Azure's."""
    backend = backend_for(bare_cloud)
    before = len(bare_cloud.requests)
    for call in (
        lambda: backend.azure.arm("GET", "https://elsewhere.example/subscriptions", api_version="2022-12-01"),
        lambda: backend.azure.send(Call("GET", "https://x.blob.core.windows.net/secrets")),
        lambda: [*listed(backend.azure, "http://management.azure.com/subscriptions", api_version="2022-12-01")],
        lambda: backend.azure.open(Call("POST", "https://elsewhere.example", audience=Audience.ENDPOINT), read_s=1.0),
    ):
        with pytest.raises(StrangeHost, match="nothing was sent there"):
            call()
    assert len(bare_cloud.requests) == before, "not even a token was asked for"


def test_a_hub_then_a_project_are_made_and_carry_our_mark(bare_cloud: AzureCloud, maker: AzureFoundryBackend) -> None:
    maker.make_hub(address("hub-new"), region="westus3", title="New hub")
    assert follow(lambda: maker.making(HUB, address("hub-new")))[-1] is ProvisioningStatus.READY
    maker.make_project(address("proj-new"), hub="hub-new", title="New project")
    assert follow(lambda: maker.making(PROJECT, address("proj-new"))) == [
        ProvisioningStatus.CREATING,
        ProvisioningStatus.READY,
    ]
    project = bare_cloud.state.workspace("proj-new")
    assert project is not None
    assert (project.location, project.kind) == ("westus3", "Project")
    assert project.hub is not None
    assert project.hub.endswith("/hub-new")
    for name in ("hub-new", "proj-new"):
        made = bare_cloud.state.workspace(name)
        assert made is not None
        assert made.tags[INSTALLATION_TAG] == "0123456789ab"
        assert TAG in made.tags


def test_repeating_makes_nothing_twice(bare_cloud: AzureCloud, maker: AzureFoundryBackend) -> None:
    for _ in range(3):
        maker.make_hub(address("hub-new"), region="eastus2")
    for _ in range(3):
        maker.make_project(address("proj-new"), hub="hub1")
    assert created(bare_cloud) == ["hub-new", "proj-new"]


@pytest.mark.parametrize("kind", ["503", "reset-after"])
def test_a_lost_answer_is_no_lost_project(bare_cloud: AzureCloud, maker: AzureFoundryBackend, kind: str) -> None:
    """Nothing is repeated blindly: the doubt is told, and the next look finds what was begun, or the next try."""
    bare_cloud.faults.add(("PUT", r"/workspaces/proj-new$"), kind, seconds=1)
    backend = backend_for(bare_cloud, workspace="")
    with pytest.raises((OutcomeUnknown, Unavailable)):
        backend.make_project(address("proj-new"), hub="hub1")
    if backend.making(PROJECT, address("proj-new")).status is ProvisioningStatus.ABSENT:
        backend.make_project(address("proj-new"), hub="hub1")
    assert follow(lambda: backend.making(PROJECT, address("proj-new")))[-1] is ProvisioningStatus.READY
    assert created(bare_cloud) == ["proj-new"]


@pytest.mark.parametrize(("name", "kind"), [("hub1", HUB), ("proj1", HUB), ("proj1", PROJECT)])
def test_what_others_have_made_is_never_touched(
    bare_cloud: AzureCloud, maker: AzureFoundryBackend, name: str, kind: WorkspaceKind
) -> None:
    make: Callable[[], None] = {
        HUB: lambda: maker.make_hub(address(name), region="eastus2"),
        PROJECT: lambda: maker.make_project(address(name), hub="hub1"),
    }[kind]
    with pytest.raises(Rejected, match="there already"):
        make()
    assert bare_cloud.ledger.entries == []


def test_a_project_needs_a_hub_that_is_there(bare_cloud: AzureCloud, maker: AzureFoundryBackend) -> None:
    for hub in ("nowhere", "proj1"):
        with pytest.raises(Rejected, match="no hub"):
            maker.make_project(address("proj-new"), hub=hub)
    assert maker.making(PROJECT, address("proj-new")).status is ProvisioningStatus.ABSENT
    assert bare_cloud.ledger.entries == []


def test_a_developer_may_not_make_hubs_and_is_reported_so(bare_cloud: AzureCloud) -> None:
    """Azure AI Developer leaves out workspaces/write."""
    with pytest.raises(NotAuthorised, match="workspaces/write"):
        backend_for(bare_cloud).make_hub(address("hub-new"), region="eastus2")
    assert bare_cloud.state.workspace("hub-new") is None


def test_a_deployment_that_failed_tells_its_innermost_reason(
    bare_cloud: AzureCloud, maker: AzureFoundryBackend
) -> None:
    maker.make_hub(address("hub-new"), region="eastus2")
    (name,) = bare_cloud.state.deployments
    bare_cloud.state.workspaces[:] = [each for each in bare_cloud.state.workspaces if each.name != "hub-new"]
    body = bare_cloud.state.deployments[name]["body"]["properties"]
    bare_cloud.operations.finish_all()
    body["provisioningState"] = "Failed"
    inner = {"code": "QuotaExceeded", "message": "20 hubs are the limit."}
    body["error"] = {"code": "DeploymentFailed", "message": "At least one failed.", "details": [inner]}
    seen = maker.making(HUB, address("hub-new"))
    assert (seen.status, seen.raw_status) == (ProvisioningStatus.FAILED, "Failed")
    assert seen.message == "QuotaExceeded: 20 hubs are the limit."
