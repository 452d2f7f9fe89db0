"""All pages together: their routes, the page of a problem, and the static files."""

from pathlib import Path

from fastapi import APIRouter
from starlette.staticfiles import StaticFiles

from app.web import (
    capsules,
    catalog,
    choosing,
    comparing,
    connections,
    datasets,
    deployments,
    engine,
    evaluations,
    jobs,
    models,
    orphans,
    overview,
    patterns,
    playground,
    prices,
    projects,
    settings,
    wizard,
)
from app.web.problem_page import problem_page

__all__ = ["problem_page", "router", "static_files"]

# Pages are for people: REST's document does not list them.
router = APIRouter(include_in_schema=False)
router.include_router(overview.router)
router.include_router(wizard.router)
router.include_router(capsules.router)
router.include_router(comparing.router)
router.include_router(jobs.router)
router.include_router(evaluations.router)
router.include_router(patterns.router)
for _noun in (
    projects,
    connections,
    choosing,
    orphans,
    catalog,
    datasets,
    models,
    deployments,
    playground,
    prices,
    settings,
    engine,
):
    router.include_router(_noun.router)


def static_files(folder: Path) -> StaticFiles:
    """Return what serves the style sheets, scripts, icons and browser libraries of `folder`."""
    return StaticFiles(directory=folder)
