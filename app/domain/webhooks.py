"""Webhooks: where messages go when something has ended, what a message is, and how it is signed.

Signed as Standard Webhooks 1.0 says (spec/standard-webhooks.md of https://github.com/standard-webhooks/standard-webhooks),
which OpenAI's clients verify: `client.webhooks.unwrap(body, headers, secret=…)`.
"""

import base64
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

SECRET_PREFIX = "whsec_"  # noqa: S105 -- how a secret begins, as the specification has it
SECRET_BYTES = 32  # the specification: 24 to 64
# The waits before each further try, from the specification's own table; after the last one it is given up.
RETRY_AFTER = tuple(timedelta(seconds=each) for each in (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400))
GRACE = timedelta(hours=24)  # for which the secret before signs, too


# The names under which secrets are sealed: the present one, the one before, and until when that signs, too.
PRESENT, BEFORE, UNTIL = "secret", "before", "before_until"


class WebhookEvent(StrEnum):
    """What a message is about; a job's are named as OpenAI names them."""

    JOB_SUCCEEDED = "fine_tuning.job.succeeded"
    JOB_FAILED = "fine_tuning.job.failed"
    JOB_CANCELLED = "fine_tuning.job.cancelled"
    MODEL_DELETED = "model.deleted"
    MODEL_ENDING = "model.ending"
    TEST = "webhook.test"


CHOICES = tuple(each for each in WebhookEvent if each is not WebhookEvent.TEST)


class MessageStatus(StrEnum):
    """Where a message stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """An address that is called when one of `events` happens, in one project or (None) in all."""

    id: str
    name: str
    url: str
    events: Sequence[WebhookEvent]
    project: str | None = None
    sealed: str = field(repr=False)  # its secrets
    active: bool = True
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookMessage:
    """One message to one webhook: written with what it is about, sent later, tried again with the same id and body."""

    id: str
    webhook: str
    event: WebhookEvent
    subject: str
    state: str  # of the subject; one message a state
    body: str
    status: MessageStatus = MessageStatus.PENDING
    note: str = ""
    attempts: int = 0  # that failed
    created_at: datetime
    delivered_at: datetime | None = None
    failing_since: datetime | None = None
    next_look_at: datetime | None = field(default=None, compare=False)


def sealed_for(identifier: str) -> str:
    """Return what the secrets of a webhook are sealed for: this row, and this use of it."""
    return f"{identifier} webhook"


def signing(kept: Mapping[str, str], now: datetime) -> Sequence[str]:
    """Return the secrets that sign now, the present one first."""
    both = BEFORE in kept and now < datetime.fromisoformat(kept[UNTIL])
    return [kept[PRESENT], kept[BEFORE]] if both else [kept[PRESENT]]


def new_secret() -> str:
    """Return a fresh secret as it is shown and typed."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def headers(identifier: str, at: datetime, body: bytes, signed_with: Sequence[str]) -> Mapping[str, str]:
    """Return the headers of one try: id, time in whole seconds since 1970, and a signature by each secret."""
    seconds = str(int(at.timestamp()))
    content = b".".join((identifier.encode(), seconds.encode(), body))
    signatures = [
        base64.b64encode(hmac.digest(base64.b64decode(each.removeprefix(SECRET_PREFIX)), content, "sha256")).decode()
        for each in signed_with
    ]
    return {
        "content-type": "application/json",
        "webhook-id": identifier,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(f"v1,{each}" for each in signatures),
    }


def wait_after(failed: int) -> timedelta | None:
    """Return how long to wait after so many tries that failed; None once it is given up."""
    return RETRY_AFTER[failed - 1] if failed <= len(RETRY_AFTER) else None
