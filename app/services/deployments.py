"""Verbs on deployments: serve, ask, stop."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from app.domain.backend import (
    Backend,
    BackendError,
    ChatChunk,
    ChatRequest,
    Chats,
    Completes,
    CompletionRequest,
    Deploys,
    Refused,
)
from app.domain.deployments import Deployment, DeploymentGoal, DeploymentStatus, Target
from app.domain.errors import Conflict, Invalid, Problem, or_not_found
from app.domain.events import Event
from app.domain.hyperparameters import Hyperparameter, check_values, with_defaults
from app.domain.jobs import JobReason
from app.domain.names import checked_name
from app.domain.prices import Bill
from app.domain.serving import AnswersDirectly, DeploymentOffer, OffersDeployments, RemoteUsage, ReportsUsage
from app.domain.spending import AcceptedCost, require
from app.kit.paging import DEFAULT_LIMIT, Page
from app.services import prices, serving_targets, verbs
from app.services.provider_errors import PROVIDER_ERRORS, provider_errors
from app.services.scope import Scope, Scopes
from app.store import deployments as store
from app.store import events as event_store

MAX_MESSAGES = 200
MAX_MESSAGE_CHARS = 200_000
MAX_NEW_TOKENS = 8192
MAX_IDLE_S = 30 * 24 * 3600
MAX_LIFE = timedelta(days=366)
CONTENT_FILTER = "content_filter"  # how an answer ends that a content filter cut off (OpenAI's finish reason)
_ROLES = ("system", "user", "assistant")
_ON_ITS_WAY = (DeploymentStatus.PENDING, DeploymentStatus.CREATING)
MAX_TEMPERATURE = 2.0


@verbs.reads("deployments")
def list_deployments(
    scope: Scope,
    *,
    include_deleted: bool = False,
    project: str | None = None,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> Page[Deployment]:
    return store.page(scope.read, include_deleted=include_deleted, project=project, limit=limit, cursor=cursor)


@verbs.reads("deployments")
def get(scope: Scope, identifier: str) -> Deployment:
    return or_not_found(store.get(scope.read, identifier), "deployment", identifier)


@verbs.reads("deployments")
def is_free(scope: Scope, target: Mapping[str, Any]) -> bool:
    """Tell whether serving a target, with the options as they are proposed, costs nothing.

    Raises:
        Invalid, NotFound: when there is no such target.
    """
    wanted = serving_targets.target(scope, target)
    backend = scope.backend(wanted.connection)
    chosen = _options(backend, wanted, {})[0] if isinstance(backend, Deploys) else {}
    return prices.hosting_bill(scope, wanted, chosen).is_free


@verbs.spends("deployments", verbs.LATER)
def create(
    scope: Scope,
    *,
    target: Mapping[str, Any],
    name: object = None,
    content_safety: bool = True,
    expires_after_idle_s: int | None = None,
    expires_at: datetime | None = None,
    options: Mapping[str, object] | None = None,
    accepted: AcceptedCost | None = None,
) -> Deployment:
    """Record a deployment; the engine makes it.

    Raises:
        Invalid, Conflict, NotFound: when the target, the name, an option or a time is wrong.
        CostNotAccepted: when an hour of it is billed, and nobody has agreed to pay as much.
    """
    wanted = serving_targets.target(scope, target)
    backend = scope.backend(wanted.connection)
    if not isinstance(backend, Deploys):
        raise Conflict(backend.profile.why_not(Deploys), fix="Choose a model of another connection.")
    label = checked_name(name, "/name", "The deployment") if name else serving_targets.label(scope, wanted)
    idle = scope.app_context.idle_stop_s if expires_after_idle_s is None else expires_after_idle_s
    chosen, problems = _options(backend, wanted, options or {})
    problems += _time_problems(scope, idle, expires_at)
    if problems:
        raise Invalid(problems)
    bill = prices.hosting_bill(scope, wanted, chosen)
    require(bill, accepted, most=bill.per_hour, hourly=True)
    tx, now = scope.write, scope.now()
    deployment = Deployment(
        id=scope.new_id("dep"),
        name=label[:80],
        target=wanted,
        content_safety=content_safety,
        expires_after_idle_s=idle or None,
        expires_at=expires_at,
        options=chosen,
        created_at=now,
        changed_at=now,
        bill=bill,
    )
    store.add(tx, deployment, due_at=scope.due_now())
    event_store.add(tx, deployment.id, DeploymentStatus.PENDING.value, at=now)
    scope.nudge()
    return deployment


@verbs.reads("deployments")
def bill_of(scope: Scope, target: Target, options: Mapping[str, object]) -> Bill:
    """Return what an hour of serving a target would be billed for; options that are wrong have their defaults.

    Raises:
        ProviderFailed: when the backend fails to tell.
    """
    chosen, _problems = _options(scope.backend(target.connection), target, options)
    return prices.hosting_bill(scope, target, chosen)


@verbs.reads("deployments")
def offer(scope: Scope, target: Target) -> DeploymentOffer | None:
    """Return with what a target can be deployed; None where its backend has nothing to say about that."""
    backend = scope.backend(target.connection)
    try:
        return _offer(backend, target)
    except PROVIDER_ERRORS as error:  # a page that shows more than the offer says why there is none
        return DeploymentOffer(refused=error.message)


def _offer(backend: Backend, target: Target) -> DeploymentOffer | None:
    if not isinstance(backend, OffersDeployments):
        return None
    with provider_errors():
        try:
            return backend.deployment_offer(target.base_model, tuned=target.is_tuned)
        except BackendError as error:
            return DeploymentOffer(refused=error.detail)


def _options(
    backend: Backend, target: Target, given: Mapping[str, object]
) -> tuple[dict[str, Hyperparameter], list[Problem]]:
    found = _offer(backend, target)
    if found is None:
        return {name: value for name, value in given.items() if isinstance(value, int | float | str | bool)}, []
    if found.refused:
        raise Conflict(found.refused, fix="Choose another model.")
    good, problems = check_values(found.options, given, "/options")
    return with_defaults(found.options, good), problems


def _time_problems(scope: Scope, idle: int, expires_at: datetime | None) -> Iterator[Problem]:
    if not 0 <= idle <= MAX_IDLE_S:
        fix = f"Enter 0 (never) to {MAX_IDLE_S} seconds."
        yield Problem("/expires_after_idle_s", "range", "The idle time is out of range.", fix)
    if expires_at is None:
        return
    if expires_at.tzinfo is None:
        yield Problem("/expires_at", "invalid", "The time has no time zone.", "Add one, for example Z for UTC.")
    elif not scope.now() < expires_at <= scope.now() + MAX_LIFE:
        fix = f"Give a time within the next {MAX_LIFE.days} days, or leave it out."
        yield Problem("/expires_at", "time", "That moment is over, or too far away.", fix)


@verbs.deletes("deployments")
def delete(scope: Scope, identifier: str) -> Deployment:
    """Ask for a deployment's end; asking again is fine."""
    tx = scope.write
    deployment = get(scope, identifier)
    if deployment.status is DeploymentStatus.DELETED:
        return deployment
    if deployment.goal is not DeploymentGoal.ABSENT:
        event_store.add(tx, identifier, f"{scope.actor} asked to delete it.", at=scope.now(), kind="request")
    store.set_goal(tx, identifier, DeploymentGoal.ABSENT, reason=JobReason.REQUESTED, due_at=scope.due_now())
    scope.nudge()
    return get(scope, identifier)


