"""Signing in: from a connection's settings and secrets to a credential of azure-identity."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from app.backends.azure_foundry.settings import AzureSettings, SignIn
from app.backends.azure_foundry.transport.device_code import DeviceCodeSession, Prompt, SignsInByCode
from app.backends.azure_foundry.transport.hosts import CLOUDS
from app.domain.backend import NotAuthorised

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, AccessTokenInfo, TokenCredential, TokenRequestOptions

T = TypeVar("T")
_NO_WAY = re.compile(r"proxy|NewConnectionError|NameResolutionError|ConnectTimeout|Connection refused|\[Errno ")
# Those that ask the cloud's own authority, and nobody before it.
_BY_AUTHORITY = frozenset({SignIn.CLIENT_SECRET, SignIn.CLIENT_CERTIFICATE, SignIn.WORKLOAD_IDENTITY})

# How long a sign-in may take; azure-identity would wait for minutes. A second try is the caller's business.
TIMEOUTS: Mapping[str, Any] = {"connection_timeout": 5.0, "read_timeout": 10.0, "retry_total": 1}


class NamesItsHost:
    """A credential that says by its name which host could not be reached; azure-identity says only that none was."""

    def __init__(self, inner: "TokenCredential", authority: str) -> None:
        self._inner, self._authority = inner, authority

    def get_token(self, *scopes: str, **more: Any) -> "AccessToken":  # noqa: ANN401 -- azure-core's protocol
        """Return a token.

        Raises:
            Unreached: there is no way to the host that signs in.
        """
        return self._named(lambda: self._inner.get_token(*scopes, **more))

    def get_token_info(self, *scopes: str, options: "TokenRequestOptions | None" = None) -> "AccessTokenInfo":
        """Return a token with what is known of it.

        Raises:
            Unreached: as `get_token`.
        """
        inner: Any = self._inner
        found: AccessTokenInfo = self._named(lambda: inner.get_token_info(*scopes, options=options))
        return found

    def _named(self, ask: Callable[[], T]) -> T:
        from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

        from app.backends.azure_foundry.transport.wire import Unreached

        try:
            return ask()
        except ClientAuthenticationError as error:
            if not _NO_WAY.search(str(error)):
                raise
            raise Unreached(self._authority, ServiceRequestError(str(error))) from error


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

    from app.backends.azure_foundry.transport.wire import SignInWire

    cloud = CLOUDS[settings.cloud]
    wire = SignInWire(cloud, connect_s=TIMEOUTS["connection_timeout"], read_s=TIMEOUTS["read_timeout"])
    options = {**TIMEOUTS, "transport": wire}
    client, tenant, known = settings.client_id, settings.tenant_id, cloud.authority
    secret, pem = secrets.get("client_secret", ""), secrets.get("certificate", "").encode()
    password = secrets.get("certificate_password")
    # What is left out is taken from the environment that the platform sets (AZURE_TENANT_ID, AZURE_CLIENT_ID, …).
    workload = {"tenant_id": tenant, "client_id": client, "token_file_path": settings.token_file}
    workload = {name: value for name, value in workload.items() if value}
    makers: Mapping[SignIn, Callable[[], TokenCredential]] = {
        SignIn.DEFAULT: lambda: identity.DefaultAzureCredential(authority=known, **options),
        SignIn.CLIENT_SECRET: lambda: identity.ClientSecretCredential(
            tenant or "", client or "", secret, authority=known, **options
        ),
        SignIn.CLIENT_CERTIFICATE: lambda: identity.CertificateCredential(
            tenant or "", client or "", certificate_data=pem, password=password, authority=known, **options
        ),
        SignIn.WORKLOAD_IDENTITY: lambda: identity.WorkloadIdentityCredential(**workload, authority=known, **options),
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
            **options,
        )

    made = makers[settings.credential]()
    return NamesItsHost(made, known) if settings.credential in _BY_AUTHORITY else made
