"""Verbs that find jobs by what whoever asked for them gave along, and a job with what it names."""

from collections.abc import Mapping

from app.domain.errors import or_not_found
from app.domain.jobs import FineTuningJob
from app.kit.paging import DEFAULT_LIMIT, Page
from app.services import verbs
from app.services.scope import Scope
from app.store import job_page as page_store
from app.store import jobs as store
from app.store.job_filter import Filter


@verbs.reads("jobs")
def with_metadata(
    scope: Scope, pairs: Mapping[str, str], *, limit: int = DEFAULT_LIMIT, cursor: str | None = None
) -> Page[FineTuningJob]:
    """Return the jobs that have all these pairs, newest first; without any pair, those that have no metadata."""
    return store.page(scope.read, Filter(metadata=pairs), sort="-created_at", limit=limit, cursor=cursor)


@verbs.reads("jobs")
def with_what_it_names(scope: Scope, identifier: str) -> FineTuningJob:
    """Return a job, whose connection and project, and the job that it repeats, need not be fetched after that."""
    found = or_not_found(page_store.head(scope.read, identifier), "job", identifier)
    scope.keep("connection", {found.connection.id: found.connection})
    scope.keep("project", {found.project.id: found.project})
    scope.keep("whose", {f"jobs/{identifier}": (found.project.id,)})
    scope.keep("sent", found.sent)
    if found.job.cloned_from is not None:
        scope.keep("job", {found.job.cloned_from: found.original})
    return found.job
