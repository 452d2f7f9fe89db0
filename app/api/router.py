"""All of REST, in the order in which addresses are tried."""

from fastapi import APIRouter

from app.api import (
    catalog,
    connections,
    datasets,
    deployments,
    drafts,
    engine,
    evaluations,
    health,
    job_records,
    jobs,
    models,
    openapi,
    projects,
    runtimes,
)

_NOUNS = (
    projects,
    connections,
    catalog,
    datasets,
    drafts,
    jobs,
    job_records,
    models,
    evaluations,
    deployments,
    runtimes,
    engine,
)

router = APIRouter()
router.include_router(health.router)
router.include_router(openapi.router)
for _noun in _NOUNS:
    router.include_router(_noun.router, prefix="/api/v1")
