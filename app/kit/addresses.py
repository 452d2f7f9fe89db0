"""Which addresses a person may have this server call: none that leads to where only the server can look.

Whoever may type an address (a webhook, a provider's base address) makes the server speak to it, from within its network
and its cloud (server-side request forgery). Sources of the lists: IANA's special-purpose registries, RFC 6890, RFC 4380
(Teredo), RFC 7526 (6to4), RFC 6052 and RFC 8215 (NAT64); clouds' own pages for their metadata addresses.
"""

import re
import socket
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any
from urllib.parse import SplitResult, urlsplit

Resolve = Callable[[str, int], Iterable[Any]]
_LONGEST = 2048  # characters
_SCHEMES = {"https": 443, "http": 80}
_SPACE = ord(" ")
# Never, not even where the host is allowed: metadata services, and what is no single machine.
_NEVER = tuple(
    ip_network(each)
    for each in (
        "0.0.0.0/8",  # this network
        "169.254.0.0/16",  # link-local: the metadata of AWS, Azure, Google, Oracle, DigitalOcean
        "168.63.129.16/32",  # Azure's wire server
        "100.100.100.200/32",  # Alibaba's metadata
        "192.0.0.192/32",  # Oracle's metadata
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",  # unspecified, loopback (asked for by itself), and IPv4-compatible addresses
        "64:ff9b::/96",  # NAT64: an IPv4 address inside
        "64:ff9b:1::/48",
        "2001::/32",  # Teredo: likewise
        "2002::/16",  # 6to4: likewise
        "fd00:ec2::/32",  # AWS's metadata
        "fd20:ce::254/128",  # Google's metadata
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)
_LOOPBACK_6 = IPv6Address("::1")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?")
_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)")
_ENTRY = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?):(?P<port>[0-9]{1,5})")


class AddressRefused(Exception):
    """The address is none that may be called; `fix` says what to enter, or to allow."""

    def __init__(self, message: str, *, fix: str) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPolicy:
    """What may be called besides public addresses by https.

    `allowed` holds `host:port` in small letters, as it is typed: such a host may have a private address, and may be
    asked without TLS. `loopback`: `localhost`, 127.x.x.x and ::1, typed as such, count as allowed.
    """

    allowed: Collection[str] = frozenset()
    loopback: bool = False

    def allows(self, host: str, port: int) -> bool:
        """Whether a host (IPv6 in brackets) may have a private address."""
        return f"{host}:{port}" in self.allowed or (self.loopback and _is_loopback_name(host))


@dataclass(frozen=True, slots=True)
class Address:
    """An address that was taken apart: the host in small letters, IPv6 in brackets."""

    scheme: str
    host: str
    port: int
    path: str


def is_entry(text: str) -> bool:
    """Whether `text` can stand in `AddressPolicy.allowed`."""
    found = _ENTRY.fullmatch(text)
    return found is not None and 0 < int(found["port"]) < 1 << 16


def take_apart(url: str, policy: AddressPolicy) -> Address:
    """Return an address's parts if its form is one that may be called; nothing is resolved and nothing is sent.

    Raises:
        AddressRefused: otherwise.
    """
    parts = _split(url)
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise AddressRefused("This is no address of a server.", fix="Enter one that begins with https:// and a host.")
    if "@" in parts.netloc:
        raise AddressRefused(
            "An address must not hold a user name or a password.",
            fix="Remove everything before the @, and enter secrets in their own fields.",
        )
    host = parts.hostname.lower().removesuffix(".")
    host = f"[{host}]" if ":" in host else host
    _check_host(host)
    port = parts.port or _SCHEMES[parts.scheme]
    if parts.scheme == "http" and not policy.allows(host, port):
        raise AddressRefused(
            f"{host}:{port} would be asked without TLS, so that anybody on the way could read and change it.",
            fix=f"Use https, or have {host}:{port} added to TUNEDESK_OUTGOING_ALLOWED.",
        )
    return Address(scheme=parts.scheme, host=host, port=port, path=parts.path)


