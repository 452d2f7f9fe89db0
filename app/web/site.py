"""All pages together: their routes, the page of a problem, and the static files."""

from pathlib import Path

from starlette.staticfiles import StaticFiles

from app.web import (
    account,
    adoptions,
    audit,
    autotrain,
    capsules,
    catalog,
    choosing,
    commands,
    comparing,
    connections,
    dataset_edits,
    datasets,
    deployments,
    engine,
    entry,
    evaluations,
    jobs,
    lifeboats,
    models,
    openai_clients,
    orphans,
    overview,
    people,
    playground,
    prices,
    projects,
    reference,
    settings,
    single_sign_on,
    webhooks,
    wizard,
)
from app.web.problem_page import problem_page

__all__ = ["ROUTERS", "problem_page", "static_files"]

ROUTERS = (
    entry.router,
    single_sign_on.router,
    overview.router,
    autotrain.router,
    wizard.router,
    capsules.router,
    comparing.router,
    jobs.router,
    evaluations.router,
    commands.router,
    people.router,
    projects.router,
    account.router,
    connections.router,
    choosing.router,
    orphans.router,
    adoptions.router,
    lifeboats.router,
    catalog.router,
    datasets.router,
    dataset_edits.router,
    models.router,
    deployments.router,
    playground.router,
    prices.router,
    openai_clients.router,
    settings.router,
    webhooks.router,
    audit.router,
    engine.router,
    reference.router,
)


def static_files(folder: Path) -> StaticFiles:
    """Return what serves the style sheets, scripts, icons and browser libraries of `folder`."""
    return StaticFiles(directory=folder)
