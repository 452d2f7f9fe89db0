"""One connection's way to Azure: its credential, plain REST through azure-core, and azure-ai-ml when it is needed.

Nothing here is imported or called before it is needed: importing azure-ai-ml takes seconds and 100 MB. Every call runs
in a thread with a deadline, because the packages are synchronous and a look must return within seconds.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooSlow
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from app.backends.azure_foundry.credentials import Prompt, make_credential
from app.backends.azure_foundry.errors import of_answer, translate
from app.backends.azure_foundry.names import owner_tags
from app.backends.azure_foundry.settings import AzureSettings
from app.domain.backend import BackendError, OutcomeUnknown, Rejected, Unavailable

if TYPE_CHECKING:
    from azure.ai.ml import MLClient
    from azure.core import PipelineClient
    from azure.core.credentials import TokenCredential
    from azure.core.rest import HttpResponse

T = TypeVar("T")
CONNECT_S, READ_S = 5.0, 15.0
DEADLINE_S = 20.0  # of one call as a whole; the engine's lease is 60 s
_FIRST_IMPORT_S = 40.0  # added once: azure-ai-ml takes up to 11 s on a busy machine without compiled files
_WORKERS = 8
# ARM hosts by cloud, as azure-ai-ml has them (azure.ai.ml._azure_environments).
ARM = {
    "AzureCloud": "https://management.azure.com",
    "AzureUSGovernment": "https://management.usgovcloudapi.net",
    "AzureChinaCloud": "https://management.chinacloudapi.cn",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer with a status below 400. `body` is decoded JSON, or None where there was none."""

    status: int
    headers: Mapping[str, str]
    body: Any
    text: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `scope` names the token (ARM's unless given; "" sends none); `submitting`: it may be billed."""

    method: str
    url: str
    body: object = None
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    scope: str | None = None
    attempts: int = 3
    submitting: bool = False
    deadline_s: float = DEADLINE_S


class Azure:
    """Shared by everything that one connection does; safe to use from many threads."""

    def __init__(
        self,
        settings: AzureSettings,
        secrets: Mapping[str, str],
        *,
        prompt: Prompt,
        installation: Callable[[], str] = lambda: "unnamed",
    ) -> None:
        """`installation` returns the name by which this installation's things are told from another's."""
        self.settings = settings
        self._installation = installation
        self._secrets = dict(secrets)
        self._prompt = prompt
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="azure")
        self._credential: TokenCredential | None = None
        self._pipelines: dict[tuple[str, int], PipelineClient[Any, Any]] = {}
        self._ml: MLClient | None = None

    @property
    def installation(self) -> str:
        """The name of this installation, as our things at Azure carry it in a tag."""
        return self._installation()

    def owner_tags(self, tag: str) -> dict[str, str]:
        """Return the tags that a thing made for `tag` carries."""
        return owner_tags(tag, self.installation)

    @property
    def arm_scope(self) -> str:
        """The token scope of ARM and, as azure-ai-ml uses it, of the workspace's data planes."""
        return f"{ARM[self.settings.cloud]}/.default"

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

    def credential(self) -> "TokenCredential":
        """Return the connection's credential, made once."""
        with self._lock:
            if self._credential is None:
                self._credential = make_credential(self.settings, self._secrets, self._prompt)
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
        """Ask ARM. `path` begins with /subscriptions or /providers, or is a whole address (a nextLink).

        Raises:
            BackendError: translated; with `submitting` an unanswered call is OutcomeUnknown.
        """
        url = path if path.startswith("https://") else f"{ARM[self.settings.cloud]}{path}"
        named = dict(params or {})
        if "api-version=" not in url:
            named["api-version"] = api_version
        return self.send(Call(method, url, body=body, params=named, attempts=attempts, submitting=submitting))

    def send(self, call: Call) -> Answer:
        """Send one request with the connection's token.

        Raises:
            BackendError: translated; a submitting call without an answer is OutcomeUnknown, and is not repeated.
        """
        return self.in_time(lambda: self._send(call), deadline_s=call.deadline_s, submitting=call.submitting)

    @property
    def arm_root(self) -> str:
        """ARM's address in the connection's cloud."""
        return ARM[self.settings.cloud]

    def open(self, call: Call, *, read_s: float) -> "HttpResponse":
        """Send one request, once, and return the answer before it is read, whatever its status; the caller closes it.

        `read_s` is the longest silence within the answer.

        Raises:
            BackendError: when there is no answer at all.
        """
        from azure.core.rest import HttpRequest

        pipeline = self._pipeline(self.arm_scope if call.scope is None else call.scope, 1)
        request = HttpRequest(
            call.method, call.url, json=call.body, params=dict(call.params), headers=dict(call.headers)
        )
        try:
            answer: HttpResponse = pipeline.send_request(
                request, stream=True, connection_timeout=CONNECT_S, read_timeout=read_s
            )
        except Exception as error:
            told = translate(error)
            if told is None:
                raise
            raise told from error
        return answer

    def ml(self) -> "MLClient":
        """Return azure-ai-ml's client of the workspace, made once; call it inside `in_time`.

        Raises:
            Rejected: when the connection names no workspace yet.
        """
        _ = self.workspace_path
        with self._lock:
            made = self._ml
        if made is not None:
            return made
        from azure.ai.ml import MLClient

        settings = self.settings
        client = MLClient(
            self.credential(),
            settings.subscription_id,
            settings.resource_group,
            settings.workspace,
            show_progress=False,
            enable_telemetry=False,
            cloud=settings.cloud,
            retry_total=1,
            polling_interval=2,
            connection_timeout=CONNECT_S,
            read_timeout=READ_S,
        )
        with self._lock:
            self._ml = self._ml or client
            return self._ml

    def in_time(self, work: Callable[[], T], *, deadline_s: float = DEADLINE_S, submitting: bool = False) -> T:
        """Do `work` in a thread and return its result.

        Raises:
            Unavailable (OutcomeUnknown when `submitting`): when it takes longer; the thread goes on to its own end.
            BackendError: whatever the Azure packages raise, translated.
        """
        allowed = deadline_s if self._ml is not None else deadline_s + _FIRST_IMPORT_S
        future = self._pool.submit(work)
        try:
            return future.result(timeout=allowed)
        except TooSlow:
            future.cancel()
            kind = OutcomeUnknown if submitting else Unavailable
            raise kind(f"Azure did not answer within {deadline_s:.0f} s.", fix="It is tried again by itself.") from None
        except BackendError:
            raise
        except Exception as error:
            told = translate(error, submitting=submitting)
            if told is None:
                raise
            raise told from error

    def _send(self, call: Call) -> Answer:
        from azure.core.exceptions import HttpResponseError
        from azure.core.rest import HttpRequest

        tries = 1 if call.submitting else call.attempts
        pipeline = self._pipeline(self.arm_scope if call.scope is None else call.scope, tries)
        request = HttpRequest(
            call.method, call.url, json=call.body, params=dict(call.params), headers=dict(call.headers)
        )
        response = pipeline.send_request(request)
        if response.status_code >= 400:  # noqa: PLR2004 -- HTTP's first error status
            raise of_answer(HttpResponseError(response=response), submitting=call.submitting)
        text = response.text()
        try:
            found = response.json() if text.strip() else None
        except ValueError:
            found = None
        return Answer(status=response.status_code, headers=response.headers, body=found, text=text)

    def _pipeline(self, scope: str, tries: int) -> "PipelineClient[Any, Any]":
        from azure.core import PipelineClient
        from azure.core.pipeline.policies import BearerTokenCredentialPolicy, RetryPolicy, UserAgentPolicy

        with self._lock:
            known = self._pipelines.get((scope, tries))
        if known is not None:
            return known
        policies: list[Any] = [UserAgentPolicy("TuneDesk")]
        policies.append(RetryPolicy(retry_total=tries - 1, retry_backoff_factor=0.4, retry_backoff_max=4))
        if scope:
            policies.append(BearerTokenCredentialPolicy(self.credential(), scope))
        made: PipelineClient[Any, Any] = PipelineClient(
            ARM[self.settings.cloud], policies=policies, connection_timeout=CONNECT_S, read_timeout=READ_S
        )
        with self._lock:
            return self._pipelines.setdefault((scope, tries), made)
