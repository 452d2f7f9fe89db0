"""Signing in: from a connection's settings and secrets to a credential of azure-identity."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from app.backends.azure_foundry.settings import AzureSettings, SignIn
from app.backends.azure_foundry.transport.device_code import DeviceCodeSession, Prompt, SignsInByCode
from app.backends.azure_foundry.transport.hosts import CLOUDS
from app.domain.backend import NotAuthorised

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

# How long a sign-in may take; azure-identity would wait for minutes. A second try is the caller's business.
TIMEOUTS: Mapping[str, Any] = {"connection_timeout": 5.0, "read_timeout": 10.0, "retry_total": 1}


def make_credential(
    settings: AzureSettings, secrets: Mapping[str, str], sign_in_session: DeviceCodeSession
) -> "TokenCredential":
    """Return the credential that the settings name; imports azure-identity, calls nobody.

    Raises:
        NotAuthorised: when something is missing without which it could not even try.
    """
    try:
        return _made(settings, secrets, sign_in_session)
    except ValueError as error:
        fix = "Look at the connection's sign-in settings."
        raise NotAuthorised(f"Signing in cannot even be tried: {error}", fix=fix) from error


def _made(settings: AzureSettings, secrets: Mapping[str, str], sign_in_session: DeviceCodeSession) -> "TokenCredential":
    from azure import identity

    client, tenant, known = settings.client_id, settings.tenant_id, CLOUDS[settings.cloud].authority
    secret, pem = secrets.get("client_secret", ""), secrets.get("certificate", "").encode()
    password = secrets.get("certificate_password")
    # What is left out is taken from the environment that the platform sets (AZURE_TENANT_ID, AZURE_CLIENT_ID, …).
    workload = {"tenant_id": tenant, "client_id": client, "token_file_path": settings.token_file}
    workload = {name: value for name, value in workload.items() if value}
    makers: Mapping[SignIn, Callable[[], TokenCredential]] = {
        SignIn.DEFAULT: lambda: identity.DefaultAzureCredential(authority=known, **TIMEOUTS),
        SignIn.CLIENT_SECRET: lambda: identity.ClientSecretCredential(
            tenant or "", client or "", secret, authority=known, **TIMEOUTS
        ),
        SignIn.CLIENT_CERTIFICATE: lambda: identity.CertificateCredential(
            tenant or "", client or "", certificate_data=pem, password=password, authority=known, **TIMEOUTS
        ),
        SignIn.WORKLOAD_IDENTITY: lambda: identity.WorkloadIdentityCredential(**workload, authority=known, **TIMEOUTS),
        SignIn.MANAGED_IDENTITY: lambda: identity.ManagedIdentityCredential(client_id=client, **TIMEOUTS),
        SignIn.AZURE_CLI: lambda: identity.AzureCliCredential(tenant_id=tenant or ""),
        SignIn.DEVICE_CODE: lambda: SignsInByCode(device_code, sign_in_session),
    }

    def device_code(prompt: Prompt) -> identity.DeviceCodeCredential:
        return identity.DeviceCodeCredential(
            tenant_id=tenant,
            authority=known,
            prompt_callback=lambda address, code, expires: prompt(address, code, expires.timestamp()),
            disable_automatic_authentication=True,
            **TIMEOUTS,
        )

    return makers[settings.credential]()
