"""One server for the whole package, asked over HTTP alone. See at_baseline.py for why."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.first_hour.house import SPLIT, House, opened
from tests.first_hour.visitor import Visitor
from tests.support.chromium import browser

__all__ = ["browser"]
PATIENCE_S = 30.0  # for what a browser has to show; at the earlier code it is waited for in vain


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Give the served installation."""
    made = opened(tmp_path_factory.mktemp("first-hour"))
    yield made
    made.client.close()
    made.installation.close()


@pytest.fixture
def visitor(house: House) -> Iterator[Visitor]:
    """Give a browser without scripts, and without cookies of others."""
    with Visitor(house.address) as made:
        yield made


@dataclass(frozen=True)
class Trained:
    """A model that went the whole way, by the ids of what belongs to it; `since` that second of the monotonic clock."""

    project: str
    dataset: str
    job: str
    model: str
    deployment: str
    since: float


@pytest.fixture(scope="session")
def trained(house: House) -> Trained:
    """Train, evaluate and serve one model."""
    project = house.project("Letters that were answered")
    dataset = house.rows("answered-letters", project)
    job = house.ended(project=project, training_dataset=dataset, name="answered", validation=SPLIT)
    house.evaluated(job["id"])
    target = {"model": job["fine_tuned_model"]}
    deployment = house.client.post("/deployments", {"target": target, "expires_after_idle_s": 0})["id"]
    house.client.until(f"/deployments/{deployment}", status="ready")
    return Trained(project, dataset, job["id"], job["fine_tuned_model"], deployment, time.monotonic())


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Give a page in a real browser, whose console may complain, as it does of a request that fails."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_S * 1000)
    expect.set_options(timeout=PATIENCE_S * 1000)
    yield context.new_page()
    expect.set_options(timeout=5_000)
    context.close()
