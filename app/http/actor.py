"""Who asks. Without accounts, the one who sits at this machine is its owner, and nobody else is anybody.

A loopback peer alone proves nothing: a reverse proxy on this machine is one too, for everybody behind it. So the Host
must be loopback as well, and no header may say that the request was passed on.

With accounts it is whoever a session's cookie, an API token, or a proxy that is trusted by its address says; where
somebody sits decides nothing then. Tokens open the addresses of programs alone, and whoever sends one is not also
taken for whom a cookie names.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from starlette.requests import HTTPConnection

from app.domain.actors import OWNER, Actor
from app.domain.errors import WrongKey
from app.http.guard import wants_json
from app.http.problems import SignInNeeded
from app.services import entering
from app.services.entering import From, Known
from app.services.scope import AppContext

_FORWARDED = ("forwarded", "x-real-ip", "via")
_FORWARDED_PREFIX = "x-forwarded-"
_KNOWN, _HERE = "known", "here"  # of a request's state: what was found out about who asks
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """That this installation has accounts, and how they are told apart.

    `secure`: pages come by TLS alone. `proxies`: addresses whose word is taken for where a request comes from, and, in
    the header `person_header`, for who sends it.
    """

    app_context: AppContext
    secure: bool
    proxies: Sequence[Network] = ()
    person_header: str = ""

    @property
    def cookie(self) -> str:
        """The name of a session's cookie; browsers let only pages of this very host, by TLS, set the secure one."""
        return "__Host-tunedesk" if self.secure else "tunedesk"

    def known(self, connection: HTTPConnection) -> Known | None:
        """Return who asks; None for nobody known."""
        if wants_json(connection.scope["path"]) and "authorization" in connection.headers:
            scheme, _, secret = connection.headers["authorization"].partition(" ")
            return entering.by_token(self.app_context, secret.strip()) if scheme.lower() == "bearer" else None
        if self.person_header and self._is_proxy(_peer(connection)):  # the address itself, whatever a header says of it
            named = connection.headers.getlist(self.person_header)
            if named:  # twice: one of them is perhaps the browser's own
                return entering.by_name(self.app_context, named[0]) if len(named) == 1 else None
        cookie = connection.cookies.get(self.cookie)
        return entering.by_session(self.app_context, cookie) if cookie else None

    def where(self, connection: HTTPConnection) -> From:
        """Return from where somebody asks: the last address that no trusted proxy is."""
        address = _peer(connection)
        passed_on = [each.strip() for each in connection.headers.get("x-forwarded-for", "").split(",") if each.strip()]
        while passed_on and self._is_proxy(address):
            address = passed_on.pop()
        return From(address[:45], connection.headers.get("user-agent", ""), connection.cookies.get(self.cookie, ""))

    def _is_proxy(self, address: str) -> bool:
        try:
            known = ipaddress.ip_address(address)
        except ValueError:
            return False
        plain = getattr(known, "ipv4_mapped", None) or known
        return any(plain in network for network in self.proxies)


def accounts_of(connection: HTTPConnection) -> Accounts | None:
    """Return what is to be known of accounts; None where there are none."""
    found: Accounts | None = getattr(connection.app.state, "accounts", None)
    return found


def actor_of(connection: HTTPConnection) -> Actor:
    """Return who asks.

    Raises:
        SignInNeeded: for everybody unknown; without accounts, says which of the three conditions fails.
    """
    accounts = accounts_of(connection)
    state = connection.scope.setdefault("state", {})
    if accounts is None:
        if _HERE not in state:
            _refuse_elsewhere(connection)
            state[_HERE] = True
        return OWNER
    if _KNOWN not in state:
        state[_KNOWN] = accounts.known(connection)
    known: Known | None = state[_KNOWN]
    if known is None:
        raise SignInNeeded(
            "You are not signed in, or no longer.",
            fix="Sign in. Programs send the header Authorization: Bearer TOKEN, with a token of your account's page.",
        )
    return known.actor


def knock(connection: HTTPConnection) -> None:
    """Return if whoever asks may show a deployment's key.

    Raises:
        SignInNeeded: without accounts, for everybody but the owner's programs on this machine.
    """
    if accounts_of(connection) is None:
        _refuse_elsewhere(connection)


def _refuse_elsewhere(connection: HTTPConnection) -> None:
    if connection.client is None or not _is_loopback(connection.client.host):
        raise SignInNeeded(
            "TuneDesk has no accounts here, so only a browser on its own machine is let in; yours is on another one.",
            fix="Open it on the machine where it runs, or bring its port here: `ssh -L 8000:127.0.0.1:8000 <machine>`.",
        )
    if not _is_loopback(_hostname(connection.headers.get("host", ""))):
        raise SignInNeeded(
            "TuneDesk has no accounts here, so it lets you in under a loopback name only.",
            fix="Open it as http://127.0.0.1, with the port that it printed when it started.",
        )
    if any(name in _FORWARDED or name.startswith(_FORWARDED_PREFIX) for name in connection.headers):
        raise SignInNeeded(
            "TuneDesk has no accounts here, and this request came through a proxy, so it cannot tell who asks.",
            fix="Open TuneDesk directly, without the proxy.",
        )


def actor_of_key(connection: HTTPConnection) -> Actor:
    """Return who asks below `/v1`, by the key that OpenAI's clients send: before there are accounts any, from here.

    Raises:
        SignInNeeded: as `actor_of`.
        WrongKey: there is no key.
    """
    actor = actor_of(connection)
    bearer_of(connection)
    return actor


def bearer_of(connection: HTTPConnection) -> str:
    """Return the key that a program sends.

    Raises:
        WrongKey: there is none.
    """
    scheme, _, key = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise WrongKey(
            "The request brings no key.",
            fix="Send the header Authorization: Bearer KEY; OpenAI's clients do, once they are given an api_key.",
        )
    return key.strip()


def _peer(connection: HTTPConnection) -> str:
    return "" if connection.client is None else connection.client.host


def _hostname(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


@lru_cache(maxsize=256)  # each request asks for its peer and its host
def _is_loopback(name: str) -> bool:
    if name.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)  # a dual-stack socket shows IPv4 peers as ::ffff:127.0.0.1
    return bool((mapped or address).is_loopback)
