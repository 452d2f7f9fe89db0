"""Pages where something is wrong or gone: they say so first, and offer nothing that can no longer be had."""

import pytest
from bs4 import BeautifulSoup
from starlette.testclient import TestClient

from app.engine.engine import Engine
from app.services import checkpoints, jobs, models
from tests.support.app_context import TestHouse
from tests.support.door import turn

ROW = '{"messages": [{"role": "user", "content": "2?"}, {"role": "assistant", "content": "two"}]}'


@pytest.mark.parametrize(
    ("file", "said", "rows_shown"),
    [
        (f"{ROW}\n{ROW[:40]}\n{ROW}\n".encode(), "Line 2", True),
        (b"%PDF-1.7\n", "This is a PDF document", False),
    ],
)
def test_a_dataset_with_errors_opens_with_them(pages: TestClient, file: bytes, said: str, rows_shown: bool) -> None:
    answer = pages.post("/datasets", files={"file": ("rows.jsonl", file)}, data={"name": "rows"})
    page = pages.get(answer.headers["location"]).text
    headings = [each.text for each in BeautifulSoup(page, "html.parser").select("section.card > header > h2")]
    assert headings[0] == "Fix these first"
    assert said in page
    assert ("First rows" in headings) is rows_shown


def test_what_a_teardown_took_is_not_offered_any_more(
    pages: TestClient, app_context: TestHouse, engine: Engine
) -> None:
    with app_context.open() as scope:
        job = jobs.create(scope, app_context.fields(training_dataset=app_context.dataset(60).id)).id
    turn(app_context, engine)
    before = pages.get(f"/jobs/{job}").text
    assert "Deploy</button>" in before
    assert "Save as model" in before
    with app_context.open() as scope:
        model = models.of_job(scope, job)[0]
    assert "The checkpoints of its job go with its weights" in pages.get(f"/models/{model.id}/teardown").text
    installation = pages.post("/deployments", data={"model": model.id, "idempotency_key": "once"}).headers["location"]
    turn(app_context, engine)
    assert "deploy the base model too" in pages.get("/playground").text
    assert "Ask it" in pages.get(installation).text
    pages.post(f"/models/{model.id}/teardown", data={"confirm": model.name})
    turn(app_context, engine)
    after = pages.get(f"/jobs/{job}").text
    assert "Deploy</button>" not in after
    assert "Save as model" not in after
    assert "to keep room" not in after, "nobody was short of room: the teardown removed them"
    assert "Ask it" not in pages.get(installation).text
    assert f'href="/models/{model.id}"' in after, "its record is kept"
    with app_context.open() as scope:
        assert not any(each.present for each in checkpoints.of_job(scope, job))
