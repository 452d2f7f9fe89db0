"""Headers of calls to Azure: a key, or a token of azure-identity for one audience, fetched when it is needed."""

from collections.abc import Callable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any

from app.backends.openai_wire.azure.settings import AzureSettings, SignIn
from app.domain.backend import NotAuthorised, Unavailable

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

RESOURCE = "https://cognitiveservices.azure.com/.default"
PROJECT = "https://ai.azure.com/.default"
MANAGER = "https://management.azure.com/.default"
_TIMEOUTS: Mapping[str, Any] = {"connection_timeout": 5.0, "read_timeout": 10.0, "retry_total": 1}


class Tokens:
    """Signs in once, and gives headers; azure-identity keeps tokens until they run out."""

    def __init__(
        self,
        settings: AzureSettings,
        secrets: Mapping[str, str],
        credential: "Callable[[], TokenCredential] | None" = None,
    ) -> None:
        """`credential` makes another one than the settings name, for tests. Nothing is called."""
        self._settings, self._secrets = settings, secrets
        self._make = credential or self._named
        self._trusts = credential is not None or settings.is_azure
        self._credential: TokenCredential | None = None
        self._lock = Lock()

    def plane(self, scope: str) -> Mapping[str, str]:
        """Return the headers of the data plane: the key where there is one, else a token.

        Raises:
            NotAuthorised, Unavailable: signing in failed, or nobody answered.
        """
        if self._settings.sign_in == SignIn.KEY:
            return {"api-key": self._secrets.get("api_key", "")}
        if not self._trusts:
            fix = "Enter an endpoint of Azure's own, or sign in by a key."
            raise NotAuthorised("Entra tokens are sent to Azure's own hosts only.", fix=fix)
        return self.manager(scope)

    def manager(self, scope: str = MANAGER) -> Mapping[str, str]:
        """Return the headers with a token; a key is of no use at Resource Manager.

        Raises:
            NotAuthorised, Unavailable: as `plane`.
        """
        from azure.core.exceptions import AzureError, ClientAuthenticationError

        try:
            with self._lock:
                if self._credential is None:
                    self._credential = self._make()
            return {"authorization": f"Bearer {self._credential.get_token(scope).token}"}
        except (ClientAuthenticationError, ValueError) as error:
            said = str(error).strip().splitlines()[0][:500] if str(error).strip() else type(error).__name__
            fix = "Look at the connection's sign-in settings."
            raise NotAuthorised(f"Signing in at Azure failed: {said}", fix=fix) from error
        except AzureError as error:
            raise Unavailable(f"Azure's sign-in cannot be reached: {str(error)[:300]}") from error

    def _named(self) -> "TokenCredential":
        from azure import identity

        settings = self._settings
        match settings.sign_in:
            case SignIn.CLIENT_SECRET:
                return identity.ClientSecretCredential(
                    settings.tenant_id, settings.client_id, self._secrets.get("client_secret", ""), **_TIMEOUTS
                )
            case SignIn.MANAGED_IDENTITY:
                return identity.ManagedIdentityCredential(client_id=settings.client_id or None, **_TIMEOUTS)
            case SignIn.AZURE_CLI:
                return identity.AzureCliCredential(process_timeout=10)
        return identity.DefaultAzureCredential(exclude_interactive_browser_credential=True)
