"""What the unmodified SDK does beside the journey: hub and project, registries, cancelling, online endpoints, quota."""

import pytest
from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential

from tests.support.azure.arm_client import ArmClient
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.planted_jobs import submit
from tests.support.azure.roles import CONTRIBUTOR
from tests.support.azure.sdk import (
    AmlCompute,
    Hub,
    ManagedOnlineEndpoint,
    MarketplaceSubscription,
    MLClient,
    Project,
    ServerlessEndpoint,
)
from tests.support.azure.state import SUBSCRIPTION


@pytest.fixture
def client(entered_cloud: AzureCloud, azure_credentials: ClientSecretCredential) -> MLClient:
    return MLClient(azure_credentials, SUBSCRIPTION, "rg1", "proj1", show_progress=False, enable_telemetry=False)


def test_a_registry_is_looked_through(entered_cloud: AzureCloud, azure_credentials: ClientSecretCredential) -> None:
    entered_cloud.state.pace.page_size = 4
    registry = MLClient(azure_credentials, registry_name="azureml", show_progress=False)
    assert "Phi-4-mini-instruct" in [one.name for one in registry.models.list()]
    model = registry.models.get("Phi-3-mini-4k-instruct", label="latest")
    assert (model.version, model.tags["finetuning-tasks"]) == ("13", "chat-completion")
    partner = MLClient(azure_credentials, registry_name="azureml-mistral", show_progress=False)
    assert partner.models.get("Ministral-3B", version="1").tags["author"] == "Mistral AI"


def test_a_job_is_cancelled(entered_cloud: AzureCloud, client: MLClient) -> None:
    with ArmClient(entered_cloud) as arm:
        submit(arm).raise_for_status()
    client.jobs.begin_cancel("job-1").result()
    assert client.jobs.get("job-1").status == "Canceled"
    assert [one.name for one in client.jobs.list()] == ["job-1"]
    client.jobs.archive("job-1")
    assert list(client.jobs.list()) == []


def test_endpoints_and_what_belongs_to_them(entered_cloud: AzureCloud, client: MLClient) -> None:
    model = "azureml://registries/azureml-mistral/models/Ministral-3B"
    with pytest.raises(HttpResponseError, match="marketplace subscription"):
        client.serverless_endpoints.begin_create_or_update(ServerlessEndpoint(name="ep1", model_id=model)).result()
    subscribed = client.marketplace_subscriptions.begin_create_or_update(
        MarketplaceSubscription(name="ministral", model_id=model)
    ).result()
    assert subscribed.status == "subscribed"
    made = client.serverless_endpoints.begin_create_or_update(ServerlessEndpoint(name="ep1", model_id=model)).result()
    assert (made.provisioning_state, made.scoring_uri) == ("succeeded", "https://ep1.eastus2.models.ai.azure.com")
    online = client.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name="on1", auth_mode="key")).result()
    assert online.scoring_uri == "https://on1.eastus2.inference.ml.azure.com/score"
    assert client.online_endpoints.get_keys("on1").primary_key
    cluster = AmlCompute(name="gpu", size="Standard_NC24ads_A100_v4", min_instances=0, max_instances=2)
    assert client.compute.begin_create_or_update(cluster).result().provisioning_state == "Succeeded"
    entered_cloud.seed.grant("Reader", scope=f"/subscriptions/{SUBSCRIPTION}")
    assert {one.name["value"] for one in client.compute.list_usage(location="eastus2")}


@pytest.mark.slow
def test_a_hub_by_the_sdk_and_a_project_that_it_spoils(entered_cloud: AzureCloud, client: MLClient) -> None:
    """The SDK sleeps five seconds between its looks, and carries an enum's name where a template allows words."""
    entered_cloud.seed.grant(CONTRIBUTOR)
    hub = client.workspaces.begin_create(Hub(name="hub2", location="eastus2", display_name="Second")).result()
    assert type(hub).__name__ == "Hub"
    with pytest.raises(HttpResponseError, match=r"PublicNetworkAccessType\.ENABLED"):
        client.workspaces.begin_create(Project(name="proj2", location="eastus2", hub_id=hub.id)).result()
