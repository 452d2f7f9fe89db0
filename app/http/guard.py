"""The outermost door: who may knock at all, how much they may bring, and what every answer carries.

Three things are refused before any route is looked for:
  - a Host that is not ours: the only defence against DNS rebinding, as a rebound page is same-origin;
  - a change asked for by another site's page (cross-site request forgery), told by `Sec-Fetch-Site`, which browsers
    send to trustworthy origins, and by `Origin` elsewhere; programs send neither and bring no cookie;
  - a body of more bytes than the route takes.
"""

import logging
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.openai_errors import VERSION as OPENAI_VERSION
from app.http.openai_errors import openai_error, speaks_openai
from app.http.plain_page import plain_page
from app.http.problems import MEDIA_TYPE, ProblemDocument
from app.kit.log_context import about, note
from app.kit.logs import ACCESS
from app.kit.request_ids import REQUEST_ID
from app.kit.request_stats import RequestStats

MIB = 1 << 20
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
STATIC_PREFIX = "/static/"
JSON_PREFIXES = ("/api/", "/v1/", "/healthz/")
JSON_PATHS = frozenset({"/api", "/v1", "/healthz", "/metrics", "/openapi.json"})

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
)
SECURITY_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
    (b"x-frame-options", b"DENY"),
)
# Two of one of these, and two parts of the chain may each believe another one.
_SINGLE = frozenset(
    {b"host", b"origin", b"sec-fetch-site", b"authorization", b"content-type", b"content-length", b"idempotency-key"}
)
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?")
_TOO_LARGE = "This address takes at most {limit:,} bytes."
_access = logging.getLogger(ACCESS)
_POLICY_VIOLATION = 1008  # RFC 6455, section 7.4.1


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardPolicy:
    """What the guard lets through: host names without port (IPv6 in brackets), origins, and bytes of a body.

    `by_tls`: pages come by TLS alone, so no cookie is for anything else.
    `uploads` are the (method, path) pairs that take `upload_bytes` instead of `body_bytes`: a path that ends in a slash
    with all right below it, and one whose last step but one is `*` with whatever stands there.
    """

    hosts: frozenset[str]
    trusted_origins: frozenset[str] = frozenset()
    by_tls: bool = False
    body_bytes: int = MIB
    upload_bytes: int = 5 * 1024 * MIB
    uploads: frozenset[tuple[str, str]] = field(
        default_factory=lambda: frozenset(
            {
                ("PUT", "/api/v1/datasets"),
                ("POST", "/datasets"),
                ("PATCH", "/api/v1/uploads/"),
                ("POST", "/v1/files"),
                ("POST", "/v1/uploads/*/parts"),
            }
        )
    )

    def limit(self, method: str, path: str) -> int:
        """Return how many bytes a request may bring."""
        above, _, last = path.rpartition("/")
        known = {(method, path), (method, f"{above}/"), (method, f"{above.rpartition('/')[0]}/*/{last}")}
        return self.body_bytes if known.isdisjoint(self.uploads) else self.upload_bytes


@dataclass(frozen=True, slots=True)
class _Refusal:
    status: int
    kind: str
    title: str
    detail: str
    fix: str


_DUPLICATE = _Refusal(
    400, "duplicate-header", "Ambiguous request", "A header that may stand once stands twice.", "Send each header once."
)
_BAD_LENGTH = _Refusal(
    400, "content-length", "Ambiguous request", "The Content-Length is not a number.", "Send the body's size in bytes."
)
_WRONG_HOST = _Refusal(
    421,
    "wrong-host",
    "Wrong address",
    "This server does not answer under the name in the request's Host header.",
    "Use the address that TuneDesk printed when it started, or allow this name with TUNEDESK_ALLOWED_HOSTS.",
)
_CROSS_SITE = _Refusal(
    403,
    "cross-site",
    "Refused: it comes from another site",
    "A page of another site asked TuneDesk to change something; nothing was changed.",
    "Do it on TuneDesk's own pages. Programs leave the headers Origin, Sec-Fetch-Site and Cookie out.",
)


