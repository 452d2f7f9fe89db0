"""What a failed sign-in says: words of the message, the cause, and how to mend it.

Source of the numbers: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KnownRefusal:
    """A refusal that is understood. {client} and {tenant} in `command` stand for the connection's own."""

    words: str
    cause: str
    remedy: str
    command: str = ""


KNOWN: Sequence[KnownRefusal] = (
    KnownRefusal(  # msal's words, where the directory has no configuration to give
        "double check your tenant name",
        "There is no such tenant.",
        "Compare the tenant with the directory's overview.",
        "az account show --query tenantId",
    ),
    KnownRefusal(
        "AADSTS7000215",
        "The client secret is wrong.",
        "Enter the secret's value, not its id; or make a new one.",
        "az ad app credential reset --id {client} --append",
    ),
    KnownRefusal(
        "AADSTS7000222",
        "The client secret has expired.",
        "Make a new one, and enter it under “Edit”.",
        "az ad app credential reset --id {client} --append",
    ),
    KnownRefusal(
        "AADSTS700016",
        "The directory knows no such application.",
        "Compare the client id and the tenant with the app registration.",
        "az ad app show --id {client}",
    ),
    KnownRefusal(
        "AADSTS90002",
        "There is no such tenant.",
        "Compare the tenant with the directory's overview.",
        "az account show --query tenantId",
    ),
    KnownRefusal(
        "AADSTS900023",
        "There is no such tenant.",
        "Compare the tenant with the directory's overview.",
        "az account show --query tenantId",
    ),
    KnownRefusal(
        "AADSTS700027",
        "The directory does not know this certificate.",
        "Upload the certificate to the app registration.",
        "az ad app credential reset --id {client} --cert @cert.pem --append",
    ),
    KnownRefusal(
        "AADSTS700024",
        "The sign-in's times are not valid.",
        "Set the machine's clock.",
        "sudo timedatectl set-ntp true",
    ),
    KnownRefusal(
        "AADSTS70021",
        "No federated credential of the application matches the token.",
        "Compare issuer, subject and audience.",
        "az ad app federated-credential list --id {client}",
    ),
    KnownRefusal(
        "AADSTS700213",
        "No federated credential of the application matches the token.",
        "Compare issuer, subject and audience.",
        "az ad app federated-credential list --id {client}",
    ),
    KnownRefusal(
        "AADSTS50034",
        "The directory does not know this account.",
        "Compare the tenant with the account's.",
        "az account show",
    ),
    KnownRefusal(
        "AADSTS53003",
        "A conditional-access policy of the organisation refuses this sign-in.",
        "Ask an administrator of the directory.",
    ),
    KnownRefusal(
        "AADSTS65001",
        "Nobody has consented to this application yet.",
        "Ask an administrator of the directory to consent.",
    ),
    KnownRefusal(
        "az login",
        "The Azure CLI is not signed in.",
        "Sign in on this machine, as the user that TuneDesk runs as.",
        "az login --tenant {tenant}",
    ),
    KnownRefusal(
        "Azure CLI not found",
        "The Azure CLI is not on the PATH of TuneDesk.",
        "Install it, or choose another way to sign in.",
    ),
    KnownRefusal(
        "ManagedIdentityCredential",
        "This machine has no managed identity.",
        "Assign one to the machine or app, or choose another way to sign in.",
        "az vm identity assign -g GROUP -n MACHINE",
    ),
    KnownRefusal(
        "WorkloadIdentityCredential",
        "The platform has not set up workload identity.",
        "Label the pod and its service account for it.",
    ),
    KnownRefusal(
        "DefaultAzureCredential",
        "Nothing on this machine can sign in.",
        "Run az login, set AZURE_CLIENT_ID and its like, or choose another way to sign in.",
        "az login",
    ),
)
