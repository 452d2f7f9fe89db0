from bs4 import BeautifulSoup
from starlette.testclient import TestClient

from app.services import drafts, jobs, projects
from tests.integration.web.test_pressed_twice import fields_of
from tests.support.app_context import MODEL, TestHouse
from tests.support.connections import REHEARSAL_ID


def soup(text: str) -> BeautifulSoup:
    return BeautifulSoup(text, "html.parser")


def begin(pages: TestClient) -> str:
    answer = pages.post("/wizard")
    assert answer.status_code == 303
    return answer.headers["location"].split("/")[2]


def walk(pages: TestClient, app_context: TestHouse, draft: str) -> None:
    """Answer all five steps as a person would."""
    forms = {
        "project": {"project": "new", "new_project": "Letters", "connection": REHEARSAL_ID},
        "model": {"base_model": MODEL, "name": "letters", "task_type": "chat_completion", "method": "sft"},
        "data": {"training_dataset": app_context.dataset(40).id},
        "validation": {"validation.kind": "split", "validation.ratio": "20", "validation.test_ratio": "20"},
        "hyperparameters": {"hyperparameters.n_epochs": "2", "seed": "3"},
    }
    following = ("model", "data", "validation", "hyperparameters", "review")
    for (step, form), after in zip(forms.items(), following, strict=True):
        answer = pages.post(f"/wizard/{draft}/{step}", data={**form, "goto": "next"})
        assert answer.status_code == 303, answer.text
        assert answer.headers["location"] == f"/wizard/{draft}/{after}"


def test_five_steps_without_scripts_make_a_job(pages: TestClient, app_context: TestHouse) -> None:
    draft = begin(pages)
    walk(pages, app_context, draft)
    review = soup(pages.get(f"/wizard/{draft}/review").text)
    key = review.select_one("input[name=idempotency_key]")
    assert key is not None
    assert "disabled" not in review.select_one("#submit").attrs  # type: ignore[union-attr]
    first = pages.post(f"/wizard/{draft}/submit", data={"idempotency_key": str(key["value"])})
    again = pages.post(f"/wizard/{draft}/submit", data={"idempotency_key": str(key["value"])})
    assert first.status_code == again.status_code == 303
    assert first.headers["location"] == again.headers["location"]
    with app_context.open() as scope:
        (job,) = jobs.list_jobs(scope).items
    assert first.headers["location"] == f"/jobs/{job.id}"
    assert job.spec.validation.ratio == 0.2
    assert job.spec.hyperparameters == {"n_epochs": 2}
    assert job.spec.seed == 3
    assert pages.get(f"/wizard/{draft}/model").headers["location"] == f"/jobs/{job.id}"
    for asked in ("model", "review"):  # a page that was left open and asks by itself goes there whole
        part = pages.get(f"/wizard/{draft}/{asked}", headers={"hx-request": "true", "hx-request-type": "partial"})
        assert part.headers["hx-redirect"] == f"/jobs/{job.id}"


def test_a_wrong_answer_is_reported_at_its_field_and_kept(pages: TestClient) -> None:
    draft = begin(pages)
    pages.post(f"/wizard/{draft}/project", data={"project": "new", "new_project": "P", "connection": REHEARSAL_ID})
    answer = pages.post(f"/wizard/{draft}/model", data={"base_model": MODEL, "name": "Not A Name", "goto": "next"})
    assert answer.status_code == 422
    page = soup(answer.text)
    name = page.select_one("input#name")
    assert name is not None
    assert name["value"] == "Not A Name"
    assert name["aria-invalid"] == "true"
    assert page.select_one("#name-err").text.startswith("The name has characters")  # type: ignore[union-attr]
    assert page.select_one("#errors a[href='#name']") is not None
    again = soup(pages.get(f"/wizard/{draft}/model").text).select_one("input#name")
    assert again is not None
    assert again["value"] == "Not A Name"


def test_a_new_project_without_a_name_is_asked_for_its_name(pages: TestClient, app_context: TestHouse) -> None:
    app_context.project("Letters")
    draft = begin(pages)
    answer = pages.post(f"/wizard/{draft}/project", data={"project": "new", "new_project": " ", "goto": "next"})
    assert answer.status_code == 422
    page = soup(answer.text)
    assert page.select_one("#errors a[href='#new_project']") is not None
    assert page.select_one("#new_project-err").text == "The new project has no name. Name it, or choose one."  # type: ignore[union-attr]
    assert page.select_one("#project option[selected]")["value"] == "new"  # type: ignore[index]


def test_a_tenth_is_kept_for_the_test_unless_another_share_is_chosen(pages: TestClient, app_context: TestHouse) -> None:
    draft, rows = begin(pages), app_context.dataset(40).id
    pages.post(f"/wizard/{draft}/data", data={"training_dataset": rows, "goto": "next"})
    offered = fields_of(soup(pages.get(f"/wizard/{draft}/validation").text).select("#step-form")[0])
    assert offered["validation.test_ratio"] == "10"
    stored = {}
    for test in ("", rows):  # a test dataset of one's own takes the place of the share that is offered
        pages.post(f"/wizard/{draft}/validation", data={**offered, "test_dataset": test, "goto": "next"})
        with app_context.open() as scope:
            stored[test] = drafts.get(scope, draft).values["validation"].get("test_ratio")
    assert stored == {"": 0.1, rows: None}
    pages.post(f"/wizard/{draft}/validation", data={**offered, "validation.test_ratio": "0", "goto": "next"})
    again = fields_of(soup(pages.get(f"/wizard/{draft}/validation").text).select("#step-form")[0])
    assert again["validation.test_ratio"] == "0"


