from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from app.edge.application import GuardedApp
from app.edge.problem_answers import answer_problems
from app.settings import ROOT
from app.web.site import problem_page, router, static_files
from tests.support.door import BASE_URL, POLICY, client_of
from tests.support.house import TestHouse


@pytest.fixture
def pages(house: TestHouse) -> Iterator[TestClient]:
    """A browser without scripts, at this machine."""
    app = GuardedApp(policy=POLICY, title="TuneDesk", version="test")
    app.state.scopes = house.scopes
    app.include_router(router)
    app.mount("/static", static_files(ROOT / "static"))
    answer_problems(app, problem_page)
    with client_of(app) as client:
        client.headers["origin"] = BASE_URL  # as a browser does with every form
        yield client
