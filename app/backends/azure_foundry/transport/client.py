"""One connection's way to Azure: its credential, plain REST through azure-core, and azure-ai-ml when it is needed.

Nothing here is imported or called before it is needed: importing azure-ai-ml takes seconds and 100 MB. Every call runs
in a thread with a deadline, because the packages are synchronous and a look must return within seconds. None of them
tries again by itself: what may be repeated is repeated here, within the deadline, or by the engine.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from threading import Event, RLock
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin

from app.backends.azure_foundry.settings import AzureSettings, SignIn
from app.backends.azure_foundry.transport.api_versions import instead, resource_type
from app.backends.azure_foundry.transport.credentials import make_credential
from app.backends.azure_foundry.transport.deadlines import DeadlineExceeded, Deadlines, NotStarted, remaining_s
from app.backends.azure_foundry.transport.device_code import DeviceCodeSession, Prompt, SignsInByCode
from app.backends.azure_foundry.transport.errors import (
    Conflicted,
    SignInRefused,
    VersionNotSpoken,
    of_answer,
    translated,
)
from app.backends.azure_foundry.transport.hosts import CLOUDS, Audience, StrangeHost
from app.backends.azure_foundry.transport.names import owner_tags
from app.domain.backend import OutcomeUnknown, RateLimited, Rejected, Transient, Unavailable
from app.kit.clock import Clock, SystemClock

if TYPE_CHECKING:
    from azure.ai.ml import MLClient
    from azure.core import PipelineClient
    from azure.core.credentials import TokenCredential
    from azure.core.rest import HttpResponse

    from app.backends.azure_foundry.transport.wire import Wire

T = TypeVar("T")
_THREADS = 8
_PAUSES_S = (0.3, 1.0)  # before the second and the third try of what may be repeated
_NOT_AT_ONCE = (OutcomeUnknown, RateLimited, Conflicted, StrangeHost)  # these are no better a second later
_REDIRECTS, _MOST_REDIRECTS = frozenset({301, 302, 303, 307, 308}), 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How long things may take, in seconds: to connect, between two pieces of an answer, a call as a whole, and the
    first import of azure-ai-ml (2 s, up to 11 s on a busy machine, more without compiled files).
    """

    connect_s: float = 5.0
    read_s: float = 15.0
    deadline_s: float = 20.0  # the engine's lease is 60 s
    loading_s: float = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer with a status below 400. `body` is decoded JSON, or None where there was none."""

    status: int
    headers: Mapping[str, str]
    body: Any
    text: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `audience` decides its token, and where it may go; `submitting`: it may be billed."""

    method: str
    url: str
    body: object = None  # sent as JSON
    content: bytes | None = None  # sent as it is, instead
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    audience: Audience = Audience.MANAGEMENT
    attempts: int = 3
    submitting: bool = False
    deadline_s: float | None = None  # the usual one
    wants_json: bool = True  # an answer that is no JSON is no answer


_USUAL = Times()


