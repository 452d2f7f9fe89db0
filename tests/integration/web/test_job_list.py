"""The list of jobs at a size where it matters: counts that stop, pages by key, and no point read for a row."""

from pathlib import Path
from urllib.parse import urlencode

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import event
from starlette.testclient import TestClient

from app.domain.jobs import FineTuningJob
from app.domain.models import FineTunedModel
from app.main import create_app
from app.services import jobs
from app.settings import Settings
from app.store import jobs as job_store
from app.store import models as store
from benchmarks.crowd import crowded
from tests.support.app_context import TestHouse
from tests.support.door import BASE_URL, PEER

JOBS = 2600


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    folder: Path = tmp_path_factory.mktemp("crowd")
    crowded(folder, JOBS)
    settings = Settings(data_dir=folder, runtimes_dir=folder / "runtimes", runtime_autoinstall=False)
    # Without its lifespan: nothing turns the engine.
    return TestClient(create_app(settings), base_url=BASE_URL, client=PEER)


def rows(client: TestClient, address: str) -> tuple[list[str], str | None, BeautifulSoup]:
    page = BeautifulSoup(client.get(address).text, "html.parser")
    older = page.select_one("a[rel=next]")
    return [str(row["id"]) for row in page.select("tbody tr")], str(older["href"]) if older else None, page


def test_pages_by_key_show_every_job_once(client: TestClient) -> None:
    seen: list[str] = []
    address: str | None = "/jobs?status=cancelled"
    while address:
        ids, address, _ = rows(client, address)
        seen += ids
    assert len(seen) == len(set(seen)) > 200


def chips(page: BeautifulSoup) -> dict[str, str]:
    found = {str(chip.contents[0]).strip(): chip.select_one(".count") for chip in page.select(".chips a")}
    return {name: count.text for name, count in found.items() if count is not None}


def test_counts_of_a_search_stop_where_nobody_reads_them_any_more(client: TestClient) -> None:
    everything, found = (chips(rows(client, address)[2]) for address in ("/jobs", "/jobs?q=job_"))
    assert found["Succeeded"] == "1,000+"
    assert found["All"].endswith("+")
    assert found["Failed"] == everything["Failed"]
    each = {name: int(count.replace(",", "")) for name, count in everything.items()}
    assert each["Succeeded"] > 1_000
    assert each.pop("All") == sum(each.values())


def test_a_search_looks_at_what_belongs_to_a_job_and_the_counts_follow(
    pages: TestClient, app_context: TestHouse
) -> None:
    found = app_context.project("Parcels & returns"), app_context.dataset(name="letters")
    fields = app_context.fields(project=found[0], training_dataset=found[1].id), app_context.fields(name="another")
    with app_context.open() as scope:
        wanted = jobs.create(scope, fields[0]).id
    with app_context.open() as scope:
        jobs.create(scope, fields[1])
        store.add(scope.write, _model(jobs.get(scope, wanted)), due_at=None)
        job_store.set_model(scope.write, wanted, "mdl_1")
    for text in ("parcels & ret", "LETTERS", "letters.jsonl", "polite-parrot"):
        ids, _, page = rows(pages, f"/jobs?{urlencode({'q': text})}")
        assert ids == [f"row-{wanted}"], text
        assert [chip.text.split()[-1] for chip in page.select(".chips a")] == ["1", "1"], text
        assert rows(pages, str(page.select(".chips a")[1]["href"]))[0] == ids, text
    assert len(rows(pages, "/jobs?q=tuned")[0]) == 1
    assert rows(pages, "/jobs?q=100%25")[0] == rows(pages, "/jobs?q=a_other")[0] == []


def _model(job: FineTuningJob) -> FineTunedModel:
    spec = job.spec
    return FineTunedModel(
        id="mdl_1",
        name="polite-parrot",
        job=job.id,
        project=spec.project,
        connection=spec.connection,
        base_model=spec.base_model,
        remote_id="remote",
        adapter="none",
        created_at=job.created_at,
    )


def test_a_row_has_its_figures_and_a_page_asks_few_questions(client: TestClient) -> None:
    asked: list[str] = []
    database = client.app.state.scopes.app_context.database  # type: ignore[attr-defined]

    def hear(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(database.readers, "before_cursor_execute", hear)
    _, _, page = rows(client, "/jobs")
    event.remove(database.readers, "before_cursor_execute", hear)
    assert len(asked) <= 9, asked
    assert not [statement for statement in asked if "FROM metrics" in statement]
    row = page.select("tbody tr")[0]
    assert row.select_one("svg.spark polyline") is not None
    cells = [cell.text.strip() for cell in row.select("td")]
    assert float(cells[2]) > 0
    assert float(cells[3]) > 0
    assert "epochs" in row.select_one("th .sub").text  # type: ignore[union-attr]
    assert cells[5] == "Machine"


@pytest.mark.parametrize("address", ["/jobs", "/jobs?status=failed", "/jobs?status=succeeded&status=failed"])
def test_the_first_page_is_read_from_an_index(client: TestClient, address: str) -> None:
    statements: list[tuple[str, object]] = []
    database = client.app.state.scopes.app_context.database  # type: ignore[attr-defined]

    def hear(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        if "FROM jobs LEFT OUTER JOIN" in statement:
            statements.append((statement, parameters))

    event.listen(database.readers, "before_cursor_execute", hear)
    client.get(address)
    event.remove(database.readers, "before_cursor_execute", hear)
    ((statement, parameters),) = statements
    with database.reading() as tx:
        plan = [row[3] for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    assert any("INDEX ix_jobs_" in step for step in plan), plan
    if "&" in address:
        assert not any(step.startswith("SCAN jobs") for step in plan), plan
