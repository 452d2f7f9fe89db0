"""Webhooks as values: what can be heard of, a form's fields, the questions before an act."""

import json
from typing import Any

from starlette.datastructures import FormData

from app.domain.webhooks import CHOICES, Webhook, WebhookEvent
from app.web.i18n import gettext as _
from app.web.views.parts import Choice, Question


def choices() -> list[Choice]:
    """Return what a webhook can hear of, in words."""
    words = {
        WebhookEvent.JOB_SUCCEEDED: _("A job has succeeded"),
        WebhookEvent.JOB_FAILED: _("A job has failed"),
        WebhookEvent.JOB_CANCELLED: _("A job was cancelled"),
        WebhookEvent.MODEL_DELETED: _("A fine-tuned model was deleted"),
        WebhookEvent.MODEL_ENDING: _("The base of a fine-tuned model is being retired"),
    }
    return [Choice(value=each.value, label=words[each], note=each.value) for each in CHOICES]


def requested_fields(form: FormData) -> dict[str, Any]:
    """Return what a form asks for."""
    events = [each for each in form.getlist("events") if isinstance(each, str)]
    return {"name": str(form.get("name", "")), "url": str(form.get("url", "")), "events": events}


def readable(body: str) -> str:
    """Return a message's body over several lines."""
    return json.dumps(json.loads(body), ensure_ascii=False, indent=2)


def renewal(webhook: Webhook) -> Question:
    """Return the question before a new secret is made."""
    return Question(
        title=_("Make a new secret?"),
        message=_("For 24 hours, messages are signed with both, so that you can exchange it without missing any."),
        action=f"/settings/webhooks/{webhook.id}/secret",
        yes=_("Make a new secret"),
        no=_("Keep the secret"),
        back=f"/settings/webhooks/{webhook.id}",
    )


def deletion(webhook: Webhook) -> Question:
    """Return the question before a webhook is deleted."""
    return Question(
        title=_("Delete this webhook?"),
        message=_("Its secret and the record of its messages go with it, and nothing more is sent."),
        action=f"/settings/webhooks/{webhook.id}/delete",
        yes=_("Delete webhook"),
        no=_("Keep it"),
        back=f"/settings/webhooks/{webhook.id}",
    )