def test_going_back_is_never_refused(pages: TestClient) -> None:
    draft = begin(pages)
    answer = pages.post(f"/wizard/{draft}/hyperparameters", data={"hyperparameters.n_epochs": "-1", "goto": "back"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/wizard/{draft}/validation")


def test_an_answer_is_stored_and_the_fragments_come_back(pages: TestClient, app_context: TestHouse) -> None:
    draft = begin(pages)
    answer = pages.post(f"/wizard/{draft}/validate/project", data={"project": "", "connection": REHEARSAL_ID})
    assert answer.status_code == 200
    targets = [str(each["hx-target"]) for each in soup(answer.text).find_all("hx-partial")]
    assert targets == ["#step-fields", "#stepper", "#readiness"]
    with app_context.open() as scope:
        assert drafts.get(scope, draft).values["connection"] == REHEARSAL_ID


def test_review_lists_what_is_missing_as_links(pages: TestClient) -> None:
    draft = begin(pages)
    page = soup(pages.get(f"/wizard/{draft}/review").text)
    links = {str(each["href"]) for each in page.select("#errors a")}
    assert {f"/wizard/{draft}/project#project", f"/wizard/{draft}/data#training_dataset"} <= links
    assert "disabled" in page.select_one("#submit").attrs  # type: ignore[union-attr]
    refused = pages.post(f"/wizard/{draft}/submit", data={"idempotency_key": "one"})
    assert refused.status_code == 422
    assert soup(refused.text).select_one("#errors") is not None


def test_a_submit_without_its_key_is_refused(pages: TestClient) -> None:
    assert pages.post(f"/wizard/{begin(pages)}/submit").status_code == 400


def test_a_preset_is_a_form_of_its_own_and_leads_back(pages: TestClient, app_context: TestHouse) -> None:
    draft = begin(pages)
    walk(pages, app_context, draft)
    page = soup(pages.get(f"/wizard/{draft}/hyperparameters").text)
    preset = page.select_one("#presets input[name=preset]")
    assert preset is not None
    answer = pages.post(f"/wizard/{draft}/preset", data={"preset": str(preset["value"])})
    assert answer.headers["location"] == f"/wizard/{draft}/hyperparameters"


def test_text_from_outside_is_never_markup(pages: TestClient) -> None:
    draft = begin(pages)
    hostile = "<script>alert(1)</script>\u202e"
    pages.post(f"/wizard/{draft}/model", data={"base_model": "other", "base_model_other": hostile, "name": hostile})
    text = pages.get(f"/wizard/{draft}/review").text
    assert "<script>alert" not in text


def test_only_what_can_be_trained_on_can_be_chosen(pages: TestClient, app_context: TestHouse) -> None:
    good, refused = app_context.dataset(40), app_context.upload(b'{"messages": [}\n' * 12, "refused")
    broken = app_context.upload(b'{"text": "a"}\n' * 12 + b'{"text": ""}\n', "broken")
    draft = begin(pages)
    walk(pages, app_context, draft)
    choices = soup(pages.get(f"/wizard/{draft}/data").text).select("input[name=training_dataset]")
    assert [each["value"] for each in choices if "disabled" in each.attrs] == [broken.id]
    assert choices[-1]["value"] == broken.id, "what cannot be chosen stands last"
    assert refused.id not in {each["value"] for each in choices}
    tests = soup(pages.get(f"/wizard/{draft}/validation").text).select("select[name=test_dataset] option")
    assert good.id in {each["value"] for each in tests}
    assert {broken.id, refused.id}.isdisjoint(each["value"] for each in tests)


def test_the_only_project_is_chosen_already(pages: TestClient, app_context: TestHouse) -> None:
    with app_context.open() as scope:
        only = projects.create(scope, "Letters").id
    page = soup(pages.get(f"/wizard/{begin(pages)}/project").text)
    assert [each["value"] for each in page.select("#project option[selected]")] == [only]
    assert page.select("[aria-invalid=true]") == []
    with app_context.open() as scope:
        projects.create(scope, "Tickets")
    page = soup(pages.get(f"/wizard/{begin(pages)}/project").text)
    assert [each["value"] for each in page.select("#project option[selected]") if each["value"]] == []


def test_a_name_that_is_typed_beside_the_chosen_project_makes_a_new_one(
    pages: TestClient, app_context: TestHouse
) -> None:
    with app_context.open() as scope:
        only = projects.create(scope, "Letters").id
        other = projects.create(scope, "Tickets").id
        draft = drafts.create(scope, {"project": only}).id
    typed = {"new_project": "Parcels", "connection": REHEARSAL_ID}
    pages.post(f"/wizard/{draft}/project", data={**typed, "project": other, "goto": "next"})
    with app_context.open() as scope:
        assert drafts.get(scope, draft).values["project"] == other
    pages.post(f"/wizard/{draft}/project", data={**typed, "project": other, "goto": "next"})
    with app_context.open() as scope:
        made = drafts.get(scope, draft).values["project"]
        assert projects.get(scope, str(made)).name == "Parcels"
