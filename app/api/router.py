"""All of REST, in the order in which addresses are tried."""

from fastapi import APIRouter

from app.api import (
    capsules,
    catalog,
    connections,
    datasets,
    deployments,
    discovery,
    drafts,
    engine,
    evaluations,
    health,
    job_comparison,
    job_records,
    jobs,
    models,
    openapi,
    prices,
    projects,
    runtimes,
)

_NOUNS = (
    projects,
    connections,
    discovery,
    catalog,
    datasets,
    drafts,
    capsules,
    job_comparison,
    jobs,
    job_records,
    models,
    evaluations,
    deployments,
    prices,
    runtimes,
    engine,
)

router = APIRouter()
router.include_router(health.router)
router.include_router(openapi.router)
router.include_router(connections.kinds_router, prefix="/api/v1")
for _noun in _NOUNS:
    router.include_router(_noun.router, prefix="/api/v1")