def look_up(
    host: str, port: int, policy: AddressPolicy, *, resolve: Resolve | None = None, seconds: float = 10.0
) -> list[str]:
    """Return the numeric addresses of a host, every one of which may be connected to: connect to these, and resolve no
    more.

    Raises:
        AddressRefused: it has none within `seconds`, or one of them leads where nobody may go.
    """
    numeric = host.strip("[]")
    found = _resolved(resolve or _system, numeric, port, seconds)
    addresses = list(dict.fromkeys(_plain(each) for each in found))
    if not addresses:
        raise _unknown(host)
    allowed = policy.allows(host, port)
    for address in addresses:
        _check_address(host, port, address, allowed=allowed)
    return [str(each) for each in addresses]


def _split(url: str) -> SplitResult:
    if len(url) > _LONGEST:
        raise AddressRefused("The address is too long.", fix=f"Enter at most {_LONGEST} characters.")
    if any(ord(each) <= _SPACE or ord(each) > ord("~") or each == "\\" for each in url):
        raise AddressRefused(
            "The address holds a character that addresses do not have.",
            fix="Leave spaces and backslashes out; write a host with other letters in its xn-- form.",
        )
    try:
        parts = urlsplit(url)
        _ = parts.port  # reading it checks it
    except ValueError:
        raise AddressRefused("This is no address.", fix="Enter https://, a host, and a port up to 65535.") from None
    if parts.port == 0:
        raise AddressRefused("There is no port 0.", fix="Enter a port from 1 to 65535.")
    return parts


def _check_host(host: str) -> None:
    if host.startswith("["):
        try:
            IPv6Address(host[1:-1].partition("%")[0] if "%" not in host else "")
        except ValueError:
            raise AddressRefused(f"{host} is no IPv6 address.", fix="Enter it without a zone, or a name.") from None
        return
    if not _HOST.fullmatch(host) or ".." in host:
        raise AddressRefused("The host's name has a form that no name has.", fix="Enter the name of a server.")
    if _NUMBER.fullmatch(host.rpartition(".")[2]):  # resolvers read 127.1, 0x7f.1 and 2130706433 as addresses
        try:
            IPv4Address(host)
        except ValueError:
            raise AddressRefused(f"{host} is no IPv4 address.", fix="Enter four numbers, or a name.") from None


def _check_address(host: str, port: int, address: IPv4Address | IPv6Address, *, allowed: bool) -> None:
    if address != _LOOPBACK_6 and any(address.version == each.version and address in each for each in _NEVER):
        raise AddressRefused(
            f"{host} leads to {address}, an address that is never called: it belongs to the machine or its cloud.",
            fix="Enter the address of the service itself.",
        )
    if not allowed and (address.is_private or address.is_loopback or not address.is_global):
        raise AddressRefused(
            f"{host} leads to {address}, which is inside this network.",
            fix=f"If that is meant, have {host}:{port} added to TUNEDESK_OUTGOING_ALLOWED.",
        )


def _is_loopback_name(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _plain(found: Any) -> IPv4Address | IPv6Address:  # noqa: ANN401 -- as getaddrinfo gives it
    """Return the address of an entry of getaddrinfo; an IPv4 address in IPv6's clothes is the IPv4 address."""
    address = ip_address(str(found[4][0]).partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _system(host: str, port: int) -> Iterable[Any]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def _resolved(resolve: Resolve, host: str, port: int, seconds: float) -> list[Any]:
    """Ask the resolver, which knows no deadline, from a thread that nobody waits for any longer than that."""
    answers: SimpleQueue[list[Any]] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(list(resolve(host, port)))
        except (OSError, ValueError):  # UnicodeError is a ValueError
            answers.put([])

    Thread(target=ask, name="resolver", daemon=True).start()
    try:
        return answers.get(timeout=max(seconds, 0.0))
    except Empty:
        raise _unknown(host) from None


def _unknown(host: str) -> AddressRefused:
    return AddressRefused(
        f"No address of {host} could be found.", fix="Check its spelling, and whether this machine can look it up."
    )
