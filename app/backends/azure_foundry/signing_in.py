"""Device code: a person signs in with a browser anywhere, and this connection's calls go on in their name.

Only a person's wish begins it. A call of the engine that finds nobody signed in fails at once, and its connection is
paused; it must not ask for codes that nobody sees. Tokens stay in memory: a restart asks again.
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from app.backends.azure_foundry.settings import SignIn as Way
from app.domain.backend import BackendError, NotAuthorised, Unsupported
from app.domain.signing_in import SignIn, SignInStatus

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, AccessTokenInfo
    from azure.identity import DeviceCodeCredential

    from app.backends.azure_foundry.client import Azure

T = TypeVar("T")
_CODE_S = 12.0  # how long a page waits for the code; importing azure-identity alone can take two seconds
_NOBODY = "Nobody is signed in for this connection."
_HOW = "Open the connection's page and press “Sign in”."


class CodeCredential:
    """A device-code credential that asks nobody by itself."""

    def __init__(self, inner: "DeviceCodeCredential") -> None:
        self._inner = inner

    def get_token(self, *scopes: str, **options: Any) -> "AccessToken":  # noqa: ANN401 -- azure-core's signature
        """Return a token of whoever is signed in.

        Raises:
            NotAuthorised: when nobody is, or not any more.
        """
        return self._asked(lambda: self._inner.get_token(*scopes, **options))

    def get_token_info(self, *scopes: str, **options: Any) -> "AccessTokenInfo":  # noqa: ANN401 -- the same
        """Return a token with its times, as azure-core asks for it.

        Raises:
            NotAuthorised: when nobody is signed in, or not any more.
        """
        return self._asked(lambda: self._inner.get_token_info(*scopes, **options))

    def authenticate(self, scope: str) -> str:
        """Let a person sign in; blocks until they have, or the code has run out. Returns who they are."""
        record = self._inner.authenticate(scopes=[scope])
        return f"{record.username} ({record.tenant_id})"

    def _asked(self, ask: Callable[[], T]) -> T:
        from azure.identity import AuthenticationRequiredError

        try:
            return ask()
        except AuthenticationRequiredError as error:
            raise NotAuthorised(_NOBODY, fix=_HOW) from error


class Ceremony:
    """One connection's sign-in by a person: begun on a wish, waited for in a thread, looked at by pages."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told = threading.Event()
        self._state = SignIn(status=SignInStatus.NEEDED, message=_NOBODY)
        self._running = False

    def prompt(self, address: str, code: str, expires_at: float) -> None:
        """Take what azure-identity wants a person to do; `expires_at` in seconds since 1970."""
        until = datetime.fromtimestamp(expires_at, UTC)
        self._set(SignIn(status=SignInStatus.WAITING, address=address, code=code, expires_at=until))

    def state(self) -> SignIn:
        """Return where it stands."""
        with self._lock:
            return self._state

    def begin(self, authenticate: Callable[[], str]) -> SignIn:
        """Start `authenticate` in a thread unless it runs already, and return once there is a code or a failure."""
        with self._lock:
            start = not self._running
            if start:
                self._running = True
                self._told.clear()
        if start:
            threading.Thread(target=self._wait, args=(authenticate,), name="sign-in", daemon=True).start()
        self._told.wait(_CODE_S)
        return self.state()

    def _wait(self, authenticate: Callable[[], str]) -> None:
        from azure.core.exceptions import AzureError

        done = SignIn(status=SignInStatus.FAILED, message="Signing in failed; the log says why.")
        try:
            done = SignIn(status=SignInStatus.SIGNED_IN, who=authenticate())
        except (AzureError, BackendError) as error:
            reason = str(error).strip().split("\n")[0][:500]
            done = SignIn(status=SignInStatus.FAILED, message=f"Signing in failed: {reason}")
        finally:
            with self._lock:
                self._running = False
            self._set(done)

    def _set(self, state: SignIn) -> None:
        with self._lock:
            self._state = state
        self._told.set()


class SignsInThere:
    """Lets a person sign in, where the connection is set to device code."""

    azure: "Azure"
    ceremony: Ceremony

    def sign_in(self) -> SignIn | None:
        """Return where it stands; None for the ways that need nobody."""
        return self.ceremony.state() if self.azure.settings.credential is Way.DEVICE_CODE else None

    def begin_sign_in(self) -> SignIn:
        """Ask for a code.

        Raises:
            Unsupported: where the connection signs in by itself.
        """
        if self.azure.settings.credential is not Way.DEVICE_CODE:
            raise Unsupported("This connection signs in by itself.", fix="Run its checks to see whether it can.")

        def authenticate() -> str:
            credential = self.azure.credential()
            if not isinstance(credential, CodeCredential):
                raise TypeError("a device-code connection without its credential")
            return credential.authenticate(self.azure.arm_scope)

        return self.ceremony.begin(authenticate)
