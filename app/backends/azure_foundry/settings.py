"""What a connection to Azure AI Foundry is told: fields for people, and the same as a value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.backends.azure_fields import common
from app.domain.errors import Problem
from app.domain.fields import ConnectionField


class SignIn(StrEnum):
    """The ways to sign in; each is a class of azure-identity."""

    DEFAULT = "default"
    MANAGED_IDENTITY = "managed_identity"
    WORKLOAD_IDENTITY = "workload_identity"
    CLIENT_SECRET = "client_secret"  # noqa: S105 -- the name of a way, not a secret
    CLIENT_CERTIFICATE = "client_certificate"
    AZURE_CLI = "azure_cli"
    DEVICE_CODE = "device_code"


_SIGN_INS = {
    SignIn.DEFAULT: "Automatic (environment, managed identity, Azure CLI)",
    SignIn.MANAGED_IDENTITY: "Managed identity of this machine",
    SignIn.WORKLOAD_IDENTITY: "Workload identity (Kubernetes)",
    SignIn.CLIENT_SECRET: "Service principal with a secret",
    SignIn.CLIENT_CERTIFICATE: "Service principal with a certificate",
    SignIn.AZURE_CLI: "Azure CLI (az login on this machine)",
    SignIn.DEVICE_CODE: "Device code (sign in with a browser anywhere)",
}
# The names by which azure-ai-ml knows the clouds, and for people.
CLOUDS = {
    "AzureCloud": "Azure (public)",
    "AzureUSGovernment": "Azure Government (US)",
    "AzureChinaCloud": "Azure in China (21Vianet)",
}
_PRINCIPALS = frozenset({SignIn.CLIENT_SECRET.value, SignIn.CLIENT_CERTIFICATE.value})
_WITH_CLIENT = _PRINCIPALS | {SignIn.MANAGED_IDENTITY.value, SignIn.WORKLOAD_IDENTITY.value}
_WITH_TENANT = _WITH_CLIENT - {SignIn.MANAGED_IDENTITY.value} | {SignIn.DEVICE_CODE.value, SignIn.AZURE_CLI.value}

FIELDS: Sequence[ConnectionField] = (
    ConnectionField(
        name="credential", label="Sign in by", required=True, default=SignIn.DEFAULT.value,
        choices={way.value: label for way, label in _SIGN_INS.items()},
        help="A service principal or a managed identity suits a server; the Azure CLI suits a laptop.",
    ),
    common("tenant_id", only_if=("credential", frozenset(_WITH_TENANT)), required_if=("credential", _PRINCIPALS)),
    common("client_id", only_if=("credential", frozenset(_WITH_CLIENT)), required_if=("credential", _PRINCIPALS)),
    common("client_secret", only_if=("credential", frozenset({SignIn.CLIENT_SECRET.value}))),
    ConnectionField(
        name="certificate", label="Certificate with its key", secret=True, required=True, multiline=True,
        help="PEM text: the private key and the certificate, one after the other.",
        only_if=("credential", frozenset({SignIn.CLIENT_CERTIFICATE.value})),
    ),
    ConnectionField(
        name="certificate_password", label="Password of the certificate's key", secret=True,
        help="Only where the key is encrypted.",
        only_if=("credential", frozenset({SignIn.CLIENT_CERTIFICATE.value})),
    ),
    ConnectionField(
        name="token_file", label="Token file", placeholder="/var/run/secrets/azure/tokens/azure-identity-token",
        help="Where the platform writes the identity token; empty takes AZURE_FEDERATED_TOKEN_FILE.",
        only_if=("credential", frozenset({SignIn.WORKLOAD_IDENTITY.value})),
    ),
    ConnectionField(
        name="cloud", label="Cloud", default="AzureCloud", choices=CLOUDS, binds_secrets=True,
        help="One installation speaks to one cloud: the SDK keeps the choice for the whole process.",
    ),
    common("subscription_id", help="May be left empty now, and chosen from a list once signing in works."),
    common("resource_group", help="The resource group of the project."),
    ConnectionField(
        name="workspace", label="Project or workspace", pattern=r"[A-Za-z0-9][A-Za-z0-9_-]{1,32}",
        pattern_help="Use 2 to 33 letters, digits, hyphens and underscores, a letter or digit first.",
        help="The hub project (or Azure Machine Learning workspace) in which jobs run.",
    ),
    common(
        "region", placeholder="eastus2",
        help="Where a new hub and project are created; otherwise the project's own region counts.",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureSettings:
    """A connection's settings as a value. Secrets are apart, so that this may be shown and compared."""

    credential: SignIn = SignIn.DEFAULT
    tenant_id: str | None = None
    client_id: str | None = None
    token_file: str | None = None
    cloud: str = "AzureCloud"
    subscription_id: str | None = None
    resource_group: str | None = None
    workspace: str | None = None
    region: str | None = None

    @classmethod
    def of(cls, settings: Mapping[str, str]) -> "AzureSettings":
        """Return the value of what `Connection.settings` holds."""
        known = {name: value for name, value in settings.items() if name in cls.__dataclass_fields__}
        return cls(**{**known, "credential": SignIn(known.get("credential", SignIn.DEFAULT))})  # type: ignore[arg-type]


def problems(settings: Mapping[str, str], others: Sequence[Mapping[str, str]]) -> Sequence[Problem]:
    """Return what is wrong with the settings as a whole: a second cloud, or a principal without its tenant and id."""
    found = []
    cloud = settings.get("cloud", "AzureCloud")
    first = next((other.get("cloud", "AzureCloud") for other in others), cloud)
    if cloud != first:
        message = f"This installation already speaks to {CLOUDS[first]}, and one installation speaks to one cloud."
        fix = f"Choose {CLOUDS[first]}, or run a second TuneDesk for the other cloud."
        found.append(Problem("/settings/cloud", "second_cloud", message, fix))
    if settings.get("credential") in _PRINCIPALS:
        for name, label in (("tenant_id", "The tenant"), ("client_id", "The client id")):
            if not settings.get(name):
                fix = "The app registration's overview shows both."
                found.append(Problem(f"/settings/{name}", "missing", f"{label} is missing.", fix))
    return found
