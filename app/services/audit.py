"""Verbs on the audit: read, look through, hand out. It is written by whoever acts (`acts`), and changed by nobody."""

from collections.abc import Sequence

from app.domain.audit import AuditEntry, AuditVerdict
from app.kit.paging import DEFAULT_LIMIT, Page
from app.services import verbs
from app.services.scope import Scope
from app.store import audit as store

CHUNK = 1000


@verbs.reads("audit")
def entries(
    scope: Scope, *, actor: str = "", subject: str = "", limit: int = DEFAULT_LIMIT, cursor: str | None = None
) -> Page[AuditEntry]:
    """Return who did what, newest first."""
    return store.page(scope.read, actor=actor.strip(), subject=subject.strip(), limit=limit, cursor=cursor)


@verbs.reads("audit")
def after(scope: Scope, number: int) -> Sequence[AuditEntry]:
    """Return the next entries behind entry `number`, in their order, for whoever hands out all of them."""
    return store.after(scope.read, number, limit=CHUNK)


@verbs.reads("audit")
def verify(scope: Scope) -> AuditVerdict:
    """Look whether anything was changed, put in or taken out."""
    return store.verify(scope.read)
