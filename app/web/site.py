"""All pages together: their routes, the page of a problem, and the static files."""

from pathlib import Path

from fastapi import APIRouter
from starlette.staticfiles import StaticFiles

from app.web import (
    catalog,
    connections,
    datasets,
    deployments,
    engine,
    evaluations,
    jobs,
    models,
    overview,
    patterns,
    playground,
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
router.include_router(jobs.router)
router.include_router(evaluations.router)
router.include_router(patterns.router)
for _noun in (projects, connections, catalog, datasets, models, deployments, playground, settings, engine):
    router.include_router(_noun.router)


def static_files(folder: Path) -> StaticFiles:
    """Return what serves the style sheets, scripts, icons and browser libraries of `folder`."""
    return StaticFiles(directory=folder)
