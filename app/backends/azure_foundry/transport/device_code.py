"""Signing in by device code without holding anybody up: one sign-in at a time, waited for in a thread of its own."""

from collections.abc import Callable
from datetime import datetime
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, TypeVar

from app.domain.backend import NotAuthorised
from app.kit.clock import Clock

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions
    from azure.identity import DeviceCodeCredential

# Called with what a person has to do to sign in: (address, code, seconds since 1970 at which the code dies).
Prompt = Callable[[str, str, float], None]
PendingSignIn = tuple[str, str, datetime]
T = TypeVar("T")
_SHOWN_S = 5.0  # how long a call waits for the code to come, so that its sentence can name it
_ENTER = "Open {address} in a browser and enter the code {code}."


class DeviceCodeSession:
    """Where a pending sign-in is noted, for the page that shows it."""

    def __init__(self, clock: Clock, also: Prompt | None = None) -> None:
        """`also` is told what a person has to do, too."""
        self._clock = clock
        self._also = also
        self._lock = Lock()
        self._pending: PendingSignIn | None = None
        self.issue = ""
        self.who = ""  # who signed in last, once somebody has
        self.news = Event()

    @property
    def pending(self) -> PendingSignIn | None:
        """The address, the code, and until when it lives; None while nobody has to do anything."""
        with self._lock:
            if self._pending is not None and self._pending[2] <= self._clock.now():
                self._pending = None
            return self._pending

    def prompt(self, address: str, code: str, expires: float) -> None:
        """Note what a person has to do."""
        with self._lock:
            self._pending = (address, code, datetime.fromtimestamp(expires, self._clock.now().tzinfo))
        if self._also is not None:
            self._also(address, code, expires)
        self.news.set()

    def done(self, issue: str = "", *, who: str = "") -> None:
        """Note that the sign-in is over: why it failed, or who signed in."""
        with self._lock:
            self._pending, self.issue, self.who = None, issue, who
        self.news.set()


class SignsInByCode:
    """A credential that answers at once: a token if somebody has signed in, else what has to be done for it."""

    def __init__(self, make: Callable[[Prompt], "DeviceCodeCredential"], sign_in_session: DeviceCodeSession) -> None:
        self._sign_in_session = sign_in_session
        self._lock = Lock()
        self._waiting: Thread | None = None
        self._inner = make(sign_in_session.prompt)

    def get_token(self, *scopes: str, **more: Any) -> "AccessToken":  # noqa: ANN401 -- azure-core's protocol
        """Return a token.

        Raises:
            NotAuthorised: nobody has signed in yet; the address and the code are in the sentence.
        """
        return self._asked(lambda: self._inner.get_token(*scopes, **more), scopes)

    def get_token_info(self, *scopes: str, options: "TokenRequestOptions | None" = None) -> "AccessTokenInfo":
        """Return a token with what is known of it.

        Raises:
            NotAuthorised: as `get_token`.
        """
        return self._asked(lambda: self._inner.get_token_info(*scopes, options=options), scopes)

    def close(self) -> None:
        """Close the inner credential's connections."""
        self._inner.close()

    def _asked(self, ask: Callable[[], T], scopes: tuple[str, ...]) -> T:
        from azure.identity import AuthenticationRequiredError

        try:
            return ask()
        except AuthenticationRequiredError:
            self.begin(scopes)
        pending = self._sign_in_session.pending
        how = "Open the connection's page: it shows an address and a code."
        if pending is not None:
            how = _ENTER.format(address=pending[0], code=pending[1])
        before = f" The last sign-in failed: {self._sign_in_session.issue}" if self._sign_in_session.issue else ""
        raise NotAuthorised(f"Somebody has to sign in to Azure.{before}", fix=how)

    def begin(self, scopes: tuple[str, ...]) -> None:
        """Ask for a code unless one is waited for, and return once it is there, or after some seconds."""
        with self._lock:
            if self._waiting is not None and self._waiting.is_alive():
                return
            self._sign_in_session.news.clear()
            self._waiting = Thread(target=self._wait, args=(scopes,), name="azure-sign-in", daemon=True)
            self._waiting.start()
        self._sign_in_session.news.wait(_SHOWN_S)

    def _wait(self, scopes: tuple[str, ...]) -> None:
        from azure.core.exceptions import AzureError

        try:
            record = self._inner.authenticate(scopes=list(scopes))
        except AzureError as error:
            self._sign_in_session.done(str(error).strip().split("\n")[0][:300])
        else:
            self._sign_in_session.done(who=f"{record.username}, tenant {record.tenant_id}")
