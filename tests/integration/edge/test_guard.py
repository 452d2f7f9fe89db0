import itertools

import orjson
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.http.guard import SECURITY_HEADERS, Guard, GuardPolicy
from tests.support.asgi import Headers, Reply, ask

HOSTS = frozenset({"dash.corp", "localhost", "127.0.0.1", "[::1]"})
POLICY = GuardPolicy(hosts=HOSTS, body_bytes=1000, upload_bytes=5000)


async def fine(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that answers 200 to everything."""
    await PlainTextResponse("ok")(scope, receive, send)


def guarded(app: ASGIApp = fine) -> Guard:
    return Guard(app, POLICY)


def assert_complete(reply: Reply) -> None:
    for name, value in SECURITY_HEADERS:
        assert reply.headers[name.decode()] == value.decode()
    assert "unsafe" not in reply.headers["content-security-policy"]
    assert reply.headers["x-request-id"].startswith("req_")
    assert "cache-control" in reply.headers


METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
FETCH_SITES = [None, "same-origin", "same-site", "cross-site", "none"]
ORIGINS = [None, "http://dash.corp", "http://evil.test", "null", "http://dash.corp.evil.test", "http://dash.corp:81"]
MATRIX = list(itertools.product(METHODS, FETCH_SITES, ORIGINS, [False, True], [False, True]))


def test_cross_site_changes_are_refused_in_all_600_combinations() -> None:
    wrong = []
    for method, fetch_site, origin, cookie, token in MATRIX:
        headers = [("host", "dash.corp")]
        headers += [("sec-fetch-site", fetch_site)] if fetch_site else []
        headers += [("origin", origin)] if origin else []
        headers += [("cookie", "s=1")] if cookie else []
        headers += [("authorization", "Bearer x")] if token else []
        if method == "GET" or (token and not cookie):
            expected = True
        elif fetch_site:
            expected = fetch_site in {"same-origin", "none"}
        else:
            expected = origin == "http://dash.corp" if origin else not cookie
        reply = ask(guarded(), method, "/", headers)
        assert_complete(reply)
        if reply.status != (200 if expected else 403):
            wrong.append((method, fetch_site, origin, cookie, token, reply.status))
    assert len(MATRIX) == 600
    assert wrong == []


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.test", 421),
        ("dash.corp.evil.test", 421),
        ("127.0.0.1:8000", 200),
        ("localhost", 200),
        ("DASH.corp", 200),
        ("", 421),
        ("dash.corp@evil", 421),
        ("[::1]:8000", 200),
        ("[::1]", 200),
        ("[::2]", 421),
        ("localhost.evil", 421),
        ("localhost:80:80", 421),
        ("localhost:evil", 421),
        ("localhost.", 421),
        ("127.0.0.1 evil", 421),
        ("xn--lcalhost-53a", 421),
    ],
)
@pytest.mark.parametrize("target", ["/", "/static/app.css", "/healthz", "/api/v1/jobs"])
def test_only_our_own_names_are_answered(host: str, status: int, target: str) -> None:
    reply = ask(guarded(), "GET", target, [("host", host)])
    assert reply.status == status
    assert_complete(reply)


def test_a_request_without_a_host_is_refused() -> None:
    assert ask(guarded(), "GET", "/", []).status == 421


@pytest.mark.parametrize(
    "name", ["host", "origin", "sec-fetch-site", "authorization", "content-type", "idempotency-key"]
)
def test_a_header_that_may_stand_once_must_not_stand_twice(name: str) -> None:
    headers: Headers = [("host", "localhost"), ("origin", "http://localhost"), (name, "localhost"), (name, "localhost")]
    reply = ask(guarded(), "POST", "/api/v1/jobs", headers)
    assert reply.status == 400
    assert orjson.loads(reply.body)["type"] == "urn:tunedesk:problem:duplicate-header"


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "null", "http://"])
def test_an_origin_that_is_no_address_is_another_site(origin: str) -> None:
    assert ask(guarded(), "POST", "/", [("host", "localhost"), ("origin", origin)]).status == 403


def test_a_trusted_origin_may_change_things() -> None:
    app = Guard(fine, GuardPolicy(hosts=HOSTS, trusted_origins=frozenset({"https://portal.corp"})))
    headers = [("host", "dash.corp"), ("origin", "https://portal.corp"), ("sec-fetch-site", "cross-site")]
    assert ask(app, "POST", "/", headers).status == 200


def test_every_websocket_is_closed() -> None:
    async def accepts(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})

    reply = ask(guarded(accepts), "GET", "/", [("host", "localhost")], kind="websocket")
    assert b"websocket.close" in reply.body


def test_refusals_speak_json_to_programs_and_html_to_people() -> None:
    program = ask(guarded(), "GET", "/api/v1/jobs", [("host", "evil.test")])
    assert program.headers["content-type"] == "application/problem+json"
    problem = orjson.loads(program.body)
    assert problem["status"] == 421
    assert problem["detail"].endswith(".")
    assert problem["fix"].endswith(".")
    assert problem["instance"] == f"urn:tunedesk:request:{program.headers['x-request-id']}"
    person = ask(guarded(), "GET", "/jobs", [("host", "evil.test")])
    assert person.headers["content-type"] == "text/html; charset=utf-8"
    assert b"<h1>Wrong address</h1>" in person.body
    assert b"evil" not in person.body
    assert ask(guarded(), "HEAD", "/jobs", [("host", "evil.test")]).body == b""


# ------------------------------------------------------------------------------------------------------------- bodies
async def _swallow(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


READER = Starlette(
    routes=[
        Route(path, _swallow, methods=["POST", "PUT", "PATCH"])
        for path in ("/x", "/datasets", "/api/v1/datasets", "/api/v1/uploads/up_1", "/api/v1/uploads/up_1/dataset")
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "size", "status"),
    [
        ("POST", "/x", 1000, 200),
        ("POST", "/x", 1001, 413),
        ("PUT", "/api/v1/datasets", 5000, 200),
        ("PUT", "/api/v1/datasets", 5001, 413),
        ("POST", "/api/v1/datasets", 1001, 413),
        ("PATCH", "/api/v1/uploads/up_1", 5000, 200),
        ("PATCH", "/api/v1/uploads/up_1", 5001, 413),
        ("POST", "/api/v1/uploads/up_1", 1001, 413),
        ("PATCH", "/api/v1/uploads/up_1/dataset", 1001, 413),
        ("POST", "/datasets", 5000, 200),
        ("POST", "/datasets", 5001, 413),
    ],
)
@pytest.mark.parametrize("declared", [True, False])
def test_a_body_is_cut_off_at_the_route_s_limit(method: str, path: str, size: int, status: int, declared: bool) -> None:
    headers = [("host", "localhost")] + ([("content-length", str(size))] if declared else [])
    reply = ask(guarded(READER), method, path, headers, chunks=[b"x" * 500] * (size // 500) + [b"x" * (size % 500)])
    assert reply.status == status
    assert_complete(reply)
    if status == 200:
        assert reply.body == str(size).encode()


def test_a_lie_about_the_length_does_not_help() -> None:
    headers = [("host", "localhost"), ("content-length", "10")]
    assert ask(guarded(READER), "POST", "/x", headers, chunks=[b"x" * 900] * 3).status == 413


@pytest.mark.parametrize("length", ["-1", "abc", "", "1e3", "+5", "²"])
def test_a_length_that_is_no_number_is_refused(length: str) -> None:
    reply = ask(guarded(READER), "POST", "/x", [("host", "localhost"), ("content-length", length)])
    assert reply.status == 400


def test_an_absurd_length_is_refused_without_reading() -> None:
    reply = ask(guarded(READER), "POST", "/api/v1/x", [("host", "localhost"), ("content-length", "9" * 5000)])
    assert reply.status == 413
    assert b"1,000 bytes" in reply.body


# ------------------------------------------------------------------------------------------------------------- caching
@pytest.mark.parametrize(
    ("target", "caching"),
    [
        ("/", "no-store"),
        ("/api/v1/jobs", "no-store"),
        ("/static/app.css", "no-cache"),
        ("/static/app.css?v=12ab", "public, max-age=31536000, immutable"),
        ("/staticky", "no-store"),
    ],
)
def test_only_static_files_may_be_kept(target: str, caching: str) -> None:
    assert ask(guarded(), "GET", target).headers["cache-control"] == caching


@pytest.mark.parametrize(("by_tls", "flags"), [(True, "; Path=/; Secure"), (False, "; Path=/")])
def test_every_cookie_is_for_tls_where_pages_come_by_tls(by_tls: bool, flags: str) -> None:
    async def chooses(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("ok", headers={"set-cookie": "theme=dark; Path=/"})(scope, receive, send)

    async def lets_in(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("ok", headers={"Set-Cookie": "a=b; Path=/; Secure"})(scope, receive, send)

    policy = GuardPolicy(hosts=HOSTS, by_tls=by_tls)
    host = [("host", "dash.corp")]
    assert ask(Guard(chooses, policy), headers=host).headers["set-cookie"] == f"theme=dark{flags}"
    assert ask(Guard(lets_in, policy), headers=host).headers["set-cookie"] == "a=b; Path=/; Secure"


def test_a_route_s_own_headers_stand() -> None:
    async def strict(scope: Scope, receive: Receive, send: Send) -> None:
        own = {"Content-Security-Policy": "sandbox", "Cache-Control": "no-cache"}
        await PlainTextResponse("ok", headers=own)(scope, receive, send)

    headers = ask(guarded(strict)).headers
    assert headers["content-security-policy"] == "sandbox"
    assert headers["cache-control"] == "no-cache"
