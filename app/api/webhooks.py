"""REST on webhooks and their messages."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from app.api.answers import CREATED, answer, listing, nothing, page
from app.api.routing import PathId, noun
from app.api.shapes.common import list_of
from app.api.shapes.webhooks import MessageOut, WebhookIn, WebhookOut, WebhookPatch, WebhookWithSecretOut
from app.http.dependencies import may
from app.http.fields import Paging
from app.services import webhooks
from app.services.scope import Scope

router = noun("webhooks", asks=False)


@router.get("", response_model=list_of(WebhookOut))
def list_webhooks(scope: Annotated[Scope, may(webhooks.list_webhooks)]) -> Response:
    """The webhooks; there are few, so there is one page."""
    return listing(WebhookOut, webhooks.list_webhooks(scope))


@router.post("", response_model=WebhookWithSecretOut, status_code=CREATED)
def create_webhook(scope: Annotated[Scope, may(webhooks.create)], body: WebhookIn) -> Response:
    """Make a webhook; the answer holds its secret, this once. Nothing is called before something happens."""
    return answer(WebhookWithSecretOut, webhooks.create(scope, **body.model_dump()), CREATED)


@router.get("/{identifier}", response_model=WebhookOut)
def get_webhook(scope: Annotated[Scope, may(webhooks.get)], identifier: PathId) -> Response:
    """One webhook."""
    return answer(WebhookOut, webhooks.get(scope, identifier))


@router.patch("/{identifier}", response_model=WebhookOut)
def change_webhook(scope: Annotated[Scope, may(webhooks.update)], identifier: PathId, body: WebhookPatch) -> Response:
    """Change a webhook, or switch it off."""
    return answer(WebhookOut, webhooks.update(scope, identifier, **body.model_dump()))


@router.delete("/{identifier}", status_code=204)
def delete_webhook(scope: Annotated[Scope, may(webhooks.delete)], identifier: PathId) -> Response:
    """Forget a webhook, its secret and its messages."""
    webhooks.delete(scope, identifier)
    return nothing()


@router.post("/{identifier}/secret", response_model=WebhookWithSecretOut)
def renew_webhook_secret(scope: Annotated[Scope, may(webhooks.renew_secret)], identifier: PathId) -> Response:
    """Make a new secret, shown this once; for a day, messages are signed by the one before, too."""
    return answer(WebhookWithSecretOut, webhooks.renew_secret(scope, identifier))


@router.post("/{identifier}/test", response_model=MessageOut, status_code=CREATED)
def send_test_message(scope: Annotated[Scope, may(webhooks.send_test)], identifier: PathId) -> Response:
    """Send a message that is about nothing, to see whether it arrives."""
    return answer(MessageOut, webhooks.send_test(scope, identifier), CREATED)


@router.get("/{identifier}/messages", response_model=list_of(MessageOut))
def list_messages(
    scope: Annotated[Scope, may(webhooks.messages)], identifier: PathId, paging: Annotated[Paging, Query()]
) -> Response:
    """What was sent, or is to be, newest first; kept for 30 days."""
    return page(MessageOut, webhooks.messages(scope, identifier, limit=paging.limit, cursor=paging.cursor))


@router.post("/messages/{identifier}/send-again", response_model=MessageOut)
def send_message_again(scope: Annotated[Scope, may(webhooks.send_again)], identifier: PathId) -> Response:
    """Send a message again now, with its own id."""
    return answer(MessageOut, webhooks.send_again(scope, identifier))