@verbs.reads("deployments")
def events(scope: Scope, identifier: str, *, limit: int = DEFAULT_LIMIT, cursor: str | None = None) -> Page[Event]:
    get(scope, identifier)
    return event_store.page(scope.read, identifier, limit=limit, cursor=cursor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A deployment that is ready to answer, and the answer as it comes."""

    deployment: Deployment
    chunks: Iterator[ChatChunk]

    def begun(self) -> "Conversation":
        """Return it as soon as the model has begun to answer.

        Raises:
            ProviderFailed: when no answer begins.
        """
        first = next(self.chunks, None)
        return replace(self, chunks=_again(first, self.chunks))


@verbs.spends("answers", verbs.Within("deployments", "identifier"))
def chat(scope: Scope, scopes: Scopes, identifier: str, request: ChatRequest) -> Conversation:
    """Ask a deployment, once its answer is read. No transaction is held meanwhile; the use is counted at the end.

    Raises:
        Invalid: when the request is wrong.
        Conflict: unless the deployment is ready.
    """
    check_chat(request)
    return ask(scope, scopes, identifier, request)


@verbs.spends("answers", verbs.Within("deployments", "identifier"))
def ask(scope: Scope, scopes: Scopes, identifier: str, request: ChatRequest | CompletionRequest) -> Conversation:
    """Ask a deployment as `chat` does, for a chat or a completion whose shape has been checked.

    Raises:
        Conflict: as `chat`; and where its backend completes no texts.
    """
    deployment = get(scope, identifier)
    if deployment.status is not DeploymentStatus.READY:
        message = f"The deployment {deployment.name!r} is {deployment.status}, not ready."
        fix = "Wait until it is ready, or deploy it again."
        raise Conflict(message, fix=fix, soon=deployment.status in _ON_ITS_WAY)
    answer = _answering(scope.backend(deployment.target.connection), identifier, request)
    scope.release()
    return Conversation(deployment=deployment, chunks=_counted(scopes, scope, identifier, answer))


def _answering(
    backend: Backend, identifier: str, request: ChatRequest | CompletionRequest
) -> Callable[[], Iterator[ChatChunk]]:
    if isinstance(request, CompletionRequest):
        if not isinstance(backend, Completes):
            raise Conflict(backend.profile.why_not(Completes), fix="Ask for a chat completion.")
        return lambda: backend.complete(identifier, request)
    if not isinstance(backend, Chats):
        raise Conflict(backend.profile.why_not(Chats), fix="Use the endpoint with your own client.")
    return lambda: backend.chat(identifier, request)


def check_chat(request: ChatRequest) -> None:
    """Return if a chat request can be asked.

    Raises:
        Invalid: with every problem at once.
    """
    problems = list(_message_problems(request.messages))
    if not 0 <= request.temperature <= MAX_TEMPERATURE:
        fix = "Enter 0 (always the likeliest word) to 2."
        problems.append(Problem("/temperature", "range", "The temperature is out of range.", fix))
    if request.max_tokens is not None and not 1 <= request.max_tokens <= MAX_NEW_TOKENS:
        fix = f"Enter 1 to {MAX_NEW_TOKENS}."
        problems.append(Problem("/max_tokens", "range", "max_tokens is out of range.", fix))
    if problems:
        raise Invalid(problems)


def _message_problems(messages: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    if not 1 <= len(messages) <= MAX_MESSAGES:
        fix = f"Send 1 to {MAX_MESSAGES} messages."
        yield Problem("/messages", "length", f"There are {len(messages)} messages.", fix)
    for number, message in enumerate(messages[:MAX_MESSAGES]):
        if message.get("role") not in _ROLES:
            fix = f"Use one of {', '.join(_ROLES)}."
            yield Problem(f"/messages/{number}/role", "invalid", "The role is not known.", fix)
        if not message.get("content", "").strip():
            yield Problem(f"/messages/{number}/content", "missing", "The message is empty.", "Write something.")
        elif len(message["content"]) > MAX_MESSAGE_CHARS:
            fix = f"Use at most {MAX_MESSAGE_CHARS} characters."
            yield Problem(f"/messages/{number}/content", "length", "The message is too long.", fix)


def _counted(
    scopes: Scopes, scope: Scope, identifier: str, answer: Callable[[], Iterator[ChatChunk]]
) -> Iterator[ChatChunk]:
    began, failed, refused = time.perf_counter(), True, False
    try:
        with provider_errors():  # around every piece: what breaks off in the middle is told like what never began
            for chunk in answer():
                refused = refused or chunk.finish_reason == CONTENT_FILTER
                yield chunk
        failed = False
    except GeneratorExit:
        failed = False  # the reader went away; that is no fault of the model
        raise
    except PROVIDER_ERRORS as error:
        if isinstance(error.__cause__, Refused):
            failed, refused = False, True
        raise
    finally:
        took = (time.perf_counter() - began) * 1000
        with scopes.open(scope.actor) as counting:
            store.count_use(
                counting.write,
                identifier,
                at=counting.now(),
                milliseconds=None if failed or refused else took,
                failed=failed,
                refused=refused,
            )


def _again(first: ChatChunk | None, rest: Iterator[ChatChunk]) -> Iterator[ChatChunk]:
    if first is not None:
        yield first
    yield from rest


@verbs.reads("deployments")
def direct_code(scope: Scope, deployment: Deployment) -> Mapping[str, str]:
    """Return code that asks a deployment without us, by language; empty where it has no address of its own.

    Empty, too, where the backend fails: the page that shows it must be there to delete the deployment.
    """
    backend = scope.able(deployment.target.connection, AnswersDirectly)
    if deployment.endpoint is None or backend is None:
        return {}
    try:
        with provider_errors():
            return backend.direct_code(deployment.endpoint)
    except PROVIDER_ERRORS:
        return {}


@verbs.administers("deployments")
def show_key(scope: Scope, identifier: str) -> str:
    """Fetch a deployment's key now, note who asked for it, and keep it nowhere.

    Raises:
        Conflict: where it has none, or is not there.
        ProviderFailed: when the provider does not give it.
    """
    deployment = get(scope, identifier)
    with scope.ask(deployment.target.connection, AnswersDirectly, fix="Ask it through TuneDesk.") as backend:
        if deployment.status is not DeploymentStatus.READY:
            raise Conflict(f"The deployment is {deployment.status}, not ready.", fix="Wait until it is ready.")
        key = backend.endpoint_key(identifier)
    event_store.add(scope.write, identifier, f"{scope.actor} was shown the key.", at=scope.now(), kind="key")
    return key


@verbs.reads("deployments")
def measured(scope: Scope, identifier: str, *, over: timedelta) -> RemoteUsage | None:
    """Return what the provider itself counted lately; None where it counts nothing.

    Raises:
        ProviderFailed: when the provider does not answer.
    """
    deployment = get(scope, identifier)
    backend = scope.able(deployment.target.connection, ReportsUsage)
    if backend is None or deployment.status is DeploymentStatus.DELETED:
        return None
    with scope.provider_call():
        return backend.usage_metrics(identifier, over=over)


@verbs.reads("deployments")
def is_measured(scope: Scope, deployment: Deployment) -> bool:
    """Tell whether the provider counts a deployment's use itself."""
    return scope.able(deployment.target.connection, ReportsUsage) is not None
