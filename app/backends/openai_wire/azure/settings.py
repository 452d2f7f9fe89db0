"""What a connection to Azure OpenAI is told: where it trains, how it signs in, and where it deploys."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from app.backends.azure_fields import common
from app.domain.errors import Problem
from app.domain.fields import ConnectionField
from app.kit.addresses import AddressRefused
from app.kit.outgoing import Outgoing


class SignIn(StrEnum):
    """The ways to sign in: a key of the resource, or a credential of azure-identity."""

    KEY = "key"
    DEFAULT = "default"
    MANAGED_IDENTITY = "managed_identity"
    CLIENT_SECRET = "client_secret"  # noqa: S105 -- the name of a way, not a secret
    AZURE_CLI = "azure_cli"


_SIGN_INS = {
    SignIn.KEY: "A key of the resource (trains and answers; deploying needs Entra)",
    SignIn.DEFAULT: "Automatic (environment, managed identity, Azure CLI)",
    SignIn.MANAGED_IDENTITY: "Managed identity of this machine",
    SignIn.CLIENT_SECRET: "Service principal with a secret",
    SignIn.AZURE_CLI: "Azure CLI (az login on this machine)",
}
_PROJECT = re.compile(r"(?P<project>/api/projects/[^/]+)")
_RESOURCE_HOSTS = (".openai.azure.com", ".services.ai.azure.com", ".cognitiveservices.azure.com")
# Whoever may type an endpoint must not have this machine's token sent to a host of theirs (ADR 0034).
_TOKEN_HOSTS = (*_RESOURCE_HOSTS, ".openai.azure.us", ".cognitiveservices.azure.us", ".openai.azure.cn")
FIELDS: Sequence[ConnectionField] = (
    ConnectionField(
        name="endpoint", label="Endpoint", required=True, binds_secrets=True, limit=2000,
        placeholder="https://my-resource.openai.azure.com",
        help="Of the resource, or of a Foundry project (https://….services.ai.azure.com/api/projects/…).",
    ),
    ConnectionField(
        name="sign_in", label="Sign in by", required=True, default=SignIn.KEY.value,
        choices={way.value: label for way, label in _SIGN_INS.items()},
        help="Training needs the role Foundry User; deploying is a write at Resource Manager and needs Foundry Owner.",
    ),
    ConnectionField(
        name="api_key", label="Key", secret=True, required=True, limit=1000, pattern=r"[\x21-\x7e]+",
        pattern_help="Enter the key alone, without spaces.", help="One of the resource's two keys.",
        only_if=("sign_in", frozenset({SignIn.KEY.value})),
    ),
    common(
        "tenant_id", only_if=("sign_in", frozenset({SignIn.CLIENT_SECRET.value})),
        required_if=("sign_in", frozenset({SignIn.CLIENT_SECRET.value})),
    ),
    common(
        "client_id", only_if=("sign_in", frozenset({SignIn.CLIENT_SECRET.value, SignIn.MANAGED_IDENTITY.value})),
        required_if=("sign_in", frozenset({SignIn.CLIENT_SECRET.value})),
    ),
    common("client_secret", only_if=("sign_in", frozenset({SignIn.CLIENT_SECRET.value}))),
    common("subscription_id", help="Needed to deploy tuned models."),
    common("resource_group", help="The resource group of the resource; needed to deploy."),
    ConnectionField(
        name="account", label="Resource", pattern=r"[A-Za-z0-9][A-Za-z0-9-]{1,63}",
        pattern_help="Use the resource's name: 2 to 64 letters, digits and hyphens.",
        help="The resource's name, where it is not the first part of the endpoint.",
    ),
    common(
        "region", placeholder="swedencentral",
        help="Where the resource is. It decides which models can be trained, and by which training types.",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureSettings:
    """A connection's settings as a value."""

    endpoint: str = ""
    sign_in: str = SignIn.KEY.value
    tenant_id: str = ""
    client_id: str = ""
    subscription_id: str = ""
    resource_group: str = ""
    account: str = ""
    region: str = ""

    @classmethod
    def of(cls, settings: Mapping[str, str]) -> "AzureSettings":
        """Return the value of what `Connection.settings` holds."""
        return cls(**{name: value for name, value in settings.items() if name in cls.__dataclass_fields__})

    @property
    def origin(self) -> str:
        """Scheme and host of the endpoint."""
        parts = urlsplit(self.endpoint)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def is_azure(self) -> bool:
        """Whether the endpoint is one of Azure's own, to which a token may be sent."""
        parts = urlsplit(self.endpoint)
        return parts.scheme == "https" and (parts.hostname or "").lower().endswith(_TOKEN_HOSTS)

    @property
    def project_path(self) -> str:
        """The path of the project that the endpoint names; empty for a resource's."""
        found = _PROJECT.match(urlsplit(self.endpoint).path)
        return found["project"] if found else ""

    @property
    def base(self) -> str:
        """Where the v1 plane begins."""
        return f"{self.origin}{self.project_path}/openai/v1"

    @property
    def resource_base(self) -> str:
        """Where the resource's own v1 plane begins, whichever the endpoint is."""
        return f"{self.origin}/openai/v1"

    @property
    def account_name(self) -> str:
        """The resource's name: as it was entered, else the first part of the endpoint's host."""
        return self.account or (urlsplit(self.endpoint).hostname or "").partition(".")[0]

    @property
    def account_path(self) -> str:
        """The resource's path at Resource Manager; empty where it is not known."""
        if not self.subscription_id or not self.resource_group:
            return ""
        group = f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
        return f"{group}/providers/Microsoft.CognitiveServices/accounts/{self.account_name}"

    def dated_base(self, suffix: str) -> str:
        """Return where the dated plane begins, on the host of that suffix where it is one of Azure's."""
        parts = urlsplit(self.endpoint)
        name, colon, port = parts.netloc.partition(":")
        for known in _RESOURCE_HOSTS:
            if name.endswith(known):
                name = name.removesuffix(known) + suffix
        return f"{parts.scheme}://{name}{colon}{port}/openai"


def problems(settings: Mapping[str, str], outgoing: Outgoing) -> Sequence[Problem]:
    """Return what is wrong with the settings as a whole: an address that may not be called, or half of a resource."""
    found = []
    address = settings.get("endpoint", "")
    try:
        outgoing.check(address)
    except AddressRefused as error:
        found.append(Problem("/settings/endpoint", "refused", error.message, error.fix))
    if urlsplit(address).query:
        fix = "Leave out what stands behind the ?: the v1 plane takes no api-version."
        found.append(Problem("/settings/endpoint", "query", "An endpoint has no ? in it.", fix))
    if settings.get("sign_in", SignIn.KEY) != SignIn.KEY and not AzureSettings.of(settings).is_azure:
        fix = f"Enter an https address that ends in {', '.join(_RESOURCE_HOSTS)}, or sign in by a key."
        message = "Entra tokens are sent to Azure's own hosts only."
        found.append(Problem("/settings/endpoint", "token_host", message, fix))
    if bool(settings.get("subscription_id")) != bool(settings.get("resource_group")):
        name = "resource_group" if settings.get("subscription_id") else "subscription_id"
        fix = "Enter both, or neither: without them nothing can be deployed."
        found.append(Problem(f"/settings/{name}", "half", "Subscription and resource group belong together.", fix))
    return found
