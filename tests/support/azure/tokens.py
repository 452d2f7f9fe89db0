"""Tokens: signed by the emulator's own key, and looked at as strictly as Azure does."""

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.support.azure.wire import AzureError

ARM = "https://management.azure.com"
ML = "https://ml.azure.com"
STORAGE = "https://storage.azure.com"
# A resource may be asked for under several names; a token carries the one it was asked for.
AUDIENCES = {
    ARM: {ARM, f"{ARM}/", "https://management.core.windows.net", "https://management.core.windows.net/"},
    ML: {ML, f"{ML}/"},
    STORAGE: {STORAGE, f"{STORAGE}/"},
}
KNOWN_RESOURCES = frozenset().union(*AUDIENCES.values())


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says: who (`oid`), which tenant, for which resource, until when."""

    oid: str
    tenant: str
    audience: str
    expires: datetime


def encoded(value: bytes | dict[str, Any]) -> str:
    """Return base64url without padding."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(part: str) -> bytes:
    """Return what a part of a token holds; raises ValueError."""
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


class Tokens:
    """Issues and verifies; the key lives as long as the cloud."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._revoked: set[str] = set()
        self.lifetime = timedelta(minutes=75)

    def issue(self, claims: dict[str, Any], now: datetime, lifetime: timedelta | None = None) -> str:
        """Sign the claims; `iat`, `nbf` and `exp` are added."""
        issued = int(now.timestamp())
        until = issued + int((lifetime or self.lifetime).total_seconds())
        times = {"iat": issued, "nbf": issued, "exp": until, "uti": secrets.token_urlsafe(12)}
        head = f"{encoded({'typ': 'JWT', 'alg': 'HS256', 'kid': 'emulator'})}.{encoded({**times, **claims})}"
        return f"{head}.{encoded(self._sign(head))}"

    def revoke(self, token: str) -> None:
        """Let a token count as expired from now on."""
        self._revoked.add(token)

    def verify(self, header: str | None, wanted: tuple[str, ...], now: datetime, tenant: str) -> Claims:
        """Return the claims of a bearer header; raises AzureError 401 in Azure's words."""
        if not header:
            raise _refused(
                "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.", tenant
            )
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            message = f"Authentication failed. The 'Authorization' header is provided in an invalid format: '{scheme}'."
            raise _refused("AuthenticationFailedInvalidHeader", message, tenant)
        body = self._body(token, tenant)
        expires = datetime.fromtimestamp(body["exp"], now.tzinfo)
        if expires <= now or token in self._revoked:
            message = (
                f"The access token expiry UTC time '{expires:%m/%d/%Y %I:%M:%S %p}' is earlier than current UTC time"
            )
            raise _refused("ExpiredAuthenticationToken", f"{message} '{now:%m/%d/%Y %I:%M:%S %p}'.", tenant)
        allowed = sorted(set().union(*(AUDIENCES[name] for name in wanted)))
        if body["aud"] not in allowed:
            message = f"The access token has been obtained for wrong audience or resource '{body['aud']}'."
            names = ",".join(f"'{name}'" for name in allowed)
            message = f"{message} It should exactly match with one of the allowed audiences {names}."
            raise _refused("InvalidAuthenticationTokenAudience", message, tenant)
        if body["tid"] != tenant:
            issuer = f"https://sts.windows.net/{body['tid']}/"
            message = f"The access token is from the wrong issuer '{issuer}'. It must match the tenant"
            message = f"{message} 'https://sts.windows.net/{tenant}/' associated with this subscription."
            raise _refused("InvalidAuthenticationTokenTenant", message, tenant)
        return Claims(body["oid"], body["tid"], body["aud"], expires)

    def claims_of(self, token: str) -> dict[str, Any] | None:
        """Return what a token of ours says, whatever its age; None if it is not ours."""
        head, _, signature = token.rpartition(".")
        try:
            if not hmac.compare_digest(decoded(signature), self._sign(head)):
                return None
            body: dict[str, Any] = json.loads(decoded(head.split(".")[1]))
        except (ValueError, IndexError):
            return None
        return body

    def _body(self, token: str, tenant: str) -> dict[str, Any]:
        body = self.claims_of(token)
        if body is None:
            raise _refused("InvalidAuthenticationToken", "The access token is invalid.", tenant)
        return body

    def _sign(self, head: str) -> bytes:
        return hmac.new(self._key, head.encode(), hashlib.sha256).digest()


def _refused(code: str, message: str, tenant: str) -> AzureError:
    challenge = f'Bearer authorization_uri="https://login.windows.net/{tenant}", error="invalid_token"'
    return AzureError(401, code, message, headers={"WWW-Authenticate": challenge})
