"""Signing in: from a connection's settings and secrets to a credential of azure-identity."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from app.backends.azure_foundry.settings import AzureSettings, SignIn
from app.domain.backend import NotAuthorised

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

# Hosts that sign in, by cloud: https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud
AUTHORITIES = {
    "AzureCloud": "login.microsoftonline.com",
    "AzureUSGovernment": "login.microsoftonline.us",
    "AzureChinaCloud": "login.chinacloudapi.cn",
}

# Called with what a person has to do to sign in: (address, code, seconds that the code lives).
Prompt = Callable[[str, str, float], None]


def make_credential(settings: AzureSettings, secrets: Mapping[str, str], prompt: Prompt) -> "TokenCredential":
    """Return the credential that the settings name; imports azure-identity, calls nobody.

    Raises:
        NotAuthorised: when something is missing without which it could not even try.
    """
    try:
        return _MAKERS[settings.credential](settings, secrets, prompt)
    except ValueError as error:
        fix = "Look at the connection's sign-in settings."
        raise NotAuthorised(f"Signing in cannot even be tried: {error}", fix=fix) from error


def _default(settings: AzureSettings, _secrets: Mapping[str, str], _prompt: Prompt) -> "TokenCredential":
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential(authority=AUTHORITIES[settings.cloud])


def _client_secret(settings: AzureSettings, secrets: Mapping[str, str], _prompt: Prompt) -> "TokenCredential":
    from azure.identity import ClientSecretCredential

    return ClientSecretCredential(
        settings.tenant_id or "",
        settings.client_id or "",
        secrets.get("client_secret", ""),
        authority=AUTHORITIES[settings.cloud],
    )


def _client_certificate(settings: AzureSettings, secrets: Mapping[str, str], _prompt: Prompt) -> "TokenCredential":
    from azure.identity import CertificateCredential

    return CertificateCredential(
        settings.tenant_id or "",
        settings.client_id or "",
        certificate_data=secrets.get("certificate", "").encode(),
        password=secrets.get("certificate_password"),
        authority=AUTHORITIES[settings.cloud],
    )


def _workload_identity(settings: AzureSettings, _secrets: Mapping[str, str], _prompt: Prompt) -> "TokenCredential":
    from azure.identity import WorkloadIdentityCredential

    # What is left out is taken from the environment that the platform sets (AZURE_TENANT_ID, AZURE_CLIENT_ID, …).
    given = {
        "tenant_id": settings.tenant_id,
        "client_id": settings.client_id,
        "token_file_path": settings.token_file,
    }
    named = {name: value for name, value in given.items() if value}
    return WorkloadIdentityCredential(**named, authority=AUTHORITIES[settings.cloud])


def _managed_identity(settings: AzureSettings, _secrets: Mapping[str, str], _prompt: Prompt) -> "TokenCredential":
    from azure.identity import ManagedIdentityCredential

    return ManagedIdentityCredential(client_id=settings.client_id)


def _azure_cli(settings: AzureSettings, _secrets: Mapping[str, str], _prompt: Prompt) -> "TokenCredential":
    from azure.identity import AzureCliCredential

    return AzureCliCredential(tenant_id=settings.tenant_id or "")


def _device_code(settings: AzureSettings, _secrets: Mapping[str, str], prompt: Prompt) -> "TokenCredential":
    from azure.identity import DeviceCodeCredential

    from app.backends.azure_foundry.signing_in import CodeCredential

    inner = DeviceCodeCredential(
        tenant_id=settings.tenant_id,
        authority=AUTHORITIES[settings.cloud],
        prompt_callback=lambda address, code, expires: prompt(address, code, expires.timestamp()),
        disable_automatic_authentication=True,
    )
    return CodeCredential(inner)


_MAKERS: Mapping[SignIn, Callable[[AzureSettings, Mapping[str, str], Prompt], "TokenCredential"]] = {
    SignIn.DEFAULT: _default,
    SignIn.CLIENT_SECRET: _client_secret,
    SignIn.CLIENT_CERTIFICATE: _client_certificate,
    SignIn.WORKLOAD_IDENTITY: _workload_identity,
    SignIn.MANAGED_IDENTITY: _managed_identity,
    SignIn.AZURE_CLI: _azure_cli,
    SignIn.DEVICE_CODE: _device_code,
}
