"""A message in its turn: signed now, sent beside the turns, and tried again with the same id until it is taken."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from app.domain.events import EventLevel
from app.domain.webhooks import (
    MessageStatus,
    Webhook,
    WebhookMessage,
    headers,
    sealed_for,
    signing,
    wait_after,
)
from app.engine.background_tasks import NotReady
from app.engine.reconciling import DeferredResult, ReconcileContext, SideEffect, StepResult
from app.engine.step import entry
from app.kit.addresses import AddressRefused
from app.kit.crash_points import CrashPoint, reached
from app.kit.outgoing import Outgoing
from app.kit.vault import VaultClosed
from app.services.scope import Scope
from app.store import webhooks as store

_LOOK = timedelta(seconds=1)
_SECONDS = 15.0  # for a whole call; the specification advises 15 to 30
_MOST_BYTES = 64 << 10  # of an answer, which nobody reads


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What one try came to; `gone`: the receiver wants no more messages."""

    taken: bool
    note: str
    gone: bool = False


def reconcile(context: ReconcileContext) -> DeferredResult | None:
    """Take the claimed message's next try, or what came of it; None where there is nothing to send any more."""
    with context.open() as scope:
        message = store.message(scope.read, context.id)
        webhook = None if message is None else store.get(scope.read, message.webhook)
        if message is None or webhook is None or message.status is not MessageStatus.PENDING:
            return None
        if not webhook.active:
            return _over(message, MessageStatus.FAILED, "The webhook is switched off.", EventLevel.WARNING)
    try:
        sent = context.tasks.result(f"{context.id}:send", _sending(context, webhook, message), calls_out=True)
    except NotReady:
        return StepResult(values={}, due_in=_LOOK)
    if sent.taken:
        return _over(
            message,
            MessageStatus.DELIVERED,
            sent.note,
            EventLevel.INFO,
            {"delivered_at": context.now(), "failing_since": None},
        )
    return _failed(message, webhook, sent)


def _sending(context: ReconcileContext, webhook: Webhook, message: WebhookMessage) -> Callable[[], Delivery]:
    def send() -> Delivery:
        with context.open() as scope:
            try:
                kept = scope.backends.vault.open(sealed_for(webhook.id), webhook.sealed)
            except VaultClosed as error:
                return Delivery(taken=False, note=f"Not sent: its secret cannot be opened. {error}")
            outgoing = scope.app_context.outgoing
        body, now = message.body.encode(), context.now()
        found = deliver(outgoing, webhook.url, body, headers(message.id, now, body, signing(kept, now)))
        reached(CrashPoint.MESSAGE_SENT)
        return found

    return send


def deliver(outgoing: Outgoing, url: str, body: bytes, named: Mapping[str, str]) -> Delivery:
    """Send a message once, and say what came of it; of the answer, its status alone is looked at."""
    import httpx2  # noqa: PLC0415 -- loaded where something is called

    try:
        with (
            outgoing.client(seconds=_SECONDS, read_s=_SECONDS, most_bytes=_MOST_BYTES) as client,
            client.stream("POST", url, content=body, headers=dict(named)) as answer,
        ):
            return _answered(answer.status_code)
    except AddressRefused as refused:
        return Delivery(taken=False, note=f"Not sent: {refused.message} {refused.fix}")
    except httpx2.TimeoutException:
        return Delivery(taken=False, note=f"There was no answer within {_SECONDS:.0f} seconds.")
    except httpx2.HTTPError as error:
        return Delivery(taken=False, note=f"The address could not be reached ({type(error).__name__}).")
    except OSError as error:
        return Delivery(taken=False, note=f"The certificates to trust cannot be read: {error.strerror}.")


def _answered(status: int) -> Delivery:
    said = f"It answered {status}."
    if status == HTTPStatus.GONE:
        return Delivery(taken=False, note=f"{said} It wants no more messages: the webhook was switched off.", gone=True)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        said += " Redirects are not followed: enter the address to which it leads."
    return Delivery(taken=HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES, note=said)


def _failed(message: WebhookMessage, webhook: Webhook, sent: Delivery) -> StepResult:
    failed = message.attempts + 1
    wait = None if sent.gone else wait_after(failed)
    if wait is None:
        switched_off = [_switch_off(webhook.id)] if sent.gone else []
        note = sent.note if sent.gone else f"{sent.note} It was given up after {failed} tries."
        return _over(message, MessageStatus.FAILED, note, EventLevel.ERROR, {"attempts": failed}, *switched_off)
    said = entry(message.id, f"Try {failed}: {sent.note}", level=EventLevel.WARNING)
    return StepResult(values={"note": sent.note, "attempts": failed}, due_in=wait, side_effects=[said])


def _over(
    message: WebhookMessage,
    status: MessageStatus,
    note: str,
    level: EventLevel,
    more: Mapping[str, Any] | None = None,
    *side_effects: SideEffect,
) -> StepResult:
    said = entry(message.id, f"Try {message.attempts + 1}: {note}", level=level)
    values = {"status": status.value, "note": note, **(more or {})}
    return StepResult(values=values, due_in=None, side_effects=[said, *side_effects])


def _switch_off(identifier: str) -> SideEffect:
    def write(scope: Scope) -> None:
        newest = store.get(scope.write, identifier)
        if newest is not None:
            store.save(scope.write, replace(newest, active=False))

    return write
