"""Serving: one child per deployment, which answers on loopback to whoever has the secret in its spec."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from app.backends.local.context import LocalContext
from app.backends.local.errors import in_backend_words, sentence
from app.backends.local.runs import Look, Runs
from app.domain.backend import (
    ChatChunk,
    ChatRequest,
    Chats,
    Completes,
    CompletionRequest,
    DeploymentObservation,
    DeploymentRequest,
    Deploys,
    NotFound,
    RateLimited,
    Rejected,
    Sampling,
    Unavailable,
)
from app.domain.deployments import DeploymentStatus
from app.kit.openai_stream import StreamError, read
from app.training import run_lock

if TYPE_CHECKING:
    import httpx

_WAITING = 8  # requests that may wait for the one that is answered
_SOON, _LATER = timedelta(seconds=1), timedelta(seconds=10)
_BUSY_S = 2  # until a busy model may be asked again, where it does not say
_CONNECT_S, _READ_S = 5.0, 120.0  # a first token may wait for others' turns


class LocalServing(Deploys, Chats, Completes):
    """To serve what was trained, and the base beside it."""

    context: LocalContext

    @in_backend_words
    def deploy(self, request: DeploymentRequest) -> None:
        """Begin to serve; what serves already is left alone, what is gone is made again."""
        runs = self.context.runs
        target = self.context.target(request.base_model, request.model)
        spec = {
            "kind": "serve",
            "target": target,
            "alias": request.name,
            "secret": secrets.token_urlsafe(32),
            "queue": _WAITING,
            **self.context.machine(target["base"]["hub"]),
            "niceness": 0,  # somebody waits for each answer
        }
        if runs.look(request.tag).started:
            runs.restart(request.tag)
        else:
            runs.start(request.tag, spec)

    @in_backend_words
    def observe_deployment(self, tag: str) -> DeploymentObservation:
        """Look at a deployment. Once undeployed and ended, its folder goes, and it is DELETED."""
        runs = self.context.runs
        look = runs.look(tag)
        if not look.exists or (look.stopping and not look.alive):
            runs.remove(tag)
            return DeploymentObservation(status=DeploymentStatus.DELETED, gone=True)
        if look.stopping:
            runs.stop(tag)
            return _seen(DeploymentStatus.DELETING, look)
        if look.alive:
            endpoint = self._endpoint(tag)
            return _seen(DeploymentStatus.READY if endpoint else DeploymentStatus.CREATING, look, endpoint=endpoint)
        message = _cause(runs, tag, look)
        if message:
            # What failed by itself would fail again; what was ended from outside is gone, and may be made again.
            return _seen(DeploymentStatus.FAILED, look, message=message, gone=look.state != "failed")
        return _seen(DeploymentStatus.CREATING, look)

    @in_backend_words
    def undeploy(self, tag: str) -> None:
        """Ask the server to end; a repeat after the grace makes it."""
        self.context.runs.stop(tag)

    def chat(self, tag: str, request: ChatRequest) -> Iterator[ChatChunk]:
        """Answer piece by piece; closing the iterator closes the connection, which stops the model."""
        asked: dict[str, Any] = {"messages": [dict(message) for message in request.messages]}
        if request.tools:
            asked["tools"] = [dict(tool) for tool in request.tools]
        yield from self._ask(tag, "chat/completions", asked, request)

    def complete(self, tag: str, request: CompletionRequest) -> Iterator[ChatChunk]:
        """Go on with a text in the same way."""
        yield from self._ask(tag, "completions", {"prompt": request.prompt}, request)

    def _ask(self, tag: str, path: str, asked: Mapping[str, Any], request: Sampling) -> Iterator[ChatChunk]:
        import httpx

        spec = run_lock.read_whole(self.context.runs.folder(tag) / run_lock.SPEC)
        endpoint = self._endpoint(tag)
        if spec is None or endpoint is None:
            raise NotFound(
                "This deployment is not serving at the moment.", fix="Wait until it is ready, or deploy it again."
            )
        body = {
            **asked,
            "model": spec["alias"],
            "temperature": request.temperature,
            "top_p": request.top_p,
            "max_tokens": request.max_tokens,
            "seed": request.seed,
            "stop": list(request.stop),
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        headers = {"Authorization": f"Bearer {spec['secret']}"}
        timeout = httpx.Timeout(_CONNECT_S, read=_READ_S)
        with _as_backend_errors(), httpx.Client(timeout=timeout, trust_env=False) as client:  # noqa: SIM117
            with client.stream("POST", f"{endpoint}/{path}", json=body, headers=headers) as answer:
                raise_for(answer)
                yield from (ChatChunk(**asdict(delta)) for delta in read(answer.iter_bytes()))

    def endpoint(self, tag: str) -> tuple[str, str, str] | None:
        """Return (base URL, model alias, bearer secret) for a proxy on this machine; None where nothing serves."""
        spec = run_lock.read_whole(self.context.runs.folder(tag) / run_lock.SPEC)
        url = self._endpoint(tag)
        return None if spec is None or url is None else (url, str(spec["alias"]), str(spec["secret"]))

    def _endpoint(self, tag: str) -> str | None:
        folder = self.context.runs.folder(tag)
        ready, process = run_lock.read_whole(folder / run_lock.READY), run_lock.read_whole(folder / run_lock.PROCESS)
        if ready is None or process is None or ready.get("started") != process.get("started"):
            return None
        return f"http://127.0.0.1:{int(ready['port'])}/v1" if run_lock.is_locked(folder) else None


def _cause(runs: Runs, tag: str, look: Look) -> str:
    if look.state == "failed":
        return sentence(str(look.reported.get("message")), str(look.reported.get("fix")))
    if look.state == "stopped":
        return "The server was stopped from outside."
    return runs.cause_of_death(tag, look)[1] if look.died else ""


def _seen(
    status: DeploymentStatus, look: Look, *, message: str = "", endpoint: str | None = None, gone: bool = False
) -> DeploymentObservation:
    return DeploymentObservation(
        status=status,
        message=message,
        raw_status=look.state or "starting",
        endpoint=endpoint,
        gone=gone,
        next_look=_LATER if status is DeploymentStatus.READY else _SOON,
    )


@contextmanager
def _as_backend_errors() -> Iterator[None]:
    import httpx

    try:
        yield
    except StreamError as error:
        raise Unavailable(str(error), fix=error.remedy) from error
    except httpx.TimeoutException as error:
        raise Unavailable("The model did not answer in time.", fix="Try again, or ask for fewer tokens.") from error
    except httpx.HTTPError as error:
        raise Unavailable(
            "The model's server is gone.", fix="It is started again by itself; try again then."
        ) from error


def raise_for(answer: "httpx.Response") -> None:
    """Raise what a refusal of the model's server means."""
    if answer.is_success:
        return
    answer.read()
    try:
        error = answer.json()["error"]
        message, field, code = str(error["message"]), error.get("param"), error.get("code")
    except (ValueError, KeyError, TypeError, AttributeError):
        message, field, code = f"The model's server answered {answer.status_code}.", None, None
    if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        wait = answer.headers.get("retry-after", "")
        raise RateLimited(message, retry_after=timedelta(seconds=int(wait) if wait.isdecimal() else _BUSY_S))
    if answer.is_client_error:
        raise Rejected(message, field=field, code=code)
    raise Unavailable(message)
