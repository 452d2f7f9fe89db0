"""Who asks. Until accounts exist, the one who sits at this machine is its owner, and nobody else is anybody.

A loopback peer alone proves nothing: a reverse proxy on this machine is one too, for everybody behind it. So the Host
must be loopback as well, and no header may say that the request was passed on.
"""

import ipaddress

from starlette.requests import HTTPConnection

from app.domain.actors import OWNER, Actor
from app.domain.errors import WrongKey
from app.http.problems import SignInNeeded

_FORWARDED = ("forwarded", "x-real-ip", "via")
_FORWARDED_PREFIX = "x-forwarded-"


def actor_of(connection: HTTPConnection) -> Actor:
    """Return who asks.

    Raises:
        SignInNeeded: for everybody but the owner at this machine; says which of the three conditions fails.
    """
    if connection.client is None or not _is_loopback(connection.client.host):
        raise SignInNeeded(
            "TuneDesk has no accounts yet, so only a browser on its own machine is let in; yours is on another one.",
            fix="Open it on the machine where it runs, or bring its port here: `ssh -L 8000:127.0.0.1:8000 <machine>`.",
        )
    if not _is_loopback(_hostname(connection.headers.get("host", ""))):
        raise SignInNeeded(
            "TuneDesk has no accounts yet, so it lets you in under a loopback name only.",
            fix="Open it as http://127.0.0.1, with the port that it printed when it started.",
        )
    if any(name in _FORWARDED or name.startswith(_FORWARDED_PREFIX) for name in connection.headers):
        raise SignInNeeded(
            "TuneDesk has no accounts yet, and this request came through a proxy, so it cannot tell who asks.",
            fix="Open TuneDesk directly, without the proxy.",
        )
    return OWNER


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


def _hostname(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_loopback(name: str) -> bool:
    if name.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)  # a dual-stack socket shows IPv4 peers as ::ffff:127.0.0.1
    return bool((mapped or address).is_loopback)
