"""Sixty ways to smuggle a script into text, and every column of the database that such text may come to stand in.

None does harm: each sets `window.ran`, if it runs. They are planted in the columns themselves, behind all checks of
what comes in, so that what is tried is what pages make of stored text, whoever brought it.
"""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from html.parser import HTMLParser
from typing import Any

from sqlalchemy import Connection, String, insert, select, text, update

from app.domain.lifeboats import LifeboatStatus, RescueStage
from app.domain.webhooks import MessageStatus, WebhookEvent
from app.store import (
    adoption_schema,
    audit_schema,
    columns,
    lifeboat_schema,
    outbox_schema,
    people_schema,
    schema,
    schema_of_installation,
    schema_of_openai,
)

# Every module that says of a table that it is there.
TABLES = (
    adoption_schema, audit_schema, lifeboat_schema, outbox_schema, people_schema, schema, schema_of_installation,
    schema_of_openai,
)  # fmt: skip
METADATA = columns.metadata
MARK = "data-payload"  # an element that has it was made of a payload
_SET = "window.ran=1"
PAYLOADS = (
    f"<script {MARK}>{_SET}</script>",
    f"<ScRiPt {MARK}>{_SET}</sCrIpT>",
    f"<script {MARK} src='data:text/javascript,{_SET}'></script>",
    f"<script {MARK} type=module>{_SET}</script>",
    f"<script\n{MARK}\n>{_SET}</script\n>",
    f"<script/{MARK}>{_SET}</script/>",
    f"<scr<script {MARK}>ipt>{_SET}</scr</script>ipt>",
    f"</script><script {MARK}>{_SET}</script>",
    f"</title><script {MARK}>{_SET}</script>",
    f"</textarea><script {MARK}>{_SET}</script>",
    f"</style><script {MARK}>{_SET}</script>",
    f"</noscript><script {MARK}>{_SET}</script>",
    f"</template><script {MARK}>{_SET}</script>",
    f"</pre></code><script {MARK}>{_SET}</script>",
    f"</option></select><script {MARK}>{_SET}</script>",
    f"--><script {MARK}>{_SET}</script>",
    f"]]><script {MARK}>{_SET}</script>",
    f"'><script {MARK}>{_SET}</script>",
    f'"><script {MARK}>{_SET}</script>',
    f"`><script {MARK}>{_SET}</script>",
    f"<img {MARK} src=x onerror={_SET}>",
    f"<img {MARK} src=x onerror='{_SET}'",
    f"<img/{MARK}/src=x/onerror={_SET}>",
    f"<IMG {MARK} SRC=x OnErRoR={_SET}>",
    f"<img {MARK} src='x' srcset='y' onerror=&#119;indow.ran=1>",
    f'"><img {MARK} src=x onerror={_SET}>',
    f"'><img {MARK} src=x onerror={_SET}>",
    f'" autofocus onfocus={_SET} {MARK} x="',
    f"' autofocus onfocus={_SET} {MARK} x='",
    f'" onmouseover={_SET} style=position:fixed;inset:0 {MARK} x="',
    f'" onanimationstart={_SET} style=animation-name:spin {MARK} x="',
    f"<svg {MARK} onload={_SET}>",
    f"<svg {MARK}><script>{_SET}</script></svg>",
    f"<svg {MARK}><animate onbegin={_SET} attributeName=x dur=1s></svg>",
    f"<svg {MARK}><use href='data:image/svg+xml,<svg onload={_SET}>'/></svg>",
    f"<math {MARK}><mtext></p><img src=x onerror={_SET}></math>",
    f"<body {MARK} onload={_SET}>",
    f"<input {MARK} autofocus onfocus={_SET}>",
    f"<select {MARK} autofocus onfocus={_SET}>",
    f"<textarea {MARK} autofocus onfocus={_SET}>x</textarea>",
    f"<details {MARK} open ontoggle={_SET}>x</details>",
    f"<video {MARK}><source onerror={_SET}></video>",
    f"<audio {MARK} src=x onerror={_SET}></audio>",
    f"<marquee {MARK} onstart={_SET}>x</marquee>",
    f"<iframe {MARK} srcdoc='<script>parent.ran=1</script>'></iframe>",
    f"<iframe {MARK} src='javascript:parent.ran=1'></iframe>",
    f"<object {MARK} data='data:text/html,<script>parent.ran=1</script>'></object>",
    f"<embed {MARK} src='data:text/html,<script>parent.ran=1</script>'>",
    f"<link {MARK} rel=stylesheet href='data:text/css,*{{color:red}}'>",
    f"<style {MARK}>*{{animation-name:spin}}</style>",
    f"<base {MARK} href='data:,'>",
    f"<meta {MARK} http-equiv=refresh content='0;url=javascript:{_SET}'>",
    f"<form {MARK} action='javascript:{_SET}'><button autofocus>x</button></form>",
    f"<a {MARK} href='javascript:{_SET}'>x</a>",
    f"[x](javascript:{_SET}) ![x](https://payload.invalid/x.png)",
    f"<div {MARK} hx-get='/healthz' hx-trigger=load hx-on:load='{_SET}'>x</div>",
    f"<div {MARK} hx-on::before-init='{_SET}' hx-vals='js:{{a:{_SET}}}'>x</div>",
    f"{{{{ ''.__class__ }}}} ${{{_SET}}} <%= 1 %> {{% raw %}}<b {MARK}>",
    f"\x1b[31m\u202e\ufeff<b {MARK}>\u2028{_SET}//",
    f"&lt;script {MARK}&gt;{_SET}&lt;/script&gt; &#60;img {MARK} src=x onerror={_SET}&#62;",
)

