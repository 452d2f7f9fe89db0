"""What signs in without Entra's host: App Service's identity endpoint on loopback, and an `az` with one account."""

import json
import secrets
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from tests.support.azure.state import SUBSCRIPTION
from tests.support.azure.tokens import KNOWN_RESOURCES
from tests.support.azure.wire import AnyJson

if TYPE_CHECKING:
    from tests.support.azure.cloud import AzureCloud

_AZ = """#!{python} -SI
import http.client, json, sys
words = sys.argv[1:]
def option(*names):
    for name in names:
        if name in words:
            return words[words.index(name) + 1]
    return ""
if words[:1] == ["--version"]:
    print("azure-cli 2.80.0")
elif words[:2] == ["account", "get-access-token"]:
    resource = option("--resource", "--scope").removesuffix("/.default")
    link = http.client.HTTPConnection("127.0.0.1", {port}, timeout=10)
    link.request("GET", "/az/token?resource=" + resource, headers={{"X-Identity-Header": "{secret}"}})
    answer = link.getresponse()
    text = answer.read().decode()
    if answer.status != 200:
        sys.exit(text)
    print(text)
else:
    sys.exit("ERROR: this az only knows `account get-access-token`.")
"""


class Identity(ThreadingHTTPServer):
    """Plain HTTP on loopback, as App Service has it inside its sandbox."""

    daemon_threads = True

    def __init__(self, cloud: "AzureCloud") -> None:
        super().__init__(("127.0.0.1", 0), _Endpoint)
        self.cloud = cloud
        self.secret = secrets.token_hex(16)
        self.managed: str | None = None
        self.signed_in: str | None = None
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name="azure-identity", daemon=True)

    @property
    def url(self) -> str:
        """The endpoint for IDENTITY_ENDPOINT."""
        return f"http://127.0.0.1:{self.server_address[1]}/msi/token"

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        self.shutdown()
        self._thread.join(5)
        self.server_close()

    def environment(self) -> dict[str, str]:
        """Return what App Service tells a process about its identity."""
        return {"IDENTITY_ENDPOINT": self.url, "IDENTITY_HEADER": self.secret}

    def write_az(self, folder: Path) -> Path:
        """Write an `az` to a folder and return the folder, to be put on the PATH."""
        folder.mkdir(parents=True, exist_ok=True)
        tool = folder / "az"
        tool.write_text(
            _AZ.format(python=sys.executable, port=self.server_address[1], secret=self.secret), encoding="utf-8"
        )
        tool.chmod(0o755)
        return folder


class _Endpoint(BaseHTTPRequestHandler):
    server: Identity

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 -- the base class's signature
        """Say nothing."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        if self.headers.get("X-Identity-Header") != self.server.secret:
            self._say(401, {"statusCode": 401, "message": "The X-IDENTITY-HEADER is missing or wrong."})
        elif query.get("resource", "").rstrip("/") not in KNOWN_RESOURCES:
            self._say(400, {"statusCode": 400, "message": f"The resource '{query.get('resource')}' is not known."})
        elif parts.path == "/msi/token":
            self._managed(query)
        elif parts.path == "/az/token":
            self._cli(query)
        else:
            self._say(404, {"statusCode": 404, "message": "Nothing here."})

    def _managed(self, query: dict[str, str]) -> None:
        cloud, oid = self.server.cloud, self.server.managed
        if query.get("api-version") != "2019-08-01":
            self._say(400, {"statusCode": 400, "message": "The api-version must be 2019-08-01."})
            return
        if oid is None:
            self._say(400, {"statusCode": 400, "message": "No managed identity is assigned to this app."})
            return
        principal = cloud.state.principals[oid]
        token = cloud.token_for(principal, query["resource"].rstrip("/"))
        until = int(cloud.clock.now().timestamp() + cloud.tokens.lifetime.total_seconds())
        body = {"access_token": token, "expires_on": str(until), "resource": query["resource"], "token_type": "Bearer"}
        self._say(200, {**body, "client_id": principal.app_id})

    def _cli(self, query: dict[str, str]) -> None:
        cloud, oid = self.server.cloud, self.server.signed_in
        if oid is None:
            self._say(400, "ERROR: Please run 'az login' to setup account.")
            return
        token = cloud.token_for(cloud.state.principals[oid], query["resource"].rstrip("/"))
        until = cloud.clock.now() + cloud.tokens.lifetime
        body = {
            "accessToken": token,
            "expiresOn": f"{until.astimezone():%Y-%m-%d %H:%M:%S.%f}",
            "expires_on": int(until.timestamp()),
        }
        self._say(200, {**body, "subscription": SUBSCRIPTION, "tenant": cloud.tenant, "tokenType": "Bearer"})

    def _say(self, status: int, body: AnyJson) -> None:
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
