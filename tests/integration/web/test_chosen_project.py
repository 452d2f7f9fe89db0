"""A chosen project: every list shows its work alone, until another choice, without scripts."""

import pytest
from bs4 import BeautifulSoup
from starlette.testclient import TestClient

from app.domain.models import FineTunedModel
from app.services import datasets, deployments, drafts, jobs, projects
from app.store import models as model_store
from tests.support.app_context import MODEL, TestHouse
from tests.support.connections import REHEARSAL_ID

ROW = b'{"messages": [{"role": "user", "content": "%d?"}, {"role": "assistant", "content": "yes"}]}\n'


def furnish(app_context: TestHouse, name: str) -> str:
    """Make a project with a dataset, a job, a model and a deployment, each of them named after it."""
    project = app_context.project(name)
    with app_context.open() as scope:
        rows = [ROW % number for number in range(20)]
        data = datasets.upload(scope, name=f"rows of {name}", filename=f"{name}.jsonl", chunks=rows, project=project)
    fields = app_context.fields(project=project, training_dataset=data.id, name=f"job-{name.lower()}")
    with app_context.open() as scope:
        job = jobs.create(scope, fields)
    with app_context.open() as scope:
        model = FineTunedModel(
            id=f"mdl_{name.lower()}",
            name=f"model-{name}",
            job=job.id,
            project=project,
            connection=REHEARSAL_ID,
            base_model=MODEL,
            remote_id=name,
            created_at=scope.now(),
        )
        model_store.add(scope.write, model, due_at=None)
    with app_context.open() as scope:
        deployments.create(scope, target={"model": model.id}, name=f"served-{name}")
    return project


LISTS = {"/jobs": "job-{}", "/datasets": "rows of {}", "/models": "model-{}", "/deployments": "served-{}"}


def rows_of(pages: TestClient, address: str) -> str:
    page = BeautifulSoup(pages.get(address).text, "html.parser")
    return " ".join(row.get_text(" ") for row in page.select("table tbody tr")).lower()


@pytest.fixture
def two(pages: TestClient, app_context: TestHouse) -> tuple[str, str]:
    return furnish(app_context, "Parcels"), furnish(app_context, "Letters")


def test_every_list_shows_the_chosen_projects_work_until_all_are_chosen(
    pages: TestClient, two: tuple[str, str]
) -> None:
    shown = {address: rows_of(pages, address) for address in LISTS}
    for address, name in LISTS.items():
        assert name.format("Parcels").lower() in shown[address]
        assert name.format("Letters").lower() in shown[address]
    page = BeautifulSoup(pages.get("/jobs?q=job").text, "html.parser")
    switcher = page.select_one("form[action='/settings/project']")
    assert switcher is not None, "the switcher leads away instead of choosing"
    assert {str(button["value"]) for button in switcher.select("button")} == {"", *two}
    chosen = pages.post("/settings/project", data={"project": two[0], "next": "/jobs?q=job&cursor=1.job_1"})
    assert (chosen.status_code, chosen.headers["location"]) == (303, "/jobs?q=job")
    for address, name in LISTS.items():
        text = rows_of(pages, address)
        assert name.format("Parcels").lower() in text, address
        assert name.format("Letters").lower() not in text, address
        assert "Only the project “Parcels”." in pages.get(address).text
    chips = BeautifulSoup(pages.get("/jobs").text, "html.parser").select(".chips a .count")
    assert [chip.text for chip in chips] == ["1", "1"]
    assert pages.post("/settings/project", data={"project": "", "next": "/jobs"}).status_code == 303
    assert {address: rows_of(pages, address) for address in LISTS}.keys() == shown.keys()
    assert "job-letters" in rows_of(pages, "/jobs")


def test_what_begins_under_a_chosen_project_belongs_to_it(
    pages: TestClient, app_context: TestHouse, two: tuple[str, str]
) -> None:
    pages.post("/settings/project", data={"project": two[1], "next": "/"})
    field = BeautifulSoup(pages.get("/datasets").text, "html.parser").select_one("#upload select[name=project]")
    assert field is not None, "an upload cannot be given a project"
    assert [str(option["value"]) for option in field.select("option[selected]")] == [two[1]]
    begun = pages.post("/wizard", data={}).headers["location"]
    with app_context.open() as scope:
        assert drafts.get(scope, begun.split("/")[2]).values["project"] == two[1]
    made = pages.post("/datasets", data={"project": two[0]}, files={"file": ("more.jsonl", ROW * 2 % (1, 2))})
    with app_context.open() as scope:
        assert datasets.get(scope, made.headers["location"].rpartition("/")[2]).project == two[0]


def test_a_projects_page_lists_only_its_datasets(
    pages: TestClient, app_context: TestHouse, two: tuple[str, str]
) -> None:
    app_context.dataset(name="nobodys")
    page = BeautifulSoup(pages.get(f"/projects/{two[0]}").text, "html.parser")
    assert [link.text for link in page.select("#datasets a.rowlink")] == ["rows of Parcels"]


def test_a_base_model_that_a_project_compares_with_is_among_its_deployments(
    pages: TestClient, app_context: TestHouse, two: tuple[str, str]
) -> None:
    with app_context.open() as scope:
        deployments.create(scope, target={"connection": REHEARSAL_ID, "base_model": MODEL}, name="the base")
        empty = projects.create(scope, "Empty").id
    pages.post("/settings/project", data={"project": two[0]})
    assert "the base" in rows_of(pages, "/deployments")
    pages.post("/settings/project", data={"project": empty})
    assert rows_of(pages, "/deployments") == ""


def test_a_project_that_is_gone_hides_nothing(pages: TestClient, two: tuple[str, str]) -> None:
    pages.cookies.set("project", "prj_gone", domain="127.0.0.1", path="/")
    assert "job-parcels" in rows_of(pages, "/jobs")
    assert pages.post("/settings/project", data={"project": "x", "next": "//evil.test"}).headers["location"] == "/"
    there = pages.post("/settings/project", data={"project": two[0], "next": f"/projects/{two[1]}"})
    assert there.headers["location"] == f"/projects/{two[0]}"
