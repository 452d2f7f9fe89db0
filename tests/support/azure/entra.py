"""login.microsoftonline.com: discovery, and tokens for secrets, certificates, federated assertions and devices."""

import hashlib
import json
import secrets
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tests.support.azure.state import TENANT, Principal
from tests.support.azure.tokens import KNOWN_RESOURCES, decoded, encoded
from tests.support.azure.wire import AnyJson, Json, Reply, Request

if TYPE_CHECKING:
    from tests.support.azure.cloud import AzureCloud

_LOGIN = "https://login.microsoftonline.com"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_EXCHANGE = "api://AzureADTokenExchange"
_DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
# The public client that azure-identity signs people in with when it is given none, and the Azure CLI's.
PUBLIC_CLIENTS = {"04b07795-8ddb-461a-bbee-02f9e1bf7b46"}
_COMMON = {"common", "organizations"}


class SignInError(Exception):
    """A refusal by Entra, with its AADSTS number."""

    def __init__(self, error: str, number: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.error, self.number, self.message, self.status = error, number, message, status

    def reply(self, now: datetime) -> Reply:
        """Return the error as Entra sends it."""
        trace = str(uuid.uuid4())
        text = f"AADSTS{self.number}: {self.message} Trace ID: {trace} Timestamp: {now:%Y-%m-%d %H:%M:%SZ}"
        body: Json = {"error": self.error, "error_description": text, "error_codes": [self.number]}
        return Reply(
            self.status, {**body, "timestamp": f"{now:%Y-%m-%d %H:%M:%SZ}", "trace_id": trace, "correlation_id": trace}
        )


class Entra:
    """Answers for the sign-in host."""

    def __init__(self, cloud: "AzureCloud") -> None:
        self._cloud = cloud
        self._refresh: dict[str, tuple[str, str]] = {}

    def answer(self, request: Request) -> Reply:
        """Answer one request."""
        if request.path == "/common/discovery/instance":
            return self._instance()
        _, named, *rest = request.path.split("/")
        answers: dict[tuple[str, str], Callable[[Request, str], Reply]] = {
            ("GET", "v2.0/.well-known/openid-configuration"): self._configuration,
            ("POST", "oauth2/v2.0/token"): self._token,
            ("POST", "oauth2/v2.0/devicecode"): self._device,
        }
        answer = answers.get((request.method, "/".join(rest)))
        if answer is None:
            return Reply(404)
        try:
            return answer(request, self._tenant(named))
        except SignInError as error:
            return error.reply(self._cloud.clock.now())

    def approve(self, user_code: str, principal: str) -> None:
        """Let a person sign in with the code they were shown. For tests."""
        self._cloud.state.devices[user_code]["principal"] = principal

    def refuse(self, user_code: str) -> None:
        """Let a person decline. For tests."""
        self._cloud.state.devices[user_code]["declined"] = True

    def _tenant(self, name: str) -> str:
        if name != TENANT and name not in _COMMON:
            message = f"Tenant '{name}' not found. Check to make sure you have the correct tenant ID."
            raise SignInError("invalid_request", 90_002, message)
        return name

    def _instance(self) -> Reply:
        aliases = ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"]
        names = {"preferred_network": aliases[0], "preferred_cache": "login.windows.net", "aliases": aliases}
        found = f"{_LOGIN}/{TENANT}/v2.0/.well-known/openid-configuration"
        return Reply(200, {"tenant_discovery_endpoint": found, "api-version": "1.1", "metadata": [names]})

    def _configuration(self, _: Request, tenant: str) -> Reply:
        base = f"{_LOGIN}/{tenant}"
        body = {
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "issuer": f"{_LOGIN}/{TENANT}/v2.0",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        }
        return Reply(200, body)

    def _token(self, request: Request, tenant: str) -> Reply:
        form = request.form()
        grant = form.get("grant_type")
        if grant == "client_credentials":
            if tenant in _COMMON:
                raise SignInError("invalid_request", 50_059, "No tenant-identifying information found in the request.")
            principal = self._application(form)
            return self._issue(principal, _audience(form), form)
        if grant in {"device_code", _DEVICE}:
            return self._by_device(form)
        if grant == "refresh_token":
            oid, _ = self._refresh.get(form.get("refresh_token", ""), ("", ""))
            if not oid:
                raise SignInError("invalid_grant", 70_000, "The provided value for the 'refresh_token' is not valid.")
            return self._issue(self._cloud.state.principals[oid], _audience(form), form, signed_in=True)
        raise SignInError("unsupported_grant_type", 70_003, f"The app requested an unsupported grant type '{grant}'.")

    def _application(self, form: dict[str, str]) -> Principal:
        client = form.get("client_id", "")
        for principal in self._cloud.state.principals.values():
            if principal.app_id == client and principal.kind == "ServicePrincipal":
                break
        else:
            message = f"Application with identifier '{client}' was not found in the directory."
            raise SignInError("unauthorized_client", 700_016, message)
        if "client_assertion" in form:
            self._assertion(principal, form)
        elif form.get("client_secret") not in principal.secrets:
            message = "Invalid client secret provided. Ensure the secret being sent in the request is the client secret"
            message = f"{message} value, not the client secret ID, for a secret added to app '{client}'."
            raise SignInError("invalid_client", 7_000_215, message, 401)
        return principal

    def _assertion(self, principal: Principal, form: dict[str, str]) -> None:
        if form.get("client_assertion_type") != _ASSERTION:
            raise SignInError("invalid_request", 900_144, "The 'client_assertion_type' is missing or unknown.")
        try:
            head, claims, signed, signature = _taken_apart(form["client_assertion"])
        except (ValueError, KeyError):
            raise SignInError("invalid_request", 50_027, "JWT token is invalid or malformed.") from None
        if claims.get("exp", 0) <= self._cloud.clock.now().timestamp():
            message = "Client assertion is not within its valid time range. Current time is later than its expiry."
            raise SignInError("invalid_client", 700_024, message, 401)
        if claims.get("aud") == _EXCHANGE:
            key = next(
                (
                    k
                    for issuer, subject, k in principal.federations
                    if (issuer, subject) == (claims.get("iss"), claims.get("sub"))
                ),
                None,
            )
            number, what = (
                700_213,
                f"No matching federated identity record found for presented assertion subject '{claims.get('sub')}'.",
            )
        else:
            thumbprint = str(head.get("x5t#S256") or head.get("x5t") or "").rstrip("=")
            key = principal.certificates.get(thumbprint)
            number, what = (
                700_027,
                "The certificate with identifier used to sign the client assertion is not registered on application.",
            )
            if not str(claims.get("aud", "")).startswith(f"{_LOGIN}/"):
                raise SignInError("invalid_client", 50_027, "The assertion's audience is not this token endpoint.", 401)
        if key is None or not _genuine(key, head.get("alg", ""), signature, signed):
            raise SignInError("invalid_client", number, what, 401)

    def _device(self, request: Request, _: str) -> Reply:
        form = request.form()
        client = form.get("client_id", "")
        apps = {principal.app_id for principal in self._cloud.state.principals.values()}
        if client not in apps | PUBLIC_CLIENTS:
            raise SignInError("unauthorized_client", 700_016, f"Application with identifier '{client}' was not found.")
        user, device = secrets.token_hex(4).upper(), secrets.token_urlsafe(32)
        until = self._cloud.clock.now() + timedelta(minutes=15)
        self._cloud.state.devices[user] = {"device": device, "until": until, "scope": form.get("scope", "")}
        page = "https://microsoft.com/devicelogin"
        message = f"To sign in, use a web browser to open the page {page} and enter the code {user} to authenticate."
        interval = max(1, int(self._cloud.state.pace.retry_after))
        body: Json = {"user_code": user, "device_code": device, "verification_uri": page, "expires_in": 900}
        return Reply(200, {**body, "interval": interval, "message": message})

    def _by_device(self, form: dict[str, str]) -> Reply:
        wanted = form.get("device_code")
        found = next((one for one in self._cloud.state.devices.values() if one["device"] == wanted), None)
        if found is None:
            raise SignInError("bad_verification_code", 70_000, "The device code is not known.")
        if found.get("declined"):
            raise SignInError("authorization_declined", 70_044, "The end user denied the authorization request.")
        if found["until"] <= self._cloud.clock.now():
            raise SignInError("expired_token", 70_020, "The provided value for the 'device_code' has expired.")
        if "principal" not in found:
            raise SignInError("authorization_pending", 70_016, "OAuth 2.0 device flow error. Authorization is pending.")
        principal = self._cloud.state.principals[found["principal"]]
        return self._issue(principal, _audience({"scope": found["scope"]}), form, signed_in=True)

    def _issue(self, principal: Principal, audience: str, form: dict[str, str], *, signed_in: bool = False) -> Reply:
        now = self._cloud.clock.now()
        token = self._cloud.token_for(principal, audience)
        lifetime = int(self._cloud.tokens.lifetime.total_seconds())
        body: Json = {"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token}
        if signed_in:
            refresh = secrets.token_urlsafe(48)
            self._refresh[refresh] = (principal.oid, form.get("client_id", ""))
            body["refresh_token"] = refresh
            body["scope"] = f"{audience.rstrip('/')}/user_impersonation {audience.rstrip('/')}/.default"
            body["client_info"] = encoded({"uid": principal.oid, "utid": TENANT})
            body["id_token"] = self._identity(principal, form.get("client_id", ""), now)
        return Reply(200, body)

    def _identity(self, principal: Principal, client: str, now: datetime) -> str:
        claims = {
            "aud": client,
            "iss": f"{_LOGIN}/{TENANT}/v2.0",
            "sub": principal.oid,
            "oid": principal.oid,
            "tid": TENANT,
        }
        claims |= {"preferred_username": f"{principal.name}@example.com", "name": principal.name, "ver": "2.0"}
        # A client checks this one against the machine's clock, which may be ahead of the cloud's.
        real = max(now, self._cloud.real_now())
        return self._cloud.tokens.issue(claims, real)


def _audience(form: dict[str, str]) -> str:
    """Return the resource of the first scope; raises SignInError where it is none of Azure's."""
    scopes = [
        scope for scope in form.get("scope", "").split() if scope.endswith("/.default") or scope.startswith("https://")
    ]
    resource = scopes[0].removesuffix(".default").removesuffix("/") if scopes else ""
    if resource not in KNOWN_RESOURCES and f"{resource}/" not in KNOWN_RESOURCES:
        message = f"The resource principal named {resource or 'nothing'} was not found in the tenant."
        raise SignInError("invalid_resource", 500_011, message)
    return resource


def _taken_apart(token: str) -> tuple[Json, Json, bytes, bytes]:
    head, claims, signature = token.split(".")
    return json.loads(decoded(head)), json.loads(decoded(claims)), f"{head}.{claims}".encode(), decoded(signature)


def _genuine(key: AnyJson, algorithm: str, signature: bytes, signed: bytes) -> bool:
    digest = hashes.SHA256()
    try:
        if isinstance(key, rsa.RSAPublicKey) and algorithm == "RS256":
            key.verify(signature, signed, padding.PKCS1v15(), digest)
        elif isinstance(key, rsa.RSAPublicKey) and algorithm == "PS256":
            key.verify(signature, signed, padding.PSS(padding.MGF1(digest), padding.PSS.DIGEST_LENGTH), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm == "ES256":
            half = len(signature) // 2
            numbers = int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
            key.verify(encode_dss_signature(*numbers), signed, ec.ECDSA(digest))
        else:
            return False
    except InvalidSignature:
        return False
    return True


def thumbprint(der: bytes, *, sha1: bool = False) -> str:
    """Return a certificate's thumbprint as an assertion's header names it."""
    digest = hashlib.sha1(der, usedforsecurity=False) if sha1 else hashlib.sha256(der)
    return encoded(digest.digest())
