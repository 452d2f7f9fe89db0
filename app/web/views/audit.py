"""Entries of the audit in words."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from app.domain.actors import VISITOR
from app.domain.audit import AuditEntry
from app.web.i18n import gettext as _
from app.web.views.audit_words import in_words

_PAGES: Mapping[str, str] = {
    "con": "/connections/",
    "dep": "/deployments/",
    "ds_": "/datasets/",
    "evl": "/evaluations/",
    "job": "/jobs/",
    "mdl": "/models/",
    "prj": "/projects/",
    "whk": "/settings/webhooks/",
}
_SHOWN = 160
_REFUSED = "refused"
_PERSON = "per_"
_FINISHED = "single_sign_on.finish"
# Ways in that were tried in vain: there is no word for a verb that did not happen.
_IN_VAIN: Mapping[str, Callable[[], str]] = {
    "entering.sign_in": lambda: _("failed to sign in with a password"),
    "entering.redeem": lambda: _("failed to sign in with a one-time code"),
    "account.change_password": lambda: _("failed to change their password"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """An entry as a row: who did what, to what, and where that is, in words; `given` in one line."""

    entry: AuditEntry
    who: str
    what: str
    about: str
    href: str
    given: str


def people_in(entries: Sequence[AuditEntry]) -> list[str]:
    """Return the ids of the people who did what these entries tell, or whom they are about."""
    return sorted({each for entry in entries for each in (entry.actor, entry.subject) if each.startswith(_PERSON)})


def line(entry: AuditEntry, names: Mapping[str, str]) -> AuditLine:
    """Return an entry as a row; `names` are those of people by their ids."""
    href = _PAGES.get(entry.subject[:3], "")
    refused, what = entry.action == _REFUSED, in_words(entry.verb)
    if entry.verb == _FINISHED and not entry.subject:
        what = _("came from the directory, and has no account here")
    entered = entry.actor == VISITOR.id and entry.subject.startswith(_PERSON) and not refused
    about = names.get(entry.subject, entry.subject)
    return AuditLine(
        entry=entry,
        who=about if entered else _who(entry.actor, names),
        what=_refused(entry.verb, what) if refused else what,
        about=about,
        href=f"{href}{entry.subject}" if href else "",
        given=_given(entry.given),
    )


def _refused(verb: str, what: str) -> str:
    in_vain = _IN_VAIN.get(verb)
    return in_vain() if in_vain else _("was refused: %(what)s") % {"what": what}


def _who(actor: str, names: Mapping[str, str]) -> str:
    return _("somebody not signed in") if actor == VISITOR.id else names.get(actor, actor)


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
