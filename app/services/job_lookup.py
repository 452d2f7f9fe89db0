"""Verbs that find jobs by what whoever asked for them gave along."""

from collections.abc import Mapping

from app.domain.jobs import FineTuningJob
from app.kit.paging import DEFAULT_LIMIT, Page
from app.services import verbs
from app.services.scope import Scope
from app.store import jobs as store
from app.store.jobs import Filter


@verbs.reads("jobs")
def with_metadata(
    scope: Scope, pairs: Mapping[str, str], *, limit: int = DEFAULT_LIMIT, cursor: str | None = None
) -> Page[FineTuningJob]:
    """Return the jobs that have all these pairs, newest first; without any pair, those that have no metadata."""
    return store.page(scope.read, Filter(metadata=pairs), sort="-created_at", limit=limit, cursor=cursor)