class Guard:
    """The ASGI application around the whole application, error pages included."""

    def __init__(self, app: ASGIApp, policy: GuardPolicy, stats: RequestStats | None = None) -> None:
        self.app = app
        self.policy = policy
        self.stats = stats or RequestStats()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or hand on with a request id, a bounded body and complete answers."""
        if scope["type"] == "websocket":  # there is none; a route must not open one unguarded by accident
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = f"req_{secrets.token_hex(10)}"
        scope.setdefault("state", {})["request_id"] = request_id
        complete = _completed(scope, request_id, send, by_tls=self.policy.by_tls)
        limit = self.policy.limit(scope["method"], scope["path"])
        refusal = self._refusal(scope, limit)
        if refusal is not None:
            await _refuse(scope, refusal, request_id, complete)
            return
        here = REQUEST_ID.set(request_id)
        try:
            with about():
                note(peer=(scope.get("client") or ("",))[0])
                await _noted(self.app, self.stats, scope, _bounded(receive, limit), complete)
        finally:
            REQUEST_ID.reset(here)

    def _refusal(self, scope: Scope, limit: int) -> _Refusal | None:
        headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in headers and name in _SINGLE:
                return _DUPLICATE
            headers[name] = value
        host = headers.get(b"host", b"").decode("latin-1").lower()
        match = _HOST.fullmatch(host)
        if match is None or match[1] not in self.policy.hosts:
            return _WRONG_HOST
        if scope["method"] not in SAFE_METHODS and self._is_cross_site(headers, host):
            return _CROSS_SITE
        return _body_refusal(headers.get(b"content-length"), limit)

    def _is_cross_site(self, headers: Mapping[bytes, bytes], host: str) -> bool:
        has_cookie = b"cookie" in headers
        if b"authorization" in headers and not has_cookie:
            return False  # a browser lets no other site set this header; a token is no ambient authority
        origin = headers.get(b"origin", b"").decode("latin-1")
        if origin in self.policy.trusted_origins:
            return False
        fetch_site = headers.get(b"sec-fetch-site")
        if fetch_site is not None:
            return fetch_site not in {b"same-origin", b"none"}
        if origin:
            return _netloc(origin) != host
        return has_cookie  # browsers that send cookies send one of the two headers with every change


async def _noted(app: ASGIApp, stats: RequestStats, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer, count the answer, and write a line about it where such lines are wanted."""
    begun, status = perf_counter(), 0

    async def seen(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        await send(message)

    try:
        await app(scope, receive, seen)
    finally:
        took = perf_counter() - begun
        route = getattr(scope.get("route"), "path", "")
        stats.count(scope["method"] if scope["method"] in _METHODS else "OTHER", route, status, took)
        if _access.isEnabledFor(logging.INFO):
            _write_line(scope, status, took)


def _write_line(scope: Scope, status: int, took: float) -> None:
    """Write a line about an answer, without the query: it may hold anything."""
    fields = {"method": scope["method"], "path": scope["path"], "status": status}
    fields["milliseconds"] = round(took * 1000, 1)
    _access.info("%s %s %d", scope["method"], scope["path"], status, extra={"fields": fields})


def wants_json(path: str) -> bool:
    """Tell whether an address belongs to programs rather than to people."""
    return path in JSON_PATHS or path.startswith(JSON_PREFIXES)


def _netloc(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:  # "http://[" and the like
        return None


def _body_refusal(declared: bytes | None, limit: int) -> _Refusal | None:
    if declared is None:
        return None
    if not declared.isdigit():
        return _BAD_LENGTH
    if len(declared) > len(str(limit)) or int(declared) > limit:
        return _Refusal(
            413, "too-large", "Too large", _TOO_LARGE.format(limit=limit), "Send less, or have the limit raised."
        )
    return None


def _bounded(receive: Receive, limit: int) -> Receive:
    """Count what comes in, whatever was declared."""
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise HTTPException(413, _TOO_LARGE.format(limit=limit))
        return message

    return bounded


def _completed(scope: Scope, request_id: str, send: Send, *, by_tls: bool) -> Send:
    """Add the headers that every answer carries and that the route has not set itself; cookies may be for TLS alone."""
    caching = _caching(scope["path"], scope["query_string"])
    began = time.perf_counter()
    openai = speaks_openai(scope["path"])
    always: Sequence[tuple[bytes, bytes]] = (
        *SECURITY_HEADERS,
        (b"cache-control", caching),
        (b"x-request-id", request_id.encode()),
    )

    async def complete(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = list(message.get("headers", ()))
            present = {name.lower() for name, _ in own}
            if by_tls and b"set-cookie" in present:
                own = [(name, _for_tls(value) if name.lower() == b"set-cookie" else value) for name, value in own]
            if openai:
                took = round((time.perf_counter() - began) * 1000)
                own += [(b"openai-version", OPENAI_VERSION.encode()), (b"openai-processing-ms", str(took).encode())]
            message = {**message, "headers": [*own, *(pair for pair in always if pair[0] not in present)]}
        await send(message)

    return complete


def _for_tls(cookie: bytes) -> bytes:
    """Return a cookie that browsers send by TLS alone (ASVS 5.0, V3.3.1)."""
    return cookie if b"; secure" in cookie.lower() else cookie + b"; Secure"


def _caching(path: str, query: bytes) -> bytes:
    if not path.startswith(STATIC_PREFIX):
        return b"no-store"
    # `?v=` names the content, so it never changes; the rest is asked for again and answered 304.
    return b"public, max-age=31536000, immutable" if query.startswith(b"v=") else b"no-cache"


async def _refuse(scope: Scope, refusal: _Refusal, request_id: str, send: Send) -> None:
    problem = ProblemDocument(
        status=refusal.status,
        kind=refusal.kind,
        title=refusal.title,
        detail=refusal.detail,
        fix=refusal.fix,
        request_id=request_id,
    )
    named: Mapping[str, str]
    if speaks_openai(scope["path"]):
        error = openai_error(problem)
        body, named = error.as_json(), error.all_headers
    elif wants_json(scope["path"]):
        body, named = problem.as_json(), {"content-type": MEDIA_TYPE}
    else:
        body, named = plain_page(problem), {"content-type": "text/html; charset=utf-8"}
    pairs = {**named, "content-length": str(len(body))}.items()
    headers = [(name.encode(), value.encode()) for name, value in pairs]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
