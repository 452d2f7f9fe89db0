"""Which addresses may be called: a corpus of those that must not, a resolver that changes its mind, what is allowed."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from app.kit.addresses import AddressPolicy, AddressRefused, is_entry, look_up, take_apart

STRICT = AddressPolicy()
PUBLIC = "93.184.216.34"
REFUSED = [
    "http://169.254.169.254/metadata",
    "https://[::ffff:169.254.169.254]/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://017700000001/",
    "https://127.1/",
    "https://[::1]/",
    "https://localhost/",
    "https://localhost./",
    "https://10.0.0.1/",
    "https://[fe80::1%25eth0]/",
    "https://168.63.129.16/",
    "file:///etc/hostname",
    "gopher://x/",
    "https://u:p@example.com/",
    "https://ex\\@127.0.0.1/",
    "https://0/",
    "https://[::]/",
    "https://[2002:7f00:1::]/",
    "https://[64:ff9b::7f00:1]/",
    "https://100.64.0.1/",
    "https://224.0.0.1/",
    "https://127.0.0.1:99999/",
    "https:///x",
    "https://①②⑦.0.0.1/",
    # further than the prototype's
    "https://[::127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[2001:0:a00:1::]/",
    "https://[fec0::1]/",
    "https://[fd00:ec2::254]/",
    "https://[fc00::1]/",
    "https://192.168.1.1/",
    "https://172.16.0.1/",
    "https://192.0.0.192/",
    "https://255.255.255.255/",
    "https://198.18.0.1/",
    "https://example.com:0/",
    "https://example..com/",
    "https://-x/",
    "https://exa mple.com/",
    "https://example.com\n.internal/",
    "https://127.0.0.1.",
    "https://0177.0.0.1/",
    "http://example.com/",
    "//example.com/",
    "https://@example.com/",
    "https://" + "a" * 2100 + ".example/",
]


def by(*addresses: str) -> Any:  # noqa: ANN401 -- a resolver
    """A resolver that answers with these."""
    return lambda _host, port: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]


def called(url: str, policy: AddressPolicy = STRICT, resolve: Any = None) -> list[str]:  # noqa: ANN401
    """What a call of that address would connect to; only numbers are looked up without a resolver."""
    parts = take_apart(url, policy)
    return look_up(parts.host, parts.port, policy, resolve=resolve or _numeric)


def _numeric(host: str, port: int) -> Any:  # noqa: ANN401
    """As the system's own for numbers, in every form that it reads as one; every other name is a public host's."""
    if host == "localhost":
        return by("127.0.0.1")(host, port)
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except OSError:
        return by(PUBLIC)(host, port)


def test_none_of_the_corpus_is_called() -> None:
    through, sentences = [], set()
    for url in REFUSED:
        try:
            through.append((url, called(url)))
        except AddressRefused as refused:
            sentences.add((refused.message, refused.fix))
    assert through == []
    assert all(message and fix for message, fix in sentences)
    assert len(REFUSED) >= 25


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "168.63.129.16", "100.100.100.200", "::ffff:a9fe:a9fe", "0.1.2.3"]
)
def test_metadata_is_refused_even_where_the_host_is_allowed(address: str) -> None:
    policy = AddressPolicy(allowed={"gpu.example:8000"}, loopback=True)
    with pytest.raises(AddressRefused, match="never called"):
        called("http://gpu.example:8000/v1", policy, by(address))


def test_a_public_host_is_called_at_its_address_by_https() -> None:
    assert called("https://example.com/x", resolve=by(PUBLIC)) == [PUBLIC]
    assert called("https://EXAMPLE.com.:8443/", resolve=by(PUBLIC)) == [PUBLIC]


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(AddressRefused, match="inside this network"):
        called("https://example.com/", resolve=by(PUBLIC, "10.0.0.1"))


def test_a_private_host_is_called_where_host_and_port_are_allowed() -> None:
    policy = AddressPolicy(allowed={"gpu.example:8000"})
    assert called("http://gpu.example:8000/v1", policy, by("10.0.0.7")) == ["10.0.0.7"]
    with pytest.raises(AddressRefused, match="TLS"):
        called("http://gpu.example:8001/v1", policy, by("10.0.0.7"))
    with pytest.raises(AddressRefused, match="inside this network"):
        called("https://gpu.example/v1", policy, by("10.0.0.7"))


@pytest.mark.parametrize("url", ["http://localhost:11434/v1", "http://127.0.0.1:8000/", "http://[::1]:8000/"])
def test_loopback_is_called_where_it_is_typed_as_such(url: str) -> None:
    assert called(url, AddressPolicy(loopback=True))
    with pytest.raises(AddressRefused):
        called(url)


def test_a_name_that_leads_to_loopback_is_no_loopback() -> None:
    with pytest.raises(AddressRefused, match="inside this network"):
        called("https://rebound.example/", AddressPolicy(loopback=True), by("127.0.0.1"))


def test_a_resolver_that_fails_or_takes_too_long_is_a_sentence() -> None:
    def fails(_host: str, _port: int) -> Iterator[Any]:
        raise OSError

    with pytest.raises(AddressRefused, match="could be found"):
        called("https://example.com/", resolve=fails)
    over = threading.Event()
    with pytest.raises(AddressRefused, match="could be found"):
        look_up("example.com", 443, STRICT, resolve=lambda *_: [over.wait()], seconds=0)
    over.set()


def test_entries_of_the_list_are_hosts_with_ports() -> None:
    assert all(is_entry(each) for each in ("gpu.example:8000", "10.0.0.7:80", "[fd00::1]:443"))
    assert not any(is_entry(each) for each in ("gpu.example", "http://gpu:80", "gpu:0", "gpu:70000", "*:80", "a/b:1"))
