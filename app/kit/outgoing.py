"""The one way to call an address that a person chose: it connects to what it has checked, and goes no further."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.kit.addresses import Address, AddressPolicy, Resolve, take_apart

if TYPE_CHECKING:
    import httpx2

MOST_BYTES = 64 << 20
CONNECT_S = 10.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Makes clients that go where the policy lets them. `ca_file`: certificates to trust besides the public ones."""

    policy: AddressPolicy
    ca_file: Path | None = None
    resolve: Resolve | None = None

    def check(self, url: str) -> Address:
        """Return the parts of an address whose form may be called; nothing is looked up.

        Raises:
            AddressRefused: it may not.
        """
        return take_apart(url, self.policy)

    def client(self, *, seconds: float, read_s: float = 60.0, most_bytes: int = MOST_BYTES) -> "httpx2.Client":
        """Return a client whose every call ends after `seconds`, the answer's body included.

        It follows no redirect and knows no proxy, answers are at most `most_bytes` long, and an address is looked up
        once for each connection, which leads to the very address that was checked.

        Calls raise:
            AddressRefused: nothing was sent.
            httpx2.TimeoutException: it was not over in time; `read_s` is how long the other side may be silent.
            checked_transport.AnswerRefused: too long, or packed (an `httpx2.RequestError`).

        Raises:
            OSError: the file of certificates cannot be read.
        """
        import httpx2

        from app.kit.checked_transport import CheckedTransport

        return httpx2.Client(
            transport=CheckedTransport(self, seconds=seconds, most_bytes=most_bytes),
            timeout=httpx2.Timeout(read_s, connect=CONNECT_S),
            headers={"accept-encoding": "identity"},
            follow_redirects=False,
            trust_env=False,
        )

    def certificates(self) -> ssl.SSLContext:
        """Return whom to trust: certifi's list, and the file."""
        import certifi

        context = ssl.create_default_context(cafile=certifi.where())
        if self.ca_file is not None:
            context.load_verify_locations(self.ca_file)
        return context
