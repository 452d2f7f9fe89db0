"""What connections to Azure are told alike, whichever of its services they lead to."""

from dataclasses import replace
from typing import Any

from app.domain.fields import ConnectionField

GUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_FIELDS = {each.name: each for each in (
    ConnectionField(
        name="tenant_id", label="Tenant", pattern=rf"{GUID}|[A-Za-z0-9.-]+\.[A-Za-z]+", binds_secrets=True,
        pattern_help="Enter the directory's id (a GUID) or its domain; `az account show --query tenantId` prints it.",
        help="The directory (tenant) id of your organisation.",
    ),
    ConnectionField(
        name="client_id", label="Client id", pattern=GUID, binds_secrets=True,
        pattern_help="Enter the application (client) id, a GUID; the app registration's overview shows it.",
        help="The application (client) id; for a managed identity only if it is a user-assigned one.",
    ),
    ConnectionField(
        name="client_secret", label="Client secret", secret=True, required=True,
        help="The value of the app registration's secret, not its id.",
    ),
    ConnectionField(
        name="subscription_id", label="Subscription", pattern=GUID,
        pattern_help="Enter the subscription's id, a GUID; `az account list -o table` prints them.",
    ),
    ConnectionField(
        name="resource_group", label="Resource group", pattern=r"[-\w.()]{1,89}[-\w()]|[-\w()]",
        pattern_help="Use letters, digits, hyphens, underscores, parentheses and full stops, 90 at most.",
    ),
    ConnectionField(
        name="region", label="Region", pattern=r"[a-z0-9]{2,40}",
        pattern_help="Enter the region's short name, for example swedencentral.",
    ),
)}  # fmt: skip


def common(name: str, **own: Any) -> ConnectionField:  # noqa: ANN401 -- fields of the field
    """Return a field by its name, with what is a service's own."""
    return replace(_FIELDS[name], **own)
