"""Webhooks and their outbox in the database."""

import json
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete, insert, or_, select

from app.domain.webhooks import MessageStatus, Webhook, WebhookEvent, WebhookMessage
from app.kit.ids import new_id
from app.kit.paging import Page
from app.store import outbox_schema as schema
from app.store.database import Reader, Writer
from app.store.mapping import LEASED, Mapper

_T = schema.webhooks
_M = Mapper(Webhook, _T)
add, save, get, remove = _M.add, _M.save, _M.get, _M.remove
MESSAGES = Mapper(WebhookMessage, schema.messages, made=LEASED)


def all_of_them(tx: Reader) -> list[Webhook]:
    """Return every webhook, the oldest first."""
    return _M.by_age(tx)


def wanting(tx: Reader, event: WebhookEvent, project: str | None) -> list[Webhook]:
    """Return the active webhooks that want to hear of an event in a project."""
    own = _T.c.project.is_(None) if project is None else or_(_T.c.project.is_(None), _T.c.project == project)
    return [each for each in _M.by_age(tx, _T.c.active == 1, own) if event in each.events]


def record(
    tx: Writer,
    event: WebhookEvent,
    *,
    subject: str,
    state: str,
    project: str | None,
    data: Mapping[str, object],
    at: datetime,
) -> int:
    """Write a message to each webhook that wants it, in the transaction of what it is about; return how many.

    One a state: what stands there already is left alone, so that a step that is taken twice says it once.
    """
    wanted = wanting(tx, event, project)
    return sum(put(tx, each, event, subject=subject, state=state, data=data, at=at) is not None for each in wanted)


def put(
    tx: Writer,
    webhook: Webhook,
    event: WebhookEvent,
    *,
    subject: str,
    state: str,
    data: Mapping[str, object],
    at: datetime,
) -> str | None:
    """Write one message, due at once; return its id, None where the webhook has one of that state already."""
    t = schema.messages
    same = select(t.c.id).where(t.c.webhook == webhook.id, t.c.subject == subject, t.c.state == state)
    if tx.scalar(same) is not None:
        return None
    identifier = new_id("msg", at)
    body = {"object": "event", "id": identifier, "type": event, "created_at": int(at.timestamp()), "data": dict(data)}
    message = WebhookMessage(
        id=identifier,
        webhook=webhook.id,
        event=event,
        subject=subject,
        state=state,
        body=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        created_at=at,
    )
    tx.execute(insert(t).values(**MESSAGES.values(message), due_at=at.timestamp()))
    return identifier


def message(tx: Reader, identifier: str) -> WebhookMessage | None:
    return MESSAGES.get(tx, identifier)


def page(tx: Reader, webhook: str, *, limit: int, cursor: str | None) -> Page[WebhookMessage]:
    """Return a webhook's messages, newest first."""
    return MESSAGES.page(tx, limit=limit, cursor=cursor, webhook=webhook)


def send_again(tx: Writer, message: WebhookMessage, *, due_at: float) -> None:
    """Let a message be sent now, whatever came of it before: with its own id and body."""
    again = {"status": MessageStatus.PENDING.value, "attempts": 0, "due_at": due_at}
    tx.execute(schema.messages.update().where(schema.messages.c.id == message.id).values(again))


def forget(tx: Writer, *, before: datetime) -> int:
    """Remove the messages that are over and older than that; return how many."""
    t = schema.messages
    over = t.c.status != MessageStatus.PENDING.value
    return tx.execute(delete(t).where(over, t.c.created_at < before)).rowcount
