"""Runs side by side: the page, its address, REST, and every way of asking for what cannot be compared."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from bs4 import BeautifulSoup
from starlette.testclient import TestClient

from app.domain.metrics import Metric
from app.engine.engine import Engine
from app.services import jobs
from app.store import metrics as metric_store
from tests.support.app_context import TestHouse
from tests.support.door import turn, visiting


@dataclass(frozen=True)
class Furnished:
    """A house with three runs over the same rows: two that differ in a parameter, the third like the first."""

    app_context: TestHouse
    pages: TestClient
    runs: list[str]
    stranger: str  # a run over other rows
    waiting: str


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Furnished]:
    app_context = TestHouse(tmp_path_factory.mktemp("compare"))
    data, project = app_context.dataset(60).id, app_context.project()
    runs = []
    for changes in ({"n_epochs": 2}, {"n_epochs": 4}, {"n_epochs": 2}):
        fields = app_context.fields(training_dataset=data, project=project, hyperparameters=changes, seed=3)
        runs.append(record(app_context, fields))
    other = app_context.dataset(80, name="others", answers=("a", "b", "c")).id
    stranger = record(app_context, app_context.fields(training_dataset=other, project=project))
    turn(app_context, Engine(app_context.scopes))
    waiting = record(app_context, app_context.fields(training_dataset=data, project=project, name="later"))
    with visiting(app_context.scopes) as client:
        yield Furnished(app_context, client, runs, stranger, waiting)
    app_context.database.close()


def record(app_context: TestHouse, fields: dict[str, object]) -> str:
    with app_context.open() as scope:
        return jobs.create(scope, fields).id


@pytest.fixture
def pages(here: Furnished) -> TestClient:
    return here.pages


@pytest.fixture
def runs(here: Furnished) -> list[str]:
    return here.runs


def soup(pages: TestClient, address: str, status: int = 200) -> BeautifulSoup:
    answer = pages.get(address)
    assert answer.status_code == status, answer.text
    return BeautifulSoup(answer.text, "html.parser")


def names(page: BeautifulSoup) -> list[str]:
    return [each.text for each in page.select("#settings tbody th code")]


def test_the_list_leads_to_the_comparison_without_scripts(pages: TestClient, runs: list[str]) -> None:
    listed = soup(pages, "/jobs")
    ticks = [str(each["value"]) for each in listed.select("input[name=ids][form=compare]")]
    assert set(runs) < set(ticks)
    form = listed.select_one("form#compare")
    assert form is not None
    assert (form["method"], form["action"]) == ("get", "/jobs/compare")
    page = soup(pages, f"/jobs/compare?ids={runs[0]}&ids={runs[1]}")
    assert [each["value"] for each in page.select("input[data-series-pick]")] == runs[:2]


def test_only_what_differs_is_shown_unless_all_is_wanted(pages: TestClient, runs: list[str]) -> None:
    differing = soup(pages, f"/jobs/compare?ids={runs[0]},{runs[1]}")
    assert names(differing) == ["n_epochs"]
    row = differing.select_one("#settings tbody tr")
    assert row is not None
    assert [cell.text for cell in row.select("td")] == ["2", "4"]
    everything = soup(pages, f"/jobs/compare?ids={runs[0]},{runs[1]}&all=true")
    assert {"n_epochs", "seed"} <= set(names(everything))
    assert {"Base model", "Training rows", "Split seed"} <= {
        each.text for each in everything.select("#settings tbody th")
    }
    alike = soup(pages, f"/jobs/compare?ids={runs[0]},{runs[2]}")
    assert names(alike) == []
    assert "identical parameters and rows" in alike.text


def test_the_best_figure_is_in_bold_where_the_rows_are_the_same(pages: TestClient, runs: list[str]) -> None:
    page = soup(pages, f"/jobs/compare?ids={','.join(runs[:2])}")
    seen = {str(row.select_one("th").contents[0]): row for row in page.select(".compared tbody tr")}  # type: ignore[union-attr]
    assert "Lowest validation loss" in seen
    assert not seen["Training loss"].select(".best"), "a low training loss is no merit"
    bold = [cell for cell in seen["Lowest validation loss"].select("td") if "best" in (cell.get("class") or ())]
    values = [float(cell.contents[0]) for cell in seen["Lowest validation loss"].select("td")]  # type: ignore[arg-type]
    assert len(bold) == (1 if values[0] != values[1] else 0)
    assert all("(best)" in cell.text for cell in bold)


def test_what_any_run_has_measured_can_be_compared(here: Furnished) -> None:
    listed = f"/jobs/compare?ids={here.runs[1]},{here.runs[2]}"
    shown = [each.text for each in soup(here.pages, listed).select("nav[aria-label=Series] a")]
    assert shown == ["Training loss", "Validation loss", "Learning rate", "Tokens a second", "Gradient norm"]
    with here.app_context.open() as scope:
        for run, share in ((here.runs[1], 0.5), (here.runs[2], 0.75)):
            metric_store.add(scope.write, run, [Metric(step=1, name="validation_token_accuracy", value=share)])
    page = soup(here.pages, f"{listed}&metric=validation_token_accuracy")
    assert page.select_one("nav[aria-label=Series] a[aria-current]").text == "Token accuracy, validation"  # type: ignore[union-attr]
    seen = {str(row.select_one("th").contents[0]): row for row in page.select(".compared tbody tr")}  # type: ignore[union-attr]
    cells = seen["Token accuracy, validation"].select("td")
    assert [str(cell.contents[0]).strip() for cell in cells] == ["50.0%", "75.0%"]
    assert "best" in (cells[1].get("class") or ())


def test_runs_on_different_rows_are_not_ranked(here: Furnished) -> None:
    page = soup(here.pages, f"/jobs/compare?ids={here.runs[0]},{here.stranger}")
    assert "Not comparable." in page.text
    assert not page.select(".compared td.best")


def test_the_address_is_the_whole_state(pages: TestClient, runs: list[str]) -> None:
    listed = ",".join(runs)
    page = soup(pages, f"/jobs/compare?ids={listed}&metric=validation_loss&show={runs[1]}&all=true&name=Epochs%20<b>")
    assert "Epochs <b>" in page.select_one("h1").text  # type: ignore[union-attr]
    ticked = [each["value"] for each in page.select("input[data-series-pick]") if each.has_attr("checked")]
    assert ticked == [runs[1]]
    lines = [each["points"] for each in page.select("svg.fallback polyline")]
    assert [bool(points) for points in lines] == [False, True, False]
    assert page.select_one("nav[aria-label=Series] a[aria-current]").text == "Validation loss"  # type: ignore[union-attr]
    out = page.select_one(".legend .entry a")
    assert out is not None
    kept = soup(pages, f"/jobs/compare{out['href']}")
    assert [each["value"] for each in kept.select("input[data-series-pick]")] == runs[1:]
    assert "Epochs <b>" in kept.select_one("h1").text  # type: ignore[union-attr]


def test_the_curves_come_by_run_and_keep_their_peaks(here: Furnished) -> None:
    runs = here.runs
    with here.app_context.open() as scope:
        peaked = [Metric(step=step, name="grad_norm", value=1.0) for step in range(10_000)]
        metric_store.add(scope.write, runs[0], [*peaked, Metric(step=4321, name="grad_norm", value=99.0)])
    answer = here.pages.get(f"/jobs/compare/metrics.json?ids={','.join(runs[:2])}&metric=grad_norm").json()
    assert [each["name"] for each in answer["items"]] == runs[:2]
    assert len(answer["items"][0]["steps"]) <= 2000
    assert dict(zip(answer["items"][0]["steps"], answer["items"][0]["values"], strict=True))[4321] == 99.0


NOBODY = "job_00000000000000000000000000"


@pytest.mark.parametrize(
    ("ids", "sentence"),
    [
        ("", "No run was chosen."),
        (",, ,", "No run was chosen."),
        ("{0}", "One run alone cannot be compared."),
        ("{0},{0}", "One run alone cannot be compared."),
        (",".join(f"job_{n}" for n in range(11)), "11 runs were chosen; at most 10 stand side by side."),
        ("{0}," + NOBODY, f"There is no job '{NOBODY}'."),
        ("{0},<script>", "There is no job '<script>'."),
    ],
)
def test_what_cannot_be_compared_is_reported(pages: TestClient, runs: list[str], ids: str, sentence: str) -> None:
    wanted = ids.format(*runs)
    page = soup(pages, f"/jobs/compare?ids={wanted}", 422)
    errors = page.select_one("#errors")
    assert errors is not None
    assert sentence in errors.text
    assert pages.get(f"/jobs/compare/metrics.json?ids={wanted}").status_code == 422
    refused = pages.get("/api/v1/jobs/compare", params={"ids": wanted})
    assert refused.status_code == 422
    assert sentence in [each["message"] for each in refused.json()["errors"]]
    assert {each["pointer"] for each in refused.json()["errors"]} == {"?ids"}


def test_rest_answers_the_same(pages: TestClient, runs: list[str]) -> None:
    answer = pages.get("/api/v1/jobs/compare", params={"ids": ",".join(runs[:2])}).json()
    assert [each["id"] for each in answer["jobs"]] == runs[:2]
    differing = [each for each in answer["settings"] if each["differs"]]
    assert [(each["name"], each["values"]) for each in differing] == [("n_epochs", [2, 4])]
    assert all(each["metrics"]["rows"] > 0 for each in answer["evaluations"])
    figures = {each["name"]: each for each in answer["figures"]}
    assert figures["validation_loss"]["fair"] is True
    assert figures["train_loss"]["best"] == []


def test_a_waiting_run_has_dashes(here: Furnished) -> None:
    page = soup(here.pages, f"/jobs/compare?ids={here.runs[0]},{here.waiting}")
    row = page.select(".compared tbody tr")[0]
    assert [cell.text.strip() for cell in row.select("td")][1] == "–"
