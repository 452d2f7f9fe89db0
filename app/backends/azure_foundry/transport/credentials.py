"""Signing in: from a connection's settings and secrets to a credential of azure-identity."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from app.backends.azure_foundry.settings import AzureSettings, SignIn
from app.backends.azure_foundry.transport.device_code import DeviceCodeSession, Prompt, SignsInByCode
from app.backends.azure_foundry.transport.hosts import CLOUDS
from app.domain.backend import NotAuthorised

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.identity import DeviceCodeCredential

# How long a sign-in may take; azure-identity would wait for minutes. A second try is the caller's business.
PATIENCE: Mapping[str, Any] = {"connection_timeout": 5.0, "read_timeout": 10.0, "retry_total": 1}


def make_credential(
    settings: AzureSettings, secrets: Mapping[str, str], sign_in_session: DeviceCodeSession
) -> "TokenCredential":
    """Return the credential that the settings name; imports azure-identity, calls nobody.

    Raises:
        NotAuthorised: when something is missing without which it could not even try.
    """
    try:
        return _MAKERS[settings.credential](settings, secrets, sign_in_session)
    except ValueError as error:
        fix = "Look at the connection's sign-in settings."
        raise NotAuthorised(f"Signing in cannot even be tried: {error}", fix=fix) from error


def _default(
    settings: AzureSettings, _secrets: Mapping[str, str], _sign_in_session: DeviceCodeSession
) -> "TokenCredential":
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential(authority=CLOUDS[settings.cloud].authority, **PATIENCE)


def _client_secret(
    settings: AzureSettings, secrets: Mapping[str, str], _sign_in_session: DeviceCodeSession
) -> "TokenCredential":
    from azure.identity import ClientSecretCredential

    return ClientSecretCredential(
        settings.tenant_id or "",
        settings.client_id or "",
        secrets.get("client_secret", ""),
        authority=CLOUDS[settings.cloud].authority,
        **PATIENCE,
    )


def _client_certificate(
    settings: AzureSettings, secrets: Mapping[str, str], _sign_in_session: DeviceCodeSession
) -> "TokenCredential":
    from azure.identity import CertificateCredential

    return CertificateCredential(
        settings.tenant_id or "",
        settings.client_id or "",
        certificate_data=secrets.get("certificate", "").encode(),
        password=secrets.get("certificate_password"),
        authority=CLOUDS[settings.cloud].authority,
        **PATIENCE,
    )


def _workload_identity(
    settings: AzureSettings, _secrets: Mapping[str, str], _sign_in_session: DeviceCodeSession
) -> "TokenCredential":
    from azure.identity import WorkloadIdentityCredential

    # What is left out is taken from the environment that the platform sets (AZURE_TENANT_ID, AZURE_CLIENT_ID, …).
    given = {
        "tenant_id": settings.tenant_id,
        "client_id": settings.client_id,
        "token_file_path": settings.token_file,
    }
    named = {name: value for name, value in given.items() if value}
    return WorkloadIdentityCredential(**named, authority=CLOUDS[settings.cloud].authority, **PATIENCE)


def _managed_identity(
    settings: AzureSettings, _secrets: Mapping[str, str], _sign_in_session: DeviceCodeSession
) -> "TokenCredential":
    from azure.identity import ManagedIdentityCredential

    return ManagedIdentityCredential(client_id=settings.client_id, **PATIENCE)


def _azure_cli(
    settings: AzureSettings, _secrets: Mapping[str, str], _sign_in_session: DeviceCodeSession
) -> "TokenCredential":
    from azure.identity import AzureCliCredential

    return AzureCliCredential(tenant_id=settings.tenant_id or "")


def _device_code(
    settings: AzureSettings, _secrets: Mapping[str, str], sign_in_session: DeviceCodeSession
) -> "TokenCredential":
    from azure.identity import DeviceCodeCredential

    def make(prompt: Prompt) -> "DeviceCodeCredential":
        return DeviceCodeCredential(
            tenant_id=settings.tenant_id,
            authority=CLOUDS[settings.cloud].authority,
            prompt_callback=lambda address, code, expires: prompt(address, code, expires.timestamp()),
            disable_automatic_authentication=True,
            **PATIENCE,
        )

    return SignsInByCode(make, sign_in_session)


_MAKERS: Mapping[SignIn, Callable[[AzureSettings, Mapping[str, str], DeviceCodeSession], "TokenCredential"]] = {
    SignIn.DEFAULT: _default,
    SignIn.CLIENT_SECRET: _client_secret,
    SignIn.CLIENT_CERTIFICATE: _client_certificate,
    SignIn.WORKLOAD_IDENTITY: _workload_identity,
    SignIn.MANAGED_IDENTITY: _managed_identity,
    SignIn.AZURE_CLI: _azure_cli,
    SignIn.DEVICE_CODE: _device_code,
}
