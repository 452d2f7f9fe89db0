"""An issuer of OpenID Connect on loopback that says what a test wants it to: for answers that no honest one gives.

It checks what is sent to it as RFC 6749 and RFC 7636 have it, so that a client that leaves something out gets nothing.
"""

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from app.kit.clock import Clock

CLIENT, SECRET = "tunedesk-client", "a secret of the client"
Claims = dict[str, Any]
Make = Callable[["Issuer", Claims], str]


@cache
def rsa_key(number: int) -> RSAKey:
    """Return a key; made once for all tests of a process (0.1 s each)."""
    return RSAKey.generate_key(2048, {"kid": f"rsa-{number}", "use": "sig", "alg": "RS256"})


@cache
def elliptic_key(number: int) -> ECKey:
    return ECKey.generate_key("P-256", {"kid": f"ec-{number}", "use": "sig", "alg": "ES256"})


def signed(issuer: "Issuer", claims: Claims) -> str:
    """Return an honest token."""
    key = issuer.keys[0]
    algorithm = "RS256" if isinstance(key, RSAKey) else "ES256"
    return jwt.encode({"alg": algorithm, "kid": key.kid}, claims, key)


@dataclass(slots=True)
class Issuer:
    """Where it is, what it signs with, and what its tokens say; `make` turns claims into a token."""

    url: str
    clock: Clock
    keys: list[RSAKey | ECKey] = field(default_factory=lambda: [rsa_key(0)])
    make: Make = signed
    about: Claims = field(default_factory=dict)  # claims besides the usual ones; None takes one away
    metadata: dict[str, object] = field(default_factory=dict)
    status: int = 200  # of the token endpoint
    asked: list[str] = field(default_factory=list)  # paths
    codes: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def answer(self, address: str, *, code: str = "") -> dict[str, str]:
        """Let the person whom the browser has brought here sign in; return what it takes back."""
        asked = dict(parse_qsl(urlsplit(address).query))
        assert address.startswith(f"{self.url}/authorize?")
        assert (asked["response_type"], asked["client_id"], asked["scope"].split()[0]) == ("code", CLIENT, "openid")
        assert asked["code_challenge_method"] == "S256"
        assert len(asked["state"]) >= 43
        assert len(asked["nonce"]) >= 43
        code = code or secrets.token_urlsafe(8)
        self.codes[code] = asked
        return {"code": code, "state": asked["state"]}

    def claims(self, nonce: str) -> Claims:
        now = int(self.clock.now().timestamp())
        usual = {"iss": self.url, "sub": "subject-1", "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce}
        return {name: value for name, value in {**usual, **self.about}.items() if value is not None}

    def described(self) -> dict[str, object]:
        ends = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        usual: dict[str, object] = {name: f"{self.url}/{end}" for name, end in ends.items()}
        return {"issuer": self.url, **usual, **self.metadata}

    def exchanged(self, sent: Mapping[str, str], authorization: str) -> tuple[int, dict[str, object]]:
        """Return status and body of what the token endpoint answers."""
        if self.status != 200:
            return self.status, {}
        asked = self.codes.pop(sent.get("code", ""), None)
        wanted = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if authorization != wanted:
            return 401, {"error": "invalid_client"}
        digest = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or asked["code_challenge"] != challenge or asked["redirect_uri"] != sent.get("redirect_uri"):
            return 400, {"error": "invalid_grant"}
        return 200, {
            "access_token": "x",
            "token_type": "Bearer",
            "id_token": self.make(self, self.claims(asked["nonce"])),
        }


def callback(given: Mapping[str, str]) -> str:
    """Return the address that a browser is sent back to."""
    return f"/sign-in/single-sign-on/callback?{urlencode(given)}"


@contextmanager
def issuing(clock: Clock) -> Iterator[Issuer]:
    """Give an issuer that listens."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            if self.path == "/keys":
                self._send(200, {"keys": [key.as_dict(private=False) for key in made.keys]})
            elif self.path == "/.well-known/openid-configuration":
                self._send(200, made.described())
            else:
                self._send(404, {})

        def do_POST(self) -> None:
            made.asked.append(self.path)
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            sent = {name: values[0] for name, values in parse_qs(body).items()}
            self._send(*made.exchanged(sent, self.headers.get("authorization", "")))

        def _send(self, status: int, answer: object) -> None:
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_given: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    made = Issuer(f"http://127.0.0.1:{server.server_port}", clock)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
