import json

import pytest
from bs4 import BeautifulSoup
from starlette.testclient import TestClient

from app.domain.metrics import Metric
from app.engine.engine import Engine
from app.services import jobs
from app.store import metrics as metric_store
from app.web.views.jobs import TABS
from tests.support.app_context import TestHouse
from tests.support.door import turn


def soup(pages: TestClient, path: str, **query: str) -> BeautifulSoup:
    answer = pages.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return BeautifulSoup(answer.text, "html.parser")


def messages(wire: str) -> list[dict[str, str]]:
    """Read server-sent events: the event, the id and the data of each."""
    found = []
    for block in wire.split("\n\n"):
        fields: dict[str, str] = {}
        for line in block.splitlines():
            name, _, value = line.partition(": ")
            fields[name] = f"{fields[name]}\n{value}" if name in fields else value
        if "data" in fields:
            found.append(fields)
    return found


@pytest.fixture
def waiting(app_context: TestHouse) -> str:
    """A job that has just been recorded."""
    with app_context.open() as scope:
        return jobs.create(scope, app_context.fields(training_dataset=app_context.dataset(60).id)).id


@pytest.fixture
def finished(app_context: TestHouse, engine: Engine, waiting: str) -> str:
    """A job that has succeeded and been evaluated."""
    turn(app_context, engine)
    return waiting


def test_every_tab_of_a_job_shows(pages: TestClient, finished: str) -> None:
    for tab in TABS:
        _check_tab(pages, finished, tab)


def _check_tab(pages: TestClient, finished: str, tab: str) -> None:
    page = soup(pages, f"/jobs/{finished}", tab=tab)
    assert page.select_one("#job-status").text == "Succeeded"  # type: ignore[union-attr]
    assert page.select_one(f"#panel-{tab}") is not None
    assert page.select_one("#stream") is None, "nothing will change by itself any more"


def test_token_accuracy_stands_among_the_further_curves(
    pages: TestClient, app_context: TestHouse, finished: str
) -> None:
    with app_context.open() as scope:
        points = [Metric(step=step, name="validation_token_accuracy", value=step / 8) for step in (1, 2, 3)]
        metric_store.add(scope.write, finished, points)
    curves = [each.get_text(" ", strip=True) for each in soup(pages, f"/jobs/{finished}").select(".further > div")]
    assert any(each.startswith("Token accuracy, validation") and "37.5%" in each for each in curves), curves


def test_a_waiting_job_opens_its_stream_and_can_be_cancelled(
    pages: TestClient, app_context: TestHouse, waiting: str
) -> None:
    page = soup(pages, f"/jobs/{waiting}")
    stream = page.select_one("#stream")
    assert stream is not None
    assert stream["hx-sse:connect"] == f"/jobs/{waiting}/live?tab=overview"
    assert stream["hx-sse:close"] == "done"
    asked = "It has not been submitted yet, so nothing has been trained."
    assert asked in pages.get(f"/jobs/{waiting}/cancel").text
    assert page.select_one("dialog#cancel p").get_text() == asked  # type: ignore[union-attr]
    assert pages.post(f"/jobs/{waiting}/cancel").headers["location"] == f"/jobs/{waiting}"
    with app_context.open() as scope:
        assert jobs.get(scope, waiting).goal == "cancelled"


def test_the_page_shows_the_verdict_on_rows_nobody_saw(pages: TestClient, finished: str) -> None:
    page = soup(pages, f"/jobs/{finished}", tab="evaluation")
    assert page.select_one(".verdict") is not None
    assert [head.get_text() for head in page.select("#figures thead th")] == ["Figure", "Base", "Tuned", "Difference"]
    names = [row.get_text() for row in page.select("#figures tbody th")]
    assert any(name.startswith("Accuracy") for name in names)
    everything = len(page.select("#rows tbody tr"))
    wrong = soup(pages, f"/jobs/{finished}", tab="evaluation", only="tuned_wrong")
    assert len(wrong.select("#rows tbody tr")) < everything