class Azure:
    """Shared by everything that one connection does; safe to use from many threads."""

    def __init__(
        self,
        settings: AzureSettings,
        secrets: Mapping[str, str],
        *,
        prompt: Prompt | None = None,
        installation: Callable[[], str] = lambda: "unnamed",
        clock: Clock | None = None,
        times: Times = _USUAL,
    ) -> None:
        """`installation` returns the name that tells our things from another's; `prompt` hears of a device code, too.

        `clock` is compared with the servers' clocks.
        """
        self.settings, self.cloud = settings, CLOUDS[settings.cloud]
        self.clock_skew: timedelta | None = None  # theirs minus ours, by the last answer
        self._clock = clock or SystemClock()
        self._times = times
        self._installation = installation
        self._secrets = dict(secrets)
        self.sign_in_session = DeviceCodeSession(self._clock, prompt)  # where a sign-in by device code is noted
        self._lock = RLock()
        self._deadlines = Deadlines(_THREADS)
        self._wire: Wire | None = None
        self._credential: TokenCredential | None = None
        self._pipelines: dict[str, PipelineClient[Any, Any]] = {}
        self._ml: MLClient | None = None
        self._instead: dict[tuple[str, str], str] = {}  # by resource type and api-version: what is spoken there

    def adopt_sign_in(self, earlier: "Azure") -> None:
        """Take over the sign-in of `earlier` if it is of the same identity.

        So choosing a project, which changes the settings, does not ask a person to sign in again.
        """
        names = ("credential", "tenant_id", "client_id", "token_file", "cloud")
        same = all(getattr(self.settings, each) == getattr(earlier.settings, each) for each in names)
        if same and self._secrets == earlier._secrets:  # noqa: SLF001 -- another one of this class
            with earlier._lock:  # noqa: SLF001 -- another one of this class
                self._credential, self.sign_in_session = earlier._credential, earlier.sign_in_session  # noqa: SLF001

    def begin_sign_in(self) -> None:
        """Ask for a code by which a person signs in, unless one waits already; returns within seconds.

        Raises:
            BackendError: translated.
        """
        credential = self.credential()
        if isinstance(credential, SignsInByCode):
            self.in_time(lambda: credential.begin((self.cloud.scope(Audience.MANAGEMENT),)))

    @property
    def installation(self) -> str:
        """The name of this installation, as our things at Azure carry it in a tag."""
        return self._installation()

    def owner_tags(self, tag: str) -> dict[str, str]:
        """Return the tags that a thing made for `tag` carries."""
        return owner_tags(tag, self.installation)

    @property
    def workspace_path(self) -> str:
        """The ARM path of the workspace.

        Raises:
            Rejected: when the connection does not name one yet.
        """
        if not self.settings.workspace:
            raise Rejected("The connection names no project yet.", fix="Choose one on the connection's page.")
        return f"{self.group_path}/providers/Microsoft.MachineLearningServices/workspaces/{self.settings.workspace}"

    @property
    def group_path(self) -> str:
        """The ARM path of the resource group.

        Raises:
            Rejected: when the connection does not name one yet.
        """
        if not self.settings.subscription_id or not self.settings.resource_group:
            raise Rejected(
                "The connection names no subscription or resource group yet.",
                fix="Choose them on the connection's page.",
            )
        return f"/subscriptions/{self.settings.subscription_id}/resourceGroups/{self.settings.resource_group}"

    def now(self) -> datetime:
        """Return the time by this connection's clock."""
        return self._clock.now()

    def credential(self) -> "TokenCredential":
        """Return the connection's credential, made once and again after a refusal."""
        with self._lock:
            if self._credential is None:
                self._credential = make_credential(self.settings, self._secrets, self.sign_in_session)
            return self._credential

    def arm(
        self,
        method: str,
        path: str,
        *,
        api_version: str,
        body: object = None,
        params: Mapping[str, str] | None = None,
        attempts: int = 3,
        submitting: bool = False,
    ) -> Answer:
        """Ask ARM. `path` begins with /subscriptions or /providers, or is a whole address (a nextLink, a registry's).

        Raises:
            BackendError: translated; with `submitting` an unanswered call is OutcomeUnknown.
        """
        url = f"https://{self.cloud.arm}{path}" if path.startswith("/") else path
        call = Call(method, url, body=body, params=params or {}, attempts=attempts, submitting=submitting)
        if "api-version=" in url:
            return self.send(call)
        key = (resource_type(path), api_version)
        with self._lock:
            version = self._instead.get(key, api_version)
        try:
            return self.send(replace(call, params={**call.params, "api-version": version}))
        except VersionNotSpoken as error:
            other = instead(api_version, error.spoken)
            if other is None or other == version:
                raise
        with self._lock:
            self._instead[key] = other
        return self.send(replace(call, params={**call.params, "api-version": other}))

    def send(self, call: Call) -> Answer:
        """Send one request with the connection's token.

        Raises:
            BackendError: translated; a submitting call without an answer is OutcomeUnknown, and is not repeated.
        """
        return self.in_time(lambda: self._send(call), deadline_s=call.deadline_s, submitting=call.submitting)

    def open(self, call: Call, *, read_s: float) -> "HttpResponse":
        """Send one request, once, and return the answer unread, whatever its status; the caller closes it.

        `read_s` is the longest silence within the answer. What azure-core raises is left to the caller, too.
        """
        return self._begin(call, stream=True, connection_timeout=self._times.connect_s, read_timeout=read_s)

    def ready(self) -> None:
        """Return once azure-ai-ml can be used; the first time loads it.

        Raises:
            Unavailable: while it is still being loaded.
            BackendError: when the connection lacks something.
        """
        if self._ml is None:
            self.in_time(self.ml, deadline_s=self._times.loading_s)

    def ml(self) -> "MLClient":
        """Return azure-ai-ml's client of the workspace, made once; call it inside `in_time`.

        Raises:
            Rejected: when the connection names no workspace yet, or this process speaks to another cloud.
        """
        from app.backends.azure_foundry.transport.azure_ml import make_ml_client

        _ = self.workspace_path
        with self._lock:
            if self._ml is None:
                self._ml = make_ml_client(self.settings, self.credential(), self.wire())
            return self._ml

    def wire(self) -> "Wire":
        """Return the one transport of all pipelines: one pool of connections, one place to keep the rules."""
        from app.backends.azure_foundry.transport.wire import Wire

        with self._lock:
            if self._wire is None:
                self._wire = Wire(
                    self.cloud, self._on_response, connect_s=self._times.connect_s, read_s=self._times.read_s
                )
            return self._wire

    def in_time(self, work: Callable[[], T], *, deadline_s: float | None = None, submitting: bool = False) -> T:
        """Do `work` in a thread and return its result; once more with a fresh token where the token was refused.

        Raises:
            Unavailable (OutcomeUnknown when `submitting`): when it takes longer; the thread goes on to its own end.
            BackendError: whatever the Azure packages raise, translated.
        """
        seconds = self._times.deadline_s if deadline_s is None else deadline_s
        try:
            return self._in_time(work, seconds, submitting=submitting)
        except SignInRefused:
            if not self._forget_tokens():
                raise
        return self._in_time(work, seconds, submitting=submitting)

    def close(self) -> None:
        """Close the connections; what is asked afterwards opens new ones."""
        with self._lock:
            wire, self._wire = self._wire, None
            self._ml, self._pipelines, self._credential = None, {}, None
        if wire is not None:
            wire.close()

    def _in_time(self, work: Callable[[], T], deadline_s: float, *, submitting: bool) -> T:
        try:
            with translated(submitting=submitting):
                return self._deadlines.run(work, deadline_s)
        except NotStarted:
            raise Unavailable(f"{_THREADS} calls to Azure are under way.", fix="It is tried again by itself.") from None
        except DeadlineExceeded:
            kind = OutcomeUnknown if submitting else Unavailable
            raise kind(f"Azure did not answer within {deadline_s:.0f} s.", fix="It is tried again by itself.") from None

    def _forget_tokens(self) -> bool:
        """Drop the tokens; return whether a fresh one can be had without a person."""
        with self._lock:
            if self.settings.credential is SignIn.DEVICE_CODE:
                return False
            self._credential, self._pipelines, self._ml = None, {}, None
        return True

    def _on_response(self, headers: Mapping[str, str]) -> None:
        text = headers.get("Date")
        try:
            if text:
                self.clock_skew = parsedate_to_datetime(text) - self._clock.now()
        except (ValueError, TypeError):
            return

    def _send(self, call: Call) -> Answer:
        for pause in () if call.submitting else _PAUSES_S[: call.attempts - 1]:
            try:
                return self._send_once(call)
            except Transient as error:
                if isinstance(error, _NOT_AT_ONCE) or error.retry_after is not None:
                    raise
            if (remaining_s() or 0) <= pause + 1:
                break  # one more try, at once, is all that there is time for
            Event().wait(pause)
        return self._send_once(call)

    def _send_once(self, call: Call) -> Answer:
        from azure.core.exceptions import HttpResponseError

        with translated(submitting=call.submitting):
            response = self._followed(call)
            if response.status_code >= 400:  # noqa: PLR2004 -- HTTP's first error status
                raise of_answer(HttpResponseError(response=response), submitting=call.submitting)
            text = response.text()
        found = None
        if call.wants_json and text.strip():
            try:
                found = response.json()
            except ValueError as error:
                kind = OutcomeUnknown if call.submitting else Unavailable
                raise kind(f"Azure gave no whole answer: {text[:200]}", fix="It is tried again by itself.") from error
        return Answer(status=response.status_code, headers=response.headers, body=found, text=text)

    def _followed(self, call: Call) -> "HttpResponse":
        """Send a request, and follow where it is redirected to: only a question, and only within Azure.

        Raises:
            StrangeHost: it is redirected elsewhere.
            Unavailable (OutcomeUnknown when submitting): it is redirected too often, or would have changed something.
        """
        response = self._begin(call)
        for _ in range(_MOST_REDIRECTS):
            if response.status_code not in _REDIRECTS:
                return response
            target = urljoin(call.url, response.headers.get("Location", ""))
            if call.method not in {"GET", "HEAD"}:
                break
            call = replace(call, url=target, params={})
            response = self._begin(call)
        if response.status_code not in _REDIRECTS:
            return response
        kind = OutcomeUnknown if call.submitting else Unavailable
        shown = target.partition("?")[0][:120]
        raise kind(f"Azure redirects to {shown!r}, which is not followed.", fix="It is tried again by itself.")

    def _begin(self, call: Call, **options: Any) -> "HttpResponse":  # noqa: ANN401 -- azure-core's
        """Send a request, and return its answer as azure-core gives it."""
        from azure.core.rest import HttpRequest

        self.cloud.check(call.audience, call.url)  # before a token is fetched; the wire checks where it really goes
        given = {"content": call.content} if call.content is not None else {"json": call.body}
        request = HttpRequest(call.method, call.url, params=dict(call.params), headers=dict(call.headers), **given)
        scope = self.cloud.scope(call.audience)
        answer: HttpResponse = self._pipeline(scope).send_request(request, audience=call.audience, **options)
        return answer

    def _pipeline(self, scope: str) -> "PipelineClient[Any, Any]":
        from azure.core import PipelineClient
        from azure.core.pipeline.policies import BearerTokenCredentialPolicy, RequestIdPolicy, UserAgentPolicy

        with self._lock:
            if scope not in self._pipelines:
                policies: list[Any] = [RequestIdPolicy(), UserAgentPolicy("TuneDesk")]
                if scope:
                    policies.append(BearerTokenCredentialPolicy(self.credential(), scope))
                self._pipelines[scope] = PipelineClient(
                    f"https://{self.cloud.arm}", policies=policies, transport=self.wire()
                )
            return self._pipelines[scope]
