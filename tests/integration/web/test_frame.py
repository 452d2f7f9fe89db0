import pytest
from bs4 import BeautifulSoup
from starlette.testclient import TestClient

from app.http.guard import CONTENT_SECURITY_POLICY
from app.web.flash import NOTICE_COOKIE, notice
from tests.support.app_context import TestHouse

PAGES = (
    "/", "/jobs", "/wizard", "/datasets", "/models", "/deployments", "/playground", "/settings", "/catalog",
    "/projects", "/connections", "/patterns", "/commands", "/reference", "/reference/jobs",
)  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_its_frame(pages: TestClient, path: str) -> None:
    answer = pages.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    page = BeautifulSoup(answer.text, "html.parser")
    assert page.title is not None
    assert str(page.title.string).endswith("· TuneDesk")
    assert len(page.select("h1")) == 1
    assert len(page.select("nav[aria-label=Main] a:not(.brand)")) == 7
    assert len(page.select("main")) == 1
    ids = [str(tag["id"]) for tag in page.find_all(id=True)]
    assert len(ids) == len(set(ids)), sorted({each for each in ids if ids.count(each) > 1})


def test_every_local_link_and_action_leads_somewhere(pages: TestClient) -> None:
    seen: set[str] = set()
    for path in PAGES:
        page = BeautifulSoup(pages.get(path).text, "html.parser")
        seen |= {str(link["href"]).split("#")[0].split("?")[0] for link in page.select("a[href^='/']")}
    seen -= {"/openapi.json"}  # REST's own
    assert len(seen) > 10
    assert {path: pages.get(path).status_code for path in seen if pages.get(path).status_code != 200} == {}


def test_an_unknown_address_keeps_the_frame_and_names_the_request(pages: TestClient) -> None:
    answer = pages.get("/nowhere")
    assert answer.status_code == 404
    page = BeautifulSoup(answer.text, "html.parser")
    assert page.h1 is not None
    assert page.h1.text == "Not found"
    assert answer.headers["x-request-id"] in page.get_text()
    assert page.select_one("nav[aria-label=Main]") is not None


def test_a_job_that_does_not_exist_is_reported_in_words(pages: TestClient) -> None:
    answer = pages.get("/jobs/job_00")
    assert answer.status_code == 404
    assert "There is no job" in answer.text


@pytest.mark.parametrize("path", ["/nowhere", "/jobs/job_00", "/datasets?cursor=none"])
def test_the_page_of_a_failure_has_the_figures_and_projects_of_any_other(
    pages: TestClient, app_context: TestHouse, path: str
) -> None:
    project = app_context.project()
    pages.cookies.set("project", project, domain="127.0.0.1", path="/")
    pages.cookies.set(NOTICE_COOKIE, "draft_deleted", domain="127.0.0.1", path="/")
    answer = pages.get(path)
    assert answer.status_code >= 400
    page = BeautifulSoup(answer.text, "html.parser")
    assert len(page.select("#meter[data-version] a")) == 3
    assert page.select_one(f'form[action="/settings/project"] button[value="{project}"][aria-pressed=true]') is not None
    assert "The draft was deleted." not in answer.text, "a word about an act is for the page that it leads to"


def test_the_theme_is_kept_in_a_cookie_without_scripts(pages: TestClient) -> None:
    answer = pages.post("/settings/theme", data={"theme": "dark", "next": "/jobs"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/jobs")
    assert 'data-theme="dark"' in pages.get("/jobs").text
    pages.cookies.clear()
    assert 'data-theme="system"' in pages.get("/jobs", headers={"cookie": "theme=<script>"}).text


@pytest.mark.parametrize("where", ["//evil.test", "https://evil.test/", "/\\evil.test", "javascript:alert(1)"])
def test_the_theme_form_sends_nobody_away(pages: TestClient, where: str) -> None:
    location = pages.post("/settings/theme", data={"theme": "dark", "next": where}).headers["location"]
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))


def test_a_notice_is_shown_once_and_only_those_that_exist(pages: TestClient) -> None:
    pages.cookies.set(NOTICE_COOKIE, "draft_deleted", domain="127.0.0.1", path="/")
    shown = pages.get("/jobs")
    assert "The draft was deleted." in shown.text
    assert f'{NOTICE_COOKIE}=""' in shown.headers["set-cookie"]
    assert notice("anything else") == ()


def test_the_first_run_leads_to_the_sample(pages: TestClient, app_context: TestHouse) -> None:
    page = BeautifulSoup(pages.get("/").text, "html.parser")
    assert page.h1 is not None
    assert page.h1.text == "Welcome to TuneDesk"
    assert page.select_one("form[action='/sample'] button") is not None
    app_context.project()
    assert "Welcome" in pages.get("/").text
