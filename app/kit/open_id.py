"""OpenID Connect as a client speaks it: authorization code with PKCE, against one issuer that was named beforehand.

Sources: OpenID Connect Core 1.0 (3.1.2, 3.1.3.7) and Discovery 1.0, RFC 6749, RFC 7636 (PKCE), RFC 9207 (the issuer in
the answer), RFC 8725 (algorithms are ours to choose, never the token's). authlib and joserfc read and check; every call
goes through the checked client. Both are loaded when somebody signs in this way, and not before.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from app.kit.addresses import AddressRefused
from app.kit.clock import Clock
from app.kit.outgoing import Outgoing

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

ALGORITHMS = ("RS256", "PS256", "ES256")  # signatures with a public key alone: no `none`, nothing with a shared secret
LEEWAY_S = 60  # how far the issuer's clock may be from ours
SCOPES = "openid profile email"
_CALL_S = 10.0
_MOST_BYTES = 1 << 20
_KEPT_S = 3600.0  # a key that was withdrawn is believed no longer than that
_FAILED_S = 5.0  # an issuer that did not answer is left alone for so long
_AT_ONCE = 4  # whoever waits for the issuer holds one of the threads that make everybody's pages
_LONGEST_SUBJECT = 255  # characters, Core 1.0, section 2
_SHORTEST_RSA = 2048  # bits, RFC 7518, 3.3
_OK, _BAD_REQUEST, _UNAUTHORIZED = 200, 400, 401
_FORM = "application/x-www-form-urlencoded"


class OpenIdError(Exception):
    """Nobody can be signed in; `reason` is for the log."""

    def __init__(self, message: str, *, fix: str, reason: str = "") -> None:
        super().__init__(message)
        self.message, self.fix, self.reason = message, fix, reason or message


class AnswerRejected(OpenIdError):
    """What came back proves nothing: it is forged, used, expired, or meant for somebody else."""

    def __init__(self, reason: str) -> None:
        message = "The answer of single sign-on could not be verified, so nobody was signed in."
        super().__init__(message, fix="Start signing in again from here.", reason=reason)


class IssuerFailed(OpenIdError):
    """The issuer cannot be reached, or does not speak as OpenID Connect has it."""

    def __init__(self, reason: str) -> None:
        message = f"Single sign-on is not working just now: {reason}"
        super().__init__(message, fix="Try again in a minute, or sign in with a name and a password.", reason=reason)


class IssuerBusy(OpenIdError):
    """So many are signing in that this one has to come again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """What the issuer knows us as. Without a secret it is a public client, which PKCE is enough for."""

    issuer: str
    client_id: str
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One sign-in under way: all random, and known to the browser that began it alone."""

    state: str
    nonce: str
    verifier: str
    redirect: str  # our own address, to which the browser comes back


class OpenIdProvider:
    """One issuer. What it says of itself and its keys are kept for an hour; a key that is unknown is asked for once."""

    def __init__(self, client: Client, outgoing: Outgoing, clock: Clock) -> None:
        self.client = client
        self._outgoing, self._clock = outgoing, clock
        self._slots, self._lock = BoundedSemaphore(_AT_ONCE), Lock()
        self._metadata: tuple[float, Mapping[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None
        self._failed: tuple[float, IssuerFailed] | None = None

    def authorization_address(self, request: Request) -> str:
        """Return where the browser is sent to.

        Raises:
            IssuerFailed, IssuerBusy
        """
        from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        address: str = prepare_grant_uri(
            self._endpoint("authorization_endpoint"),
            client_id=self.client.client_id,
            response_type="code",
            redirect_uri=request.redirect,
            scope=SCOPES,
            state=request.state,
            nonce=request.nonce,
            code_challenge=create_s256_code_challenge(request.verifier),
            code_challenge_method="S256",
        )
        return address

    def check_issuer(self, said: str) -> None:
        """Refuse an answer that names another issuer, or none where this one always names itself (RFC 9207).

        Raises:
            AnswerRejected, IssuerFailed, IssuerBusy
        """
        names_itself = self._described().get("authorization_response_iss_parameter_supported") is True
        if (said or names_itself) and said != self.client.issuer:
            raise AnswerRejected("the answer names another issuer")

    def claims(self, code: str, request: Request) -> Mapping[str, Any]:
        """Exchange a code, and return what the ID token says, once all of it is checked.

        Raises:
            AnswerRejected, IssuerFailed, IssuerBusy
        """
        answer = self._exchanged(code, request)
        token, access = answer.get("id_token"), answer.get("access_token")
        if not isinstance(token, str) or not token.isascii():
            raise AnswerRejected("there is no ID token in the answer")
        header, claims = self._verified(token)
        _check(claims, header, self.client, request.nonce, access, int(self._clock.now().timestamp()))
        return claims

    def sign_out_address(self, back: str) -> str | None:
        """Return where a browser is signed out of the issuer, too; None where it has no such address.

        Raises:
            IssuerFailed, IssuerBusy
        """
        from authlib.common.urls import add_params_to_uri

        if not self._described().get("end_session_endpoint"):
            return None
        given = [("client_id", self.client.client_id), ("post_logout_redirect_uri", back)]
        address: str = add_params_to_uri(self._endpoint("end_session_endpoint"), given)
        return address

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _described(self) -> Mapping[str, Any]:
        """Return what the issuer says of itself."""
        if not self._lock.acquire(timeout=_CALL_S):
            raise _busy()
        try:
            now = self._now()
            if self._failed is not None and now - self._failed[0] < _FAILED_S:
                raise self._failed[1]
            if self._metadata is None or now - self._metadata[0] >= _KEPT_S:
                try:
                    self._metadata = (now, self._discovered())
                except IssuerFailed as failed:
                    self._failed = (now, failed)
                    raise
            return self._metadata[1]
        finally:
            self._lock.release()

    def _discovered(self) -> Mapping[str, Any]:
        found = self._asked(self.client.issuer.rstrip("/") + "/.well-known/openid-configuration")
        if found.get("issuer") != self.client.issuer:
            raise IssuerFailed(f"what answers there calls itself another issuer than {self.client.issuer}.")
        return found

    def _endpoint(self, name: str) -> str:
        address = self._described().get(name)
        if not isinstance(address, str):
            raise IssuerFailed(f"the issuer names no {name}.")
        try:
            self._outgoing.check(address)
        except AddressRefused as refused:
            raise IssuerFailed(refused.message) from None
        return address

    def _key_set(self, *, fresh: bool = False) -> "KeySet":
        kept = self._keys
        if kept is None or fresh or self._now() - kept[0] >= _KEPT_S:
            self._keys = kept = (self._now(), _usable(self._asked(self._endpoint("jwks_uri"))))
        return kept[1]

    def _verified(self, token: str) -> tuple[Mapping[str, Any], dict[str, Any]]:
        """Return header and claims of a token that one of the issuer's keys has signed."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from joserfc import jwt
        from joserfc.errors import InvalidKeyIdError, JoseError

        try:
            try:
                read = jwt.decode(token, self._key_set(), algorithms=ALGORITHMS)
            except InvalidKeyIdError:  # keys are changed now and then
                read = jwt.decode(token, self._key_set(fresh=True), algorithms=ALGORITHMS)
        except (JoseError, UnsupportedAlgorithm, ValueError, TypeError, KeyError, RecursionError) as error:
            raise AnswerRejected(f"the ID token's signature: {type(error).__name__}") from None
        return read.header, read.claims

    def _exchanged(self, code: str, request: Request) -> Mapping[str, Any]:
        from authlib.oauth2.auth import ClientAuth
        from authlib.oauth2.rfc6749.parameters import prepare_token_request

        body = prepare_token_request(
            "authorization_code", code=code, redirect_uri=request.redirect, code_verifier=request.verifier
        )
        auth = ClientAuth(self.client.client_id, self.client.secret, self._auth_method())
        address = self._endpoint("token_endpoint")
        address, headers, body = auth.prepare("POST", address, {"content-type": _FORM}, body)
        return self._asked(address, body=body, headers=headers)

    def _auth_method(self) -> str:
        if not self.client.secret:
            return "none"
        offered = self._described().get("token_endpoint_auth_methods_supported") or ()
        return "client_secret_post" if "client_secret_post" in offered else "client_secret_basic"

    def _asked(self, address: str, *, body: str = "", headers: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        """Return the JSON object at an address; `body` is posted, which only the exchange of a code does."""
        import httpx2

        if not self._slots.acquire(timeout=_CALL_S if not body else 0.0):
            raise _busy()
        try:
            with self._outgoing.client(seconds=_CALL_S, read_s=_CALL_S, most_bytes=_MOST_BYTES) as client:
                sent = {"accept": "application/json", **(headers or {})}
                method = "POST" if body else "GET"
                answer = client.request(method, address, content=body.encode() or None, headers=sent)
                return _object(answer.status_code, answer, exchange=bool(body))
        except AddressRefused as refused:
            raise IssuerFailed(refused.message) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            host = urlsplit(address).hostname
            raise IssuerFailed(f"{host} could not be asked ({type(error).__name__}).") from None
        finally:
            self._slots.release()


def _object(status: int, answer: Any, *, exchange: bool) -> Mapping[str, Any]:  # noqa: ANN401 -- httpx2 is loaded late
    try:
        found = answer.json()
    except (ValueError, RecursionError):
        found = None
    if exchange and status in {_BAD_REQUEST, _UNAUTHORIZED} and isinstance(found, dict):
        word = "".join(each for each in str(found.get("error", "")) if each.isascii() and each.isidentifier())[:40]
        if word in {"invalid_client", "unauthorized_client"}:
            raise IssuerFailed("the issuer does not accept TuneDesk's client id or its secret.")
        raise AnswerRejected(f"the code was refused: {word}")
    if status != _OK or not isinstance(found, dict):
        raise IssuerFailed(f"the issuer answered {status}, without what was asked for.")
    return found


def _usable(found: Mapping[str, Any]) -> "KeySet":
    """Return the keys with which something may be signed; of others, a shared secret above all, nothing is read."""
    from joserfc.errors import JoseError
    from joserfc.jwk import JWKRegistry, KeySet, RSAKey

    usable, listed = [], found.get("keys")
    for each in listed if isinstance(listed, list) else ():
        if not isinstance(each, dict) or each.get("kty") not in {"RSA", "EC"} or each.get("use", "sig") != "sig":
            continue
        public = {name: each[name] for name in ("kty", "kid", "alg", "n", "e", "crv", "x", "y") if name in each}
        try:
            key = JWKRegistry.import_key(public)
            if not isinstance(key, RSAKey) or key.raw_value.key_size >= _SHORTEST_RSA:
                usable.append(key)
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    if not usable:
        raise IssuerFailed("the issuer names no key that could have signed anything.")
    return KeySet(usable)


def _check(
    claims: dict[str, Any],
    header: Mapping[str, Any],
    client: Client,
    nonce: str,
    access: object,
    now: int,
) -> None:
    """Return if a token with these claims is for us, now, and for the browser that asked (Core 1.0, 3.1.3.7)."""
    from authlib.oidc.core import CodeIDToken
    from joserfc.errors import JoseError

    options = {
        "iss": {"essential": True, "value": client.issuer},
        "aud": {"essential": True, "value": client.client_id},
        "sub": {"essential": True},
        "nonce": {"essential": True, "value": nonce},
    }
    known = {"nonce": nonce, "client_id": client.client_id, "access_token": access}
    try:
        CodeIDToken(claims, header, options, known).validate(now=now, leeway=LEEWAY_S)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise AnswerRejected(f"the ID token's claims: {type(error).__name__} {str(error)[:80]}") from None
    subject = claims["sub"]
    good = len(subject) <= _LONGEST_SUBJECT and subject.isascii() and subject.isprintable() and subject.strip()
    if not good or not isinstance(claims["nonce"], str):
        raise AnswerRejected("the ID token's subject or nonce has a form that none has")


def _busy() -> IssuerBusy:
    return IssuerBusy("Too many people are signing in right now.", fix="Wait a few seconds, then try again.")