# Columns in which no text of anybody's stands, by the end of their names and by table, with why.
NO_TEXT = {
    "id": "made here", "project": "an id", "connection": "an id", "dataset": "an id", "job": "an id", "model": "an id",
    "person": "an id", "webhook": "an id", "lifeboat": "an id", "evaluation": "an id", "parent": "an id",
    "family": "an id", "training_dataset": "an id", "validation_dataset": "an id", "few_shot_dataset": "an id",
    "fine_tuned_model": "an id", "cloned_from": "an id", "created_by": "an id", "set_by": "an id",
    "status": "one of ours", "goal": "one of ours", "reason": "one of ours", "stage": "one of ours",
    "state": "one of ours", "level": "one of ours", "kind": "one of ours", "role": "one of ours",
    "scope": "one of ours", "severity": "one of ours", "rule": "one of ours", "format": "one of ours",
    "event": "one of ours", "events": "several of ours", "visited": "several of ours", "verb": "one of ours",
    "action": "one of ours", "noun": "one of ours", "made_by": "one of ours", "backend": "one of ours",
    "sha256": "a hash", "body_sha256": "a hash", "key_sha256": "a hash", "hash": "a hash", "previous": "a hash",
    "model_hash": "a hash", "columns": "a hash", "password": "a hash", "sealed": "sealed", "sealed_key": "sealed",
    "lease_token": "made here", "cursor": "a provider's, shown nowhere", "bill": "numbers", "metrics": "numbers",
    "latencies": "numbers", "curves": "numbers", "parts": "ids", "report": "counts", "adapter": "one of ours",
}  # fmt: skip
NO_TEXT_OF = {
    "events.subject": "an id", "audit.subject": "an id", "webhook_messages.subject": "an id",
    "counters.name": "one of ours", "installation.name": "one of ours", "installation.value": "one of ours",
    "idempotency.actor": "an id", "idempotency.route": "one of ours", "idempotency.key": "shown nowhere",
    "idempotency.headers_json": "shown nowhere", "sign_in_attempts.key": "shown nowhere",
    "people.name_key": "shown nowhere", "own_prices.price": "one of ours", "own_prices.amount": "a number",
    "own_prices.currency": "one of ours", "series.name": "one of ours", "events.remote_id": "shown nowhere",
    "column_mappings.body": "proposed only for columns of the same names, which `datasets.origins` has",
    "events.actor": "an id",
}  # fmt: skip

