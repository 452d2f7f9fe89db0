"""Verbs on webhooks: who is called when something has ended, with which secret, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.domain.errors import Conflict, Invalid, Problem, or_not_found
from app.domain.events import Event
from app.domain.names import checked_name
from app.domain.webhooks import (
    BEFORE,
    CHOICES,
    GRACE,
    PRESENT,
    UNTIL,
    Webhook,
    WebhookEvent,
    WebhookMessage,
    new_secret,
    sealed_for,
)
from app.kit.addresses import AddressRefused
from app.kit.paging import DEFAULT_LIMIT, Page
from app.kit.vault import VaultClosed
from app.services import projects, verbs
from app.services.scope import Scope
from app.store import events as event_store
from app.store import webhooks as store

MOST = 50  # webhooks of one installation


@dataclass(frozen=True, slots=True, kw_only=True)
class WithSecret:
    """A webhook with its secret, which is shown this once."""

    webhook: Webhook
    secret: str


@verbs.reads("webhooks")
def list_webhooks(scope: Scope) -> Sequence[Webhook]:
    """Return the webhooks, the oldest first."""
    return store.all_of_them(scope.read)


@verbs.reads("webhooks")
def get(scope: Scope, identifier: str) -> Webhook:
    return or_not_found(store.get(scope.read, identifier), "webhook", identifier)


@verbs.administers("webhooks")
def create(
    scope: Scope, *, name: object, url: str, events: Sequence[str] = CHOICES, project: str | None = None
) -> WithSecret:
    """Record a webhook and make its secret; nothing is called yet.

    Raises:
        Invalid: with every problem at once.
        Conflict: when the secret cannot be sealed, or there are too many.
    """
    tx, problems = scope.write, list[Problem]()
    label, wanted = _named(name, problems), _wanted(events, problems)
    _check_url(scope, url, problems)
    if project is not None and projects.find(scope, project) is None:
        problems.append(Problem("/project", "unknown", "There is no such project.", "Choose one, or none for all."))
    if problems:
        raise Invalid(problems)
    if len(store.all_of_them(tx)) >= MOST:
        raise Conflict(f"There are already {MOST} webhooks.", fix="Delete one that nobody needs.")
    identifier, secret = scope.new_id("whk"), new_secret()
    made = Webhook(
        id=identifier,
        name=label,
        url=url.strip(),
        events=wanted,
        project=project,
        sealed=_sealed(scope, identifier, {PRESENT: secret}),
        created_by=scope.actor.id,
        created_at=scope.now(),
    )
    store.add(tx, made)
    _note(scope, identifier, f"{scope.actor} made it.")
    return WithSecret(webhook=made, secret=secret)


@verbs.administers("webhooks")
def update(
    scope: Scope,
    identifier: str,
    *,
    name: object = None,
    url: str | None = None,
    events: Sequence[str] | None = None,
    active: bool | None = None,
) -> Webhook:
    """Change what is given of a webhook. Its secret belongs to its host: another host needs a new one.

    Raises:
        Invalid: with every problem at once.
    """
    tx, problems = scope.write, list[Problem]()
    webhook = get(scope, identifier)
    if name is not None:
        webhook = replace(webhook, name=_named(name, problems))
    if events is not None:
        webhook = replace(webhook, events=_wanted(events, problems))
    if active is not None:
        webhook = replace(webhook, active=active)
    if url is not None and url.strip() != webhook.url:
        _check_url(scope, url, problems)
        if not problems and _host(scope, url) != _host(scope, webhook.url):
            fix = "Make a webhook for the new host, and delete this one."
            problems.append(Problem("/url", "host", "The secret was made for another host.", fix))
        webhook = replace(webhook, url=url.strip())
    if problems:
        raise Invalid(problems)
    store.save(tx, webhook)
    _note(scope, identifier, f"{scope.actor} changed it.")
    return webhook


@verbs.administers("webhooks")
def renew_secret(scope: Scope, identifier: str) -> WithSecret:
    """Make a new secret; for a day the one before signs, too, so that nothing is missed while it is exchanged.

    Raises:
        Conflict: when it cannot be sealed.
    """
    webhook, tx, secret = get(scope, identifier), scope.write, new_secret()
    kept = {PRESENT: secret}
    try:
        before = scope.backends.vault.open(sealed_for(identifier), webhook.sealed)[PRESENT]
        kept |= {BEFORE: before, UNTIL: (scope.now() + GRACE).isoformat()}
    except VaultClosed:
        pass  # the key is another one: what it sealed is lost, and a new secret mends that
    webhook = replace(webhook, sealed=_sealed(scope, identifier, kept))
    store.save(tx, webhook)
    _note(scope, identifier, f"{scope.actor} had a new secret made.")
    return WithSecret(webhook=webhook, secret=secret)


@verbs.administers("webhooks")
def delete(scope: Scope, identifier: str) -> None:
    """Forget a webhook with its secret and its messages; what is under way may still arrive."""
    tx = scope.write
    get(scope, identifier)
    store.remove(tx, identifier)


@verbs.administers("webhooks")
def send_test(scope: Scope, identifier: str) -> WebhookMessage:
    """Write a message that is about nothing, to see whether it arrives.

    Raises:
        Conflict: when the webhook is switched off.
    """
    tx, webhook = scope.write, get(scope, identifier)
    _raise_if_off(webhook)
    state, data = scope.new_id("tst"), {"id": identifier, "object": "webhook", "name": webhook.name}
    made = store.put(tx, webhook, WebhookEvent.TEST, subject=identifier, state=state, data=data, at=scope.now())
    scope.nudge()
    return or_not_found(store.message(tx, made or ""), "message", state)


@verbs.reads("webhooks")
def messages(
    scope: Scope, identifier: str, *, limit: int = DEFAULT_LIMIT, cursor: str | None = None
) -> Page[WebhookMessage]:
    """Return what was, or is to be, sent to a webhook, newest first."""
    get(scope, identifier)
    return store.page(scope.read, identifier, limit=limit, cursor=cursor)


@verbs.reads("webhooks")
def message(scope: Scope, identifier: str) -> WebhookMessage:
    return or_not_found(store.message(scope.read, identifier), "message", identifier)


@verbs.reads("webhooks")
def journal(scope: Scope, subject: str, *, limit: int = DEFAULT_LIMIT) -> Sequence[Event]:
    """Return what happened to a webhook, or each try of a message, newest first."""
    return event_store.page(scope.read, subject, limit=limit, cursor=None).items


@verbs.administers("webhooks")
def send_again(scope: Scope, identifier: str) -> WebhookMessage:
    """Send a message again now, with its own id: who has it already knows it by that.

    Raises:
        Conflict: when its webhook is switched off.
    """
    tx, found = scope.write, message(scope, identifier)
    _raise_if_off(get(scope, found.webhook))
    store.send_again(tx, found, due_at=scope.due_now())
    _note(scope, identifier, f"{scope.actor} had it sent again.")
    scope.nudge()
    return message(scope, identifier)


def _sealed(scope: Scope, identifier: str, secrets: dict[str, str]) -> str:
    try:
        return scope.backends.vault.seal(sealed_for(identifier), secrets)
    except VaultClosed as error:
        raise Conflict(str(error), fix="See TUNEDESK_SECRET_KEY_FILE in the settings.") from error


def _note(scope: Scope, subject: str, message: str) -> None:
    event_store.add(scope.write, subject, message, at=scope.now(), kind="request")


def _raise_if_off(webhook: Webhook) -> None:
    if not webhook.active:
        raise Conflict(f"The webhook {webhook.name!r} is switched off.", fix="Switch it on first.")


def _named(name: object, problems: list[Problem]) -> str:
    try:
        return checked_name(name, "/name", "The webhook")
    except Invalid as error:
        problems.extend(error.problems)
        return ""


def _wanted(events: Sequence[str], problems: list[Problem]) -> Sequence[WebhookEvent]:
    known = {each.value for each in CHOICES}
    unknown = [each for each in events if each not in known]
    if unknown or not events:
        what = f"{unknown[0][:80]!r} is no event." if unknown else "No event is chosen."
        problems.append(Problem("/events", "unknown", what, f"Use {', '.join(sorted(known))}."))
        return ()
    return tuple(each for each in CHOICES if each.value in events)


def _check_url(scope: Scope, url: str, problems: list[Problem]) -> None:
    try:
        scope.app_context.outgoing.check(url.strip())
    except AddressRefused as refused:
        problems.append(Problem("/url", "refused", refused.message, refused.fix))


def _host(scope: Scope, url: str) -> tuple[str, str, int] | None:
    try:
        found = scope.app_context.outgoing.check(url.strip())
    except AddressRefused:
        return None  # it was allowed once, and is not any more
    return found.scheme, found.host, found.port
