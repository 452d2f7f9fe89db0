"""Azure on loopback: one object with everything a test starts, turns, breaks and reads."""

import contextlib
import json
import os
import re
import traceback
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from tests.support.azure.arm import Arm
from tests.support.azure.azurite import Azurite
from tests.support.azure.blobs import Blobs, in_its_form
from tests.support.azure.catalog import Catalog
from tests.support.azure.certificates import STRANGER, Certificates
from tests.support.azure.clock import CloudClock
from tests.support.azure.dataplane import DataPlane
from tests.support.azure.entra import Entra
from tests.support.azure.faults import Fault, Faults
from tests.support.azure.identity import Identity
from tests.support.azure.jobs_state import Job
from tests.support.azure.ledger import Entry, Ledger
from tests.support.azure.operations import Operations
from tests.support.azure.proxy import Proxy
from tests.support.azure.registry import is_registry
from tests.support.azure.routes import Call
from tests.support.azure.scoring import Scoring
from tests.support.azure.seed import Seed
from tests.support.azure.state import ML, TENANT, Principal, State
from tests.support.azure.tokens import Tokens
from tests.support.azure.wire import AnyJson, AzureError, Json, Reply, Request, Seen, redacted

_PROXY_NAMES = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "ALL_PROXY")
_STORE = ".blob.core.windows.net"
_SECRET_FIELDS = {"client_secret", "client_assertion", "refresh_token", "device_code"}


