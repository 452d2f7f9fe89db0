"""Entries of the audit in words."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from app.domain.audit import AuditEntry

_PAGES: Mapping[str, str] = {
    "con": "/connections/",
    "dep": "/deployments/",
    "dst": "/datasets/",
    "evl": "/evaluations/",
    "job": "/jobs/",
    "mdl": "/models/",
    "prj": "/projects/",
    "whk": "/settings/webhooks/",
}
_SHOWN = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """An entry as a row: what was done, to what, and where that is; `given` in one line."""

    entry: AuditEntry
    what: str
    href: str
    given: str


def line(entry: AuditEntry) -> AuditLine:
    """Return an entry as a row."""
    href = _PAGES.get(entry.subject[:3], "")
    return AuditLine(
        entry=entry,
        what=entry.verb.replace(".", ": ").replace("_", " "),
        href=f"{href}{entry.subject}" if href else "",
        given=_given(entry.given),
    )


def _given(text: str) -> str:
    try:
        given = json.loads(text)
    except ValueError:
        return text[:_SHOWN]
    if not isinstance(given, dict):
        return text[:_SHOWN]
    said = ", ".join(name if value is None else f"{name} {_json(value)}" for name, value in given.items())
    return said if len(said) <= _SHOWN else said[:_SHOWN] + "…"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def older(cursor: str | None, actor: str, subject: str) -> str | None:
    """Return the address of the page with older entries."""
    if cursor is None:
        return None
    wanted = {"cursor": cursor, "actor": actor, "subject": subject}
    return "/settings/audit?" + urlencode({name: value for name, value in wanted.items() if value})
