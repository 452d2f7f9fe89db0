"""Webhooks as REST sees them."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from app.domain.webhooks import CHOICES, MessageStatus, WebhookEvent
from app.http.fields import SPACE, Id, Label, RequestModel, ResponseModel, described, exemplified

_WORDS = [each.value for each in CHOICES]
_ADDRESS = rf"^[{SPACE}]*https?://[^\x00{SPACE}]+[{SPACE}]*$"
Address = Annotated[str, StringConstraints(min_length=1, max_length=2048), described(pattern=_ADDRESS)]
Events = Annotated[
    list[Annotated[str, StringConstraints(max_length=80), described(enum=_WORDS)]], Field(min_length=1, max_length=20)
]


class WebhookIn(RequestModel):
    """A new webhook; `project` leaves out what happens in others, null takes all."""

    model_config = exemplified({"name": "Our chat", "url": "https://hooks.example/tunedesk", "events": _WORDS})

    name: Label
    url: Address = Field(description="https, at a public address or one that TUNEDESK_OUTGOING_ALLOWED names.")
    events: Events = Field(default_factory=lambda: list(_WORDS))
    project: Id | None = None


class WebhookPatch(RequestModel):
    """What to change of a webhook; another host needs a webhook of its own."""

    model_config = exemplified({"active": False})

    name: Label | None = None
    url: Address | None = None
    events: Events | None = None
    active: bool | None = None


class WebhookOut(ResponseModel):
    """A webhook; its secret is never shown again."""

    id: str
    name: str
    url: str
    events: list[WebhookEvent]
    project: str | None
    active: bool
    created_by: str
    created_at: datetime


class WebhookWithSecretOut(ResponseModel):
    """A webhook with its secret, shown this once: keep it where the receiver verifies signatures."""

    webhook: WebhookOut
    secret: str = Field(description="`whsec_` and base64, as Standard Webhooks has it.")


class MessageOut(ResponseModel):
    """A message: its `id` is the header `webhook-id` of every try. `attempts` counts the tries that failed."""

    id: str
    webhook: str
    event: WebhookEvent
    subject: str
    state: str
    status: MessageStatus
    note: str
    attempts: int
    created_at: datetime
    delivered_at: datetime | None
    next_look_at: datetime | None
