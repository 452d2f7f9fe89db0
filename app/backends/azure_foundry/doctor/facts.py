"""What Azure tells, asked once however many checks need it."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from threading import Lock
from typing import Any, TypeVar

from app.backends.azure_foundry.account.workspaces import SUBSCRIPTIONS, WORKSPACES
from app.backends.azure_foundry.settings import AzureSettings
from app.backends.azure_foundry.transport.client import Answer, Azure, Call
from app.backends.azure_foundry.transport.errors import is_refused_by_proxy, translated
from app.backends.azure_foundry.transport.hosts import Audience, StrangeHost
from app.backends.azure_foundry.transport.paging import listed, text
from app.domain.backend import BackendError, NotFound, Unavailable
from app.kit.clock import Clock

T = TypeVar("T")
_METADATA = "2019-05-01"
_ATTEMPTS = 2
_PATIENCE_S = 4.0  # for a host to say anything at all


class Facts:
    """Answers by address. A second check that asks for the same waits for the first one's answer, errors included."""

    def __init__(self, azure: Azure, clock: Clock, *, model: str | None = None) -> None:
        self.azure = azure
        self.clock = clock
        self.model = model
        self._lock = Lock()
        self._asked: dict[str, Future[Any]] = {}

    @property
    def settings(self) -> AzureSettings:
        """The connection's settings."""
        return self.azure.settings

    def claims(self) -> Mapping[str, Any]:
        """Sign in, and return what the token says about whom: nothing where it cannot be read.

        Raises:
            BackendError: when there is no token.
        """
        return self._once("token", self._claims)

    def anonymous(self) -> Answer:
        """Return ARM's answer to a question that needs no sign-in: whether it is reached, and what time it is there."""
        url = f"https://{self.azure.cloud.arm}/metadata/endpoints"
        call = Call("GET", url, params={"api-version": _METADATA}, audience=Audience.ANYBODY, attempts=_ATTEMPTS)
        return self._once("metadata", lambda: self.azure.send(call))

    def way_to(self, host: str) -> str:
        """Return why a host is not reached, or "" where it answers, whatever it says; nobody's token is sent.

        A name that nobody has may not be known to anybody: that an endpoint's host has no address is no finding.
        """
        from app.backends.azure_foundry.transport.wire import Unreached

        call = Call("GET", f"https://{host}/", audience=Audience.REACH)
        try:
            with translated():
                self.azure.open(call, read_s=_PATIENCE_S).close()
        except StrangeHost as error:
            return error.detail.rstrip(".")
        except BackendError as error:
            if "Timeout" in type(error.__cause__).__name__ and not isinstance(error.__cause__, Unreached):
                return ""  # it was spoken to, and takes its time: the way is open
            refused = error.__cause__ is not None and is_refused_by_proxy(error.__cause__)
            if not refused and host.endswith(self.azure.cloud.endpoints):
                return ""
            return "the proxy refuses it" if refused else error.detail.rstrip(".")[:200]
        return ""

    def get(self, path: str, api_version: str) -> Mapping[str, Any]:
        """Return the JSON object at a path of ARM.

        Raises:
            BackendError: translated.
        """
        return self._once(path, lambda: self._get(path, api_version))

    def all(self, path: str, api_version: str, params: Mapping[str, str] | None = None) -> Sequence[Mapping[str, Any]]:
        """Return everything that a path of ARM lists.

        Raises:
            BackendError: translated.
        """
        key = f"{path}?{sorted((params or {}).items())}"
        return self._once(key, lambda: list(listed(self.azure, path, api_version=api_version, params=params)))

    def subscription(self) -> Mapping[str, Any]:
        """Return the subscription as the list of all has it: reading a single one needs a role upon it.

        Raises:
            NotFound: when the account does not see it.
            BackendError: translated.
        """
        wanted = (self.settings.subscription_id or "").lower()
        for each in self.all("/subscriptions", SUBSCRIPTIONS):
            if text(each, "subscriptionId").lower() == wanted:
                return each
        raise NotFound(f"The account does not see the subscription {wanted}.")

    def workspace(self) -> Mapping[str, Any]:
        """Return the project.

        Raises:
            Rejected: when none is chosen.
            BackendError: translated.
        """
        return self.get(self.azure.workspace_path, WORKSPACES)

    def _get(self, path: str, api_version: str) -> Mapping[str, Any]:
        body = self.azure.arm("GET", path, api_version=api_version, attempts=_ATTEMPTS).body
        if not isinstance(body, Mapping):
            raise Unavailable("What answered was not Azure: a proxy or a portal may stand between.", fix="Check again.")
        return body

    def _claims(self) -> Mapping[str, Any]:
        scope = self.azure.cloud.scope(Audience.MANAGEMENT)
        token = self.azure.in_time(lambda: self.azure.credential().get_token(scope)).token
        return claims_of(token)

    def _once(self, key: str, ask: Callable[[], T]) -> T:
        with self._lock:
            known = self._asked.get(key)
            mine = known is None
            future: Future[T] = known or Future()
            self._asked[key] = future
        if mine:
            try:
                future.set_result(ask())
            except BackendError as error:
                future.set_exception(error)
        return future.result()


def claims_of(token: str) -> Mapping[str, Any]:
    """Return what an access token says, for showing only; nothing where it is no JSON web token."""
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 -- header, claims, signature
        return {}
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
    return found if isinstance(found, Mapping) else {}