class AzureCloud:
    """One cloud: start it, hand `environment()` to a child or enter `entered()`; read `state`, `ledger`, `requests`.

    It holds a tenant, a subscription, resource group `rg1` in East US 2, hub `hub1`, project `proj1`, and people and
    apps with the roles Azure AI Developer and Reader on the group (`seed`). `faults` breaks calls; `clock` stands still
    until it is turned.
    """

    def __init__(
        self,
        certificates: Certificates,
        folder: Path,
        *,
        azurite: Azurite | None = None,
        clock: CloudClock | None = None,
    ) -> None:
        self.ca_bundle = certificates.bundle
        self.folder = folder
        self.clock = clock or CloudClock()
        self.born = self.clock.now()
        self.tenant = TENANT
        self.state = State()
        self.ledger = Ledger()
        self.faults = Faults()
        self.tokens = Tokens()
        self.catalog = Catalog()
        self.requests: list[Seen] = []
        self.strangers: list[Seen] = []  # what came to hosts that are none of Azure's
        self.operations = Operations(self)
        self.blobs = Blobs(self, azurite)
        self.entra = Entra(self)
        self.identity = Identity(self)
        self.seed = Seed(self)
        self._arm, self._data, self._scoring = Arm(self), DataPlane(self), Scoring(self)
        self._proxy = Proxy(certificates.server, self.clock, self.faults, self._answer)

    def start(self) -> Self:
        """Begin to listen."""
        self._proxy.start()
        self.identity.start()
        return self

    def stop(self) -> None:
        """Cut every connection and stop listening."""
        self._proxy.stop()
        self.identity.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def proxy_url(self) -> str:
        """The CONNECT proxy."""
        return self._proxy.url

    @property
    def refused(self) -> list[str]:
        """Hosts that were asked for and are not on the list."""
        return self._proxy.refused

    def close_hosts(self, *patterns: str) -> None:
        """Let nothing through to these hosts any more (regular expressions); without any, everything again."""
        self._proxy.closed = re.compile("|".join(patterns)) if patterns else None

    def take_strangers(self) -> None:
        """Answer a host that is none of Azure's, too, so that what it is sent can be looked at."""
        self._proxy.takes_strangers = True

    @property
    def probed(self) -> list[str]:
        """Look-ups of a virtual machine's metadata service, which are refused at once."""
        return self._proxy.probed

    @property
    def bugs(self) -> list[str]:
        """Tracebacks of the emulator's own mistakes."""
        return self._proxy.bugs

    def environment(self) -> dict[str, str]:
        """Return what a process needs so that its calls to Azure come here."""
        values = {"HTTPS_PROXY": self.proxy_url, "HTTP_PROXY": self.proxy_url, "NO_PROXY": "localhost,127.0.0.1,::1"}
        values |= {name.lower(): value for name, value in values.items()}
        bundle = str(self.ca_bundle)
        return {**values, "REQUESTS_CA_BUNDLE": bundle, "SSL_CERT_FILE": bundle, "CURL_CA_BUNDLE": bundle}

    @contextlib.contextmanager
    def entered(self, extra: Mapping[str, str] | None = None) -> Iterator[None]:
        """Set the environment of this process, and put it back afterwards."""
        wanted = {**self.environment(), **(extra or {})}
        names = {*wanted, *_PROXY_NAMES, *(name.lower() for name in _PROXY_NAMES)}
        before = {name: os.environ.get(name) for name in names}
        for name in names:
            os.environ.pop(name, None)
        os.environ.update(wanted)
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value

    def real_now(self) -> datetime:
        """Return the machine's own time, which clients check tokens against."""
        return datetime.now(UTC)

    def token_for(self, principal: Principal, audience: str) -> str:
        """Return an access token for a principal and resource."""
        claims: Json = {"aud": audience, "iss": f"https://sts.windows.net/{self.tenant}/", "tid": self.tenant}
        claims |= {"oid": principal.oid, "sub": principal.oid, "appid": principal.app_id, "ver": "1.0"}
        claims["idtyp"] = "user" if principal.kind == "User" else "app"
        if principal.kind == "User":
            claims |= {
                "upn": f"{principal.name}@example.com",
                "unique_name": f"{principal.name}@example.com",
                "name": principal.name,
            }
        return self.tokens.issue(claims, self.clock.now())

    def may(self, oid: str, action: str, scope: str) -> bool:
        """Whether a principal's roles allow an action at a scope."""
        held = [one for one in self.state.assignments if one.principal == oid and one.covers(scope)]
        return any(one.role.allows(action) for one in held)

    def authorize(self, oid: str, action: str, scope: str) -> None:
        """Raise AzureError 403 unless the principal may."""
        if self.may(oid, action, scope):
            return
        principal = self.state.principals.get(oid)
        name = principal.app_id if principal else oid
        message = f"The client '{name}' with object id '{oid}' does not have authorization to perform action '{action}'"
        message = f"{message} over scope '{scope}' or the scope is invalid. If access was recently granted, please"
        message = f"{message} refresh your credentials."
        raise AzureError(403, "AuthorizationFailed", message)

    def write_down(
        self, call: Call, verb: str, where: str, name: str, tags: Mapping[str, str], *, kind: str = ""
    ) -> None:
        """Put an accepted mutation into the ledger."""
        words = where.partition("/providers/")[2].split("/")[1::2]
        found = kind or "/".join(words) or "resourceGroups"
        self.ledger.add(Entry(self.clock.now(), verb, found, where, name, dict(tags), call.caller))

    def write_down_run(self, request: Request, verb: str, job: Job) -> None:
        """Put a change made through the run history into the ledger."""
        self.ledger.add(
            Entry(self.clock.now(), verb, f"{ML}/workspaces/jobs", request.path, job.name, dict(job.tags), "")
        )

    def answer(self, request: Request) -> Reply:
        """Answer a request that did not come over the wire."""
        return self._answer(request, None)

    def _answer(self, request: Request, fault: Fault | None) -> Reply:
        refusal = fault.refusal(self.clock.now()) if fault else None
        if refusal is not None and request.host.endswith(_STORE):
            refusal = in_its_form(refusal)
        if refusal is not None and fault is not None and not fault.accepted:
            reply = refusal
        else:
            reply = self._carried_out(request)
            if refusal is not None:
                reply = refusal
            elif fault is not None and isinstance(reply.body, dict | list):
                reply.body = fault.twist(reply.body)
            if fault is not None and fault.kind == "changed":
                reply.headers |= fault.details.get("headers") or {}
        for name, value in self._headers(request).items():
            reply.headers.setdefault(name, value)
        self._record(request, reply, fault)
        return reply

    def _carried_out(self, request: Request) -> Reply:
        try:
            if request.host.endswith(_STORE):
                return self.blobs.answer(request)
            with self.state.lock:
                return self._dispatch(request)
        except AzureError as error:
            return error.reply()
        except Exception:  # noqa: BLE001 -- a bug of the emulator's own must be seen, not hang the client
            self._proxy.bugs.append(traceback.format_exc())
            return AzureError(500, "EmulatorBug", traceback.format_exc(limit=-3)).reply()

    def _dispatch(self, request: Request) -> Reply:
        host = request.host
        if host == "management.azure.com":
            return self._arm.answer(request)
        if host == "login.microsoftonline.com":
            return self.entra.answer(request)
        if host.endswith(".api.azureml.ms"):
            return self._data.answer(request)
        if host.endswith(".experiments.azureml.net") and is_registry(request.path):
            return self._data.answer(request)
        if host.endswith(STRANGER):
            return Reply(200, {"value": [], "status": "Succeeded"})  # whatever whoever asks would like
        if host.endswith((".models.ai.azure.com", ".inference.ml.azure.com")):
            return self._scoring.answer(request)
        raise AzureError(404, "NotFound", f"Nothing answers at {host}.")

    def _headers(self, request: Request) -> dict[str, str]:
        """Return the ids that every answer of Azure carries."""
        made = str(uuid.uuid4())
        headers = {"x-ms-request-id": made, "Date": f"{self.clock.now():%a, %d %b %Y %H:%M:%S GMT}"}
        if request.host == "management.azure.com":
            headers |= {"x-ms-correlation-request-id": made, "x-ms-routing-request-id": f"EASTUS2:{made}"}
        client = request.headers.get("x-ms-client-request-id")
        return {**headers, "x-ms-client-request-id": client} if client else headers

    def _record(self, request: Request, reply: Reply, fault: Fault | None) -> None:
        answer = reply.body if isinstance(reply.body, dict | list) else None
        body = _shown(request)
        kept = redacted(request.headers)
        met = fault.kind if fault else None
        seen = Seen(request.host, request.method, request.path, request.query, kept, body, reply.status, answer, met)
        (self.strangers if request.host.endswith(STRANGER) else self.requests).append(seen)


def _shown(request: Request) -> AnyJson:
    """Return a body as it is kept: JSON as it is, a form without its secrets, anything else by its length."""
    if not request.body:
        return None
    if request.host == "login.microsoftonline.com":
        return {name: "…" if name in _SECRET_FIELDS else value for name, value in request.form().items()}
    try:
        return json.loads(request.body)
    except ValueError:
        return f"({len(request.body)} bytes)"
