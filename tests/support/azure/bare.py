"""A cloud without blobs, for tests that upload nothing, and a connection to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.backends.azure_foundry.backend import AzureFoundryBackend
from app.backends.azure_foundry.settings import AzureSettings
from tests.support.azure.certificates import Certificates
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.seed import GROUP, PROJECT, SECRET
from tests.support.azure.state import SUBSCRIPTION, TENANT


@pytest.fixture
def bare_cloud(azure_certificates: Certificates, tmp_path: Path) -> Iterator[AzureCloud]:
    """A cloud to which this process's own calls come; at the end nothing unexpected was asked for."""
    with AzureCloud(azure_certificates, tmp_path / "cloud") as made, made.entered():
        yield made
    assert made.refused == []
    assert made.bugs == []


def settings_for(cloud: AzureCloud, **changes: str) -> dict[str, str]:
    """Return a connection's settings for the seeded app in the seeded project; an empty change leaves one out."""
    given = {
        "credential": "client_secret",
        "tenant_id": TENANT,
        "client_id": cloud.seed.app.app_id,
        "cloud": "AzureCloud",
        "subscription_id": SUBSCRIPTION,
        "resource_group": GROUP,
        "workspace": PROJECT,
        **changes,
    }
    return {name: value for name, value in given.items() if value}


def backend_for(
    cloud: AzureCloud, *, secret: str = SECRET, earlier: AzureFoundryBackend | None = None, **changes: str
) -> AzureFoundryBackend:
    """Return the backend of such a connection, on the cloud's own clock."""
    settings = AzureSettings.of(settings_for(cloud, **changes))
    secrets = {"client_secret": secret} if settings.credential == "client_secret" else {}
    return AzureFoundryBackend(
        settings,
        secrets,
        clock=cloud.clock,
        cache=cloud.folder,
        installation=lambda: "0123456789ab",
        earlier=earlier,
    )