def test_the_stream_sends_points_then_the_page_and_ends(
    pages: TestClient, app_context: TestHouse, finished: str
) -> None:
    answer = pages.get(f"/jobs/{finished}/live")
    metric, html, done = messages(answer.text)
    points = json.loads(metric["data"])
    with app_context.open() as scope:
        loss = next(each for each in jobs.metrics(scope, finished) if each.name == "train_loss")
    assert [point["step"] for point in points if "train_loss" in point["values"]] == list(loss.steps)
    assert int(metric["id"]) == max(point["step"] for point in points)
    partial = BeautifulSoup(html["data"], "html.parser").select_one("hx-partial[hx-target='#job']")
    assert partial is not None
    assert partial["hx-swap"] == "innerMorph"
    assert done["event"] == "done"


def test_a_stream_taken_up_again_sends_only_what_is_new(pages: TestClient, finished: str) -> None:
    last = messages(pages.get(f"/jobs/{finished}/live").text)[0]["id"]
    again = messages(pages.get(f"/jobs/{finished}/live", headers={"last-event-id": last}).text)
    points = json.loads(again[0]["data"])
    # The last step is sent again, because its validation loss may have come later; the chart keys by step.
    assert {point["step"] for point in points} == {int(last)}


def test_a_strange_last_event_id_begins_anew(pages: TestClient, finished: str) -> None:
    for last in ("-1", "9" * 30, "x", "²"):
        answer = pages.get(f"/jobs/{finished}/live", headers={b"last-event-id": last.encode("latin-1")})
        assert messages(answer.text)[0]["event"] == "metric"


def test_the_chart_draws_without_scripts(pages: TestClient, finished: str) -> None:
    page = soup(pages, f"/jobs/{finished}")
    drawn = page.select("svg.fallback polyline")
    assert [line["class"] for line in drawn] == [["line", "s1"], ["line", "s2"]]
    assert all(str(line["points"]).count(",") > 1 for line in drawn)
    assert len(page.select("#loss-summary tbody tr")) == 2


def test_the_metrics_come_as_columns_and_as_a_table(pages: TestClient, finished: str) -> None:
    items = pages.get(f"/jobs/{finished}/metrics.json").json()["items"]
    assert {"train_loss", "validation_loss"} <= {each["name"] for each in items}
    table = pages.get(f"/jobs/{finished}/metrics.csv")
    assert table.headers["content-type"].startswith("text/csv")
    assert table.text.startswith("step,")


def test_the_list_filters_searches_and_answers_a_fragment(pages: TestClient, finished: str) -> None:
    page = soup(pages, "/jobs", status="succeeded", q="tuned")
    assert page.select_one(f"#row-{finished}") is not None
    assert soup(pages, "/jobs", status="failed").select_one(f"#row-{finished}") is None
    fragment = pages.get("/jobs", headers={"hx-request": "true", "hx-request-type": "partial"})
    assert fragment.text.lstrip().startswith('<div class="stack" id="jobs-list"')
    assert fragment.headers["vary"] == "HX-Request-Type"


def test_retry_and_clone(pages: TestClient, finished: str) -> None:
    first = pages.post(f"/jobs/{finished}/retry", data={"idempotency_key": "once"})
    again = pages.post(f"/jobs/{finished}/retry", data={"idempotency_key": "once"})
    assert first.headers["location"] == again.headers["location"] != f"/jobs/{finished}"
    assert pages.post(f"/jobs/{finished}/clone").headers["location"].startswith("/wizard/dft_")


def test_an_evaluation_again_with_examples(pages: TestClient, app_context: TestHouse, finished: str) -> None:
    with app_context.open() as scope:
        job = jobs.get(scope, finished)
    assert job.parts is not None
    form = {
        "idempotency_key": "one",
        "job": finished,
        "base_model": job.spec.base_model,
        "connection": job.spec.connection,
        "dataset": str(job.parts.test),
        "few_shot": "4",
        "few_shot_dataset": job.parts.training,
    }
    assert pages.post("/evaluations", data=form).headers["location"] == f"/jobs/{finished}?tab=evaluation"
    refused = pages.post("/evaluations", data={**form, "idempotency_key": "two", "few_shot": "many"})
    assert refused.status_code == 422
    assert "few_shot is out of range" in refused.text