Replace = Callable[[Any, str], Any]


def _keys(*names: str) -> Replace:
    """Return what puts a text under these keys of an object, whatever else is in it."""
    return lambda found, payload: {**(found or {}), **dict.fromkeys(names, payload)}


# Columns with JSON in which somebody's text stands, and how it is put there.
JSON: dict[str, Replace] = {
    "projects.decision": _keys("use_case", "alternatives_tried", "costs", "benefits"),
    "connections.settings": _keys("region"),
    "connections.doctor": lambda found, payload: {
        "checked_at": (found or {}).get("checked_at", "2026-11-24T10:00:00Z"),
        "checks": [
            {
                "id": "x", "title": payload, "status": "fail", "detail": payload,
                "fix": {"text": payload, "command": payload, "url": f"https://payload.invalid/{payload}"},
            }
        ],
    },
    "datasets.origins": lambda _found, payload: [
        {
            "filename": payload, "kind": "csv", "words": payload, "confidence": 1.0, "made": "0" * 64, "unit": "row",
            "columns": 2, "header": True, "shift": 0, "sha256": "0" * 64, "bytes": 1, "rows": 1,
        }
    ],
    "findings.body": _keys("message", "fix", "path", "source"),
    "jobs.spec": lambda found, payload: {**found, "name": payload, "base_model": payload, "metadata": {"k": payload}},
    "jobs.progress": _keys("stage"),
    "jobs.sent": _keys("parameter", "another"),
    "rescued_jobs.job": _keys("id", "name", "base_model", "model", "word"),
    "rescued_jobs.answers": lambda _found, payload: [
        {"line": 1, "asked": payload, "expected": payload, "answer": payload, "problem": payload}
    ],
    "rescued_jobs.notes": lambda _found, payload: [payload],
    "webhook_messages.body": lambda _found, payload: {"job": payload},
    "drafts.answers": _keys("name", "base_model"),
    "openai_requests.body": lambda _found, payload: {"model": payload, "suffix": payload, "hyperparameters": {}},
    "deployments.options": _keys("region"),
    "audit.given": lambda _found, payload: {"name": payload},
}  # fmt: skip


def plain() -> list[str]:
    """Return the columns that hold somebody's text as it is."""
    return [each for each in text_columns() if each not in JSON and not _why_none(each)]


def text_columns() -> list[str]:
    """Return all columns of texts."""
    return [f"{t.name}.{c.name}" for t in METADATA.sorted_tables for c in t.c if isinstance(c.type, String)]


def _why_none(column: str) -> str:
    return NO_TEXT_OF.get(column) or NO_TEXT.get(column.partition(".")[2], "")


# What a person, a file, a program or a provider says: the reviewed list of what `plain` finds.
PLAIN = (
    "adopted_files.name", "adopted_files.remote_id",
    "audit.actor", "audit.request", "audit.peer", "connections.name", "connections.paused_reason", "connections.note",
    "events.message", "model_aliases.name", "model_aliases.target", "people.name", "people.issuer", "people.subject",
    "projects.name", "projects.description", "api_tokens.name", "datasets.name", "datasets.filename",
    "lifeboats.note", "sessions.address", "sessions.agent", "webhooks.name", "webhooks.url", "jobs.name",
    "jobs.base_model", "jobs.message", "jobs.note", "jobs.raw_status", "jobs.remote_id", "rescued_jobs.remote_id",
    "webhook_messages.note", "checkpoints.remote_id", "job_metadata.key", "job_metadata.value", "models.name",
    "models.base_model", "models.remote_id", "models.note", "samples.prompt", "samples.expected", "samples.answer",
    "deployments.name", "deployments.base_model", "deployments.message", "deployments.note", "deployments.raw_status",
    "deployments.endpoint", "deployments.region", "evaluations.base_model", "evaluations.system_prompt",
    "evaluations.message", "evaluations.note", "evaluations.not_reused", "evaluation_rows.prompt",
    "evaluation_rows.expected", "evaluation_rows.answer",
)  # fmt: skip


