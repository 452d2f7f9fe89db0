"""Pages of webhooks: who is called when something has ended, the secret once, and what came of each message."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.domain.errors import DomainError
from app.domain.webhooks import CHOICES
from app.http.dependencies import may
from app.http.fields import Id
from app.services import people, projects, webhooks
from app.services.scope import Scope
from app.web.presses import pressed
from app.web.rendering import Fields, Form, field_errors, page, see_other, status_of
from app.web.views import webhooks as view
from app.web.views.parts import Lenient

router = APIRouter(include_in_schema=False)


@router.get("/settings/webhooks")
def index(request: Request, scope: Annotated[Scope, may(webhooks.list_webhooks)]) -> Response:
    """The webhooks, and a form for another one."""
    return page(request, scope, "settings/webhooks.html", _list_context(scope))


@router.post("/settings/webhooks")
def create(request: Request, scope: Annotated[Scope, may(webhooks.create)], form: Form) -> Response:
    """Make a webhook, and show its secret, on this answer and never again.

    Whoever presses again, because that answer was lost or to load it anew, comes to the same webhook and may renew it.
    """
    given = view.requested_fields(form)
    fresh: list[webhooks.WithSecret] = []

    def make() -> Response:  # what is stored of it names the webhook and not its secret
        fresh.append(webhooks.create(scope, **given, project=str(form.get("project", "")) or None))
        return see_other(f"/settings/webhooks/{fresh[0].webhook.id}")

    said = {**given, "events": " ".join(given["events"]), "project": str(form.get("project", ""))}
    try:
        answer = pressed(
            scope, request.url.path, {**said, "idempotency_key": str(form.get("idempotency_key", ""))}, make
        )
    except DomainError as error:
        errors = field_errors(error)
        values = Lenient(given | {"project": form.get("project", "")})
        context = {**_list_context(scope), "values": values, "errors": errors}
        context["errors_by_field"] = Lenient({each.field: each.message for each in errors})
        return page(request, scope, "settings/webhooks.html", context, status=status_of(error))
    return _with_secret(request, scope, fresh[0]) if fresh else see_other(answer.headers["location"], "webhook_there")


@router.get("/settings/webhooks/{webhook}")
def show(
    request: Request,
    scope: Annotated[Scope, may(webhooks.get)],
    webhook: Id,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
) -> Response:
    """One webhook with its messages."""
    return page(request, scope, "settings/webhook.html", _one_context(scope, webhook, cursor))


@router.post("/settings/webhooks/{webhook}")
def change(request: Request, scope: Annotated[Scope, may(webhooks.update)], webhook: Id, form: Form) -> Response:
    """Change a webhook."""
    try:
        webhooks.update(scope, webhook, **view.requested_fields(form), active=form.get("active") == "on")
    except DomainError as error:
        context = {**_one_context(scope, webhook), "errors": field_errors(error)}
        return page(request, scope, "settings/webhook.html", context, status=status_of(error))
    return see_other(f"/settings/webhooks/{webhook}", "webhook_saved")


@router.get("/settings/webhooks/{webhook}/secret")
def ask_to_renew(request: Request, scope: Annotated[Scope, may(webhooks.get)], webhook: Id) -> Response:
    """Ask before a new secret is made, for browsers without scripts."""
    return page(request, scope, "confirm.html", {"question": view.renewal(webhooks.get(scope, webhook))})


@router.post("/settings/webhooks/{webhook}/secret")
def renew(request: Request, scope: Annotated[Scope, may(webhooks.renew_secret)], webhook: Id) -> Response:
    """Make a new secret, and show it this once."""
    return _with_secret(request, scope, webhooks.renew_secret(scope, webhook))


@router.post("/settings/webhooks/{webhook}/test")
def send_test(
    request: Request, scope: Annotated[Scope, may(webhooks.send_test)], webhook: Id, form: Fields
) -> Response:
    """Send a message that is about nothing."""

    def send() -> Response:
        webhooks.send_test(scope, webhook)
        return see_other(f"/settings/webhooks/{webhook}", "message_sent")

    return pressed(scope, request.url.path, form, send)


@router.get("/settings/webhooks/{webhook}/delete")
def ask_to_delete(request: Request, scope: Annotated[Scope, may(webhooks.get)], webhook: Id) -> Response:
    """Ask before a webhook goes, for browsers without scripts."""
    return page(request, scope, "confirm.html", {"question": view.deletion(webhooks.get(scope, webhook))})


@router.post("/settings/webhooks/{webhook}/delete")
def delete(scope: Annotated[Scope, may(webhooks.delete)], webhook: Id) -> Response:
    """Forget a webhook."""
    webhooks.delete(scope, webhook)
    return see_other("/settings/webhooks", "webhook_deleted")


@router.get("/settings/webhooks/messages/{message}")
def show_message(request: Request, scope: Annotated[Scope, may(webhooks.message)], message: Id) -> Response:
    """One message: what it says, and each try."""
    found = webhooks.message(scope, message)
    context = {
        "message": found,
        "webhook": webhooks.get(scope, found.webhook),
        "tries": webhooks.journal(scope, message),
        "body": view.readable(found.body),
    }
    return page(request, scope, "settings/message.html", context)


@router.post("/settings/webhooks/messages/{message}/send-again")
def send_again(scope: Annotated[Scope, may(webhooks.send_again)], message: Id) -> Response:
    """Send a message again, with its own id."""
    webhooks.send_again(scope, message)
    return see_other(f"/settings/webhooks/messages/{message}", "message_sent")


def _with_secret(request: Request, scope: Scope, made: webhooks.WithSecret) -> Response:
    answer = page(
        request, scope, "settings/webhook.html", {**_one_context(scope, made.webhook.id), "secret": made.secret}
    )
    answer.headers["cache-control"] = "no-store"
    return answer


def _list_context(scope: Scope) -> dict[str, Any]:
    return {
        "webhooks": webhooks.list_webhooks(scope),
        "choices": view.choices(),
        "project_names": projects.names(scope),
        "values": Lenient(events=CHOICES),
        "errors": [],
        "errors_by_field": Lenient(),
    }


def _one_context(scope: Scope, identifier: str, cursor: str | None = None) -> dict[str, Any]:
    webhook = webhooks.get(scope, identifier)
    return {
        "webhook": webhook,
        "found": webhooks.messages(scope, identifier, cursor=cursor),
        "journal": webhooks.journal(scope, identifier),
        "made_by": people.names(scope, [webhook.created_by]).get(webhook.created_by, webhook.created_by),
        "choices": view.choices(),
        "project": projects.find(scope, webhook.project) if webhook.project else None,
        "secret": "",
        "errors": [],
    }