def furnish(tx: Connection, *, connection: str, project: str, dataset: str, at: datetime) -> dict[str, str]:
    """Add a row of each kind that nothing else has made; return the ids by the first step of their pages."""
    tables = METADATA.tables
    rows: dict[str, dict[str, Any]] = {
        "webhooks": {
            "id": "wh_1", "name": "x", "url": "https://payload.invalid/", "project": project, "sealed": "x",
            "events": json.dumps([next(iter(WebhookEvent))]), "active": 1, "created_by": "x", "created_at": at,
        },
        "webhook_messages": {
            "id": "msg_1", "webhook": "wh_1", "event": next(iter(WebhookEvent)), "subject": "job_1", "state": "x",
            "body": "{}", "status": next(iter(MessageStatus)), "created_at": at,
        },
        "lifeboats": {
            "id": "lb_1", "connection": connection, "project": project, "status": next(iter(LifeboatStatus)),
            "rows": 0, "listed": 1, "created_at": at,
        },
        "rescued_jobs": {
            "id": "rj_1", "lifeboat": "lb_1", "remote_id": "x", "job": '{"id": "x"}', "stage": next(iter(RescueStage)),
            "curves": "[]", "answers": "[]", "notes": "[]", "created_at": at, "validation_dataset": dataset,
        },
        "adopted_files": {
            "connection": connection, "remote_id": "x", "name": "x", "dataset": dataset, "created_at": at,
        },
        "model_aliases": {"name": "x", "target": "y", "created_at": at},
    }  # fmt: skip
    for table, values in rows.items():
        known = {name: value for name, value in values.items() if name in tables[table].c}
        tx.execute(insert(tables[table]).values(known))
    return {"lifeboats": "lb_1", "rescued-jobs": "rj_1", "webhooks": "wh_1", "messages": "msg_1"}


def plant(tx: Connection, payload: str) -> set[str]:
    """Put a text into every column that may hold somebody's, in every row; return the columns that had one."""
    for (trigger,) in tx.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
        tx.execute(text(f'DROP TRIGGER "{trigger}"'))  # the audit refuses changes
    planted = set()
    for column in (*PLAIN, *JSON):
        table, _, name = column.partition(".")
        known = METADATA.tables[table]
        keys = list(known.primary_key)
        target = next(each for each in known.c if each.name == name)
        unique = any({each.name for each in one.columns} & {name} for one in _unique(known)) or target.unique
        for number, row in enumerate(tx.execute(select(*keys, target)).all()):
            value: Any = payload
            if column in JSON:
                value = json.dumps(JSON[column](json.loads(row[-1]) if row[-1] else None, payload))
            elif unique or target.primary_key:
                value = f"{payload} {number}"
            same = [key == row[at] for at, key in enumerate(keys)]
            tx.execute(update(known).where(*same).values({target.key: value}))
            planted.add(column)
    return planted


def _unique(table: Any) -> Iterator[Any]:  # noqa: ANN401 -- SQLAlchemy's constraints
    yield from (each for each in table.constraints if type(each).__name__ == "UniqueConstraint")


def beginning_with(number: int) -> str:
    """Return all payloads as one text, another one first each time: of some texts a page shows the beginning only."""
    return " ".join([*PAYLOADS[number:], *PAYLOADS[:number]])


class Smuggled(HTMLParser):
    """What of a page was made of a payload: elements, handlers, addresses that run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at an element."""
        for name, value in attrs:
            acts = name.startswith(("on", "hx-on")) or (value or "").strip().lower().startswith("javascript:")
            if name == MARK or acts:
                self.found.append(f"<{tag} {name}={value!r}>")


def smuggled(page: str) -> list[str]:
    """Return what of a page was made of a payload."""
    parser = Smuggled()
    parser.feed(page)
    parser.close()
    return parser.found
