"""Pages and addresses that only trainings of this machine fill: stop and save, the line, what goes on from what."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag
from starlette.testclient import TestClient

from app.domain.jobs import JobStatus
from app.domain.metrics import Sample
from app.services import drafts
from app.store import events, samples
from app.training import run_lock
from tests.support.connections import LOCAL_ID
from tests.support.door import visiting
from tests.support.steered import DemoClient

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[DemoClient]:
    made = DemoClient(tmp_path)
    yield made
    made.close()


@pytest.fixture
def pages(demo: DemoClient) -> Iterator[TestClient]:
    """A browser without scripts, and a client of REST in one."""
    with visiting(demo.app_context.scopes) as client:
        yield client


def soup(pages: TestClient, path: str) -> BeautifulSoup:
    answer = pages.get(path)
    assert answer.status_code == 200, answer.text
    return BeautifulSoup(answer.text, "html.parser")


def part(page: Tag, selector: str) -> Tag:
    """Return the first element that fits."""
    found = page.select_one(selector)
    assert found is not None, selector
    return found


def buttons(page: BeautifulSoup) -> set[str]:
    return {button.get_text(" ", strip=True) for button in page.select("main button, main a.btn")}


def test_a_training_is_stopped_and_saved_and_then_goes_on(demo: DemoClient, pages: TestClient) -> None:
    job = demo.submit(name="triage")
    assert "Stop and save" not in buttons(soup(pages, f"/jobs/{job}"))
    refused = pages.post(f"/api/v1/jobs/{job}/stop")
    assert (refused.status_code, refused.json()["fix"]) == (409, "Cancel the job instead.")
    demo.trained(job, 2)
    assert "Stop and save" in buttons(soup(pages, f"/jobs/{job}"))
    assert "The best checkpoint becomes the model" in soup(pages, f"/jobs/{job}/stop").get_text()
    assert pages.post(f"/jobs/{job}/stop").headers["location"] == f"/jobs/{job}"
    assert pages.post(f"/api/v1/jobs/{job}/stop").json()["goal"] == "stopped"
    assert "Training stops after the current step" in soup(pages, f"/jobs/{job}").get_text()
    demo.until_it(job, lambda seen: seen.status.is_final)
    page = soup(pages, f"/jobs/{job}")
    assert "Stopped early as asked, after step 2 of 8." in page.get_text()
    assert {"Save as model", "Continue from here", "Remove all"} <= buttons(page)
    listed = part(soup(pages, "/jobs"), f'tr:has(a[href="/jobs/{job}"])')
    assert ["25%" in each.get_text() for each in (part(page, "#stat-progress"), listed)] == [True, True], "2 of 8"
    # From a checkpoint, by the page: a draft whose base is named, not spelled.
    before = pages.get("/api/v1/models").json()["items"]
    begun = pages.post(f"/jobs/{job}/checkpoints/1/continue").headers["location"]
    assert begun.endswith("/review")
    assert pages.get(begun).status_code == 200
    model_step = soup(pages, begun.replace("/review", "/model"))
    assert part(model_step, 'input[name="base_model"][checked]')["value"] == f"run:{job}@1"
    assert "triage (step 1)" in model_step.get_text()
    assert pages.post(f"/api/v1/jobs/{job}/checkpoints/1/continue").status_code == 201
    assert pages.get("/api/v1/models").json()["items"] == before, "something was made before anything was submitted"
    sent = pages.post(begun.replace("/review", "/submit"), data={"idempotency_key": "once"})
    made = [each for each in pages.get("/api/v1/models").json()["items"] if each not in before]
    assert (sent.status_code, [each["checkpoint_step"] for each in made]) == (303, [1])
    further = sent.headers["location"].removeprefix("/jobs/")
    demo.until_it(further, lambda seen: seen.status is JobStatus.RUNNING)
    assert pages.post(f"/api/v1/jobs/{further}/cancel").status_code == 202
    demo.until_it(further, lambda seen: seen.status is JobStatus.CANCELLED)  # the next one needs its slot
    # From the model, by REST; what comes of it knows its parent, and the parent its child.
    parent = pages.get(f"/api/v1/jobs/{job}").json()["fine_tuned_model"]
    draft = pages.post(f"/api/v1/models/{parent}/continue").json()
    with demo.app_context.open() as scope:
        second = drafts.submit(scope, draft["id"]).id
    demo.trained(second, 1)
    child = demo.model(demo.stopped(second))
    assert pages.get(f"/api/v1/models/{child.id}").json()["parent"] == parent
    assert pages.get(f"/api/v1/models/{parent}").json()["children"] == [child.id]
    assert soup(pages, f"/models/{child.id}").select_one(f'#lineage a[href="/models/{parent}"]') is not None
    assert soup(pages, f"/models/{parent}").select_one(f'#lineage a[href="/models/{child.id}"]') is not None
    for path in ("/models", "/jobs", f"/jobs/{second}"):
        text = soup(pages, path).get_text()
        assert "TuneDesk starter" in text or path == f"/jobs/{second}"
        assert "builtin:starter" not in text
    gone = pages.delete(f"/api/v1/jobs/{job}/checkpoints").json()["items"]
    assert [each["present"] for each in gone] == [False, False]
    assert pages.post(f"/api/v1/jobs/{job}/checkpoints/2/continue").status_code == 409


def test_the_sample_that_is_pressed_twice_is_one_draft(pages: TestClient) -> None:
    form = part(soup(pages, "/wizard"), 'form[action="/sample"]')
    key = {"idempotency_key": str(part(form, "input[name=idempotency_key]")["value"])}
    first, again = (pages.post("/sample", data=key) for _ in range(2))
    assert first.status_code == again.status_code == 303
    assert first.headers["location"] == again.headers["location"]
    another = pages.post("/sample", data={"idempotency_key": "another-press"})
    assert another.headers["location"] != first.headers["location"]
    assert len(pages.get("/api/v1/drafts").json()["items"]) == 2


def test_the_line_is_shown_and_changed(demo: DemoClient, pages: TestClient) -> None:
    project, rows = demo.app_context.project(), demo.app_context.dataset().id
    made = [demo.submit(name=f"job-{number}", project=project, training_dataset=rows) for number in range(3)]
    with_line = soup(pages, "/jobs")
    first, *_, last = [str(link["href"]).removeprefix("/jobs/") for link in with_line.select("ol a.rowlink")]
    assert {first, last} <= set(made)
    assert "Position 3 of 3 in the queue." in soup(pages, f"/jobs/{last}").get_text()
    moved = pages.post(f"/jobs/{last}/move", data={"to": "front", "back": "list"})
    assert (moved.status_code, moved.headers["location"]) == (303, "/jobs")
    line = pages.post(f"/api/v1/jobs/{first}/move", json={"to": "back"}).json()["items"]
    assert (line[0]["id"], line[-1]["id"]) == (last, first)
    assert pages.post(f"/api/v1/jobs/{first}/move", json={"to": "sideways"}).status_code == 422
    assert pages.post(f"/jobs/{first}/move", data={"to": "sideways"}).status_code == 303
    demo.until_it(last, lambda job: job.status is JobStatus.RUNNING)
    refused = pages.post(f"/api/v1/jobs/{last}/move", json={"to": "up"})
    assert (refused.status_code, "is not in the queue" in refused.json()["detail"]) == (409, True)


def test_what_the_model_sees_and_says_is_shown_as_text(demo: DemoClient, pages: TestClient) -> None:
    job = demo.submit()
    demo.trained(job, 1)
    assert pages.get(f"/api/v1/jobs/{job}/first-batch").json()["items"] == []
    pieces = [{"text": HOSTILE, "learned": False}, {"text": f"yes{HOSTILE}", "learned": True}]
    row = {"label": "", "tokens": 9, "learned": 4, "pieces": pieces}
    run_lock.write_whole(demo.runs / job / run_lock.BATCH, {"sequences": 1, "rows": [row]})
    reported = [Sample(step=step, number=0, prompt=HOSTILE, expected="yes", answer=HOSTILE) for step in (0, 4)]
    with demo.app_context.open() as scope:
        samples.add(scope.write, job, reported)
        samples.add(scope.write, job, reported)  # after a resumption, the same steps come again
    data, overview = soup(pages, f"/jobs/{job}?tab=data"), soup(pages, f"/jobs/{job}")
    assert [mark.get_text() for mark in data.select("#first-batch mark")] == [f"yes{HOSTILE}"]
    assert part(overview, "#samples").get_text().count(HOSTILE) == 3  # the prompt, and two answers
    for page in (data, overview):
        assert not [each for each in page.find_all("script") if "alert" in each.get_text()]
    assert pages.get(f"/api/v1/jobs/{job}/first-batch").json()["items"] == [row]
    assert [each["step"] for each in pages.get(f"/api/v1/jobs/{job}/samples").json()["items"]] == [0, 4]


def test_memory_and_disk_are_evaluated_before_the_start(demo: DemoClient, pages: TestClient) -> None:
    fields = demo.app_context.fields(connection=LOCAL_ID, base_model="builtin:starter", validation={"kind": "none"})
    found = pages.post("/api/v1/jobs/estimate", json=fields).json()
    assert [(each["kind"], each["verdict"]) for each in found["resources"]] == [("memory", "fits"), ("disk", "fits")]
    large = {**fields, "hyperparameters": {"batch_size": 512, "gradient_accumulation_steps": 1, "max_length": 512}}
    memory = pages.post("/api/v1/jobs/estimate", json=large).json()["resources"][0]
    assert memory["parts"]["activations"] > 10 * found["resources"][0]["parts"]["activations"]
    assert memory["needed_bytes"] == sum(memory["parts"].values())
    with demo.app_context.open() as scope:
        draft = drafts.create(scope, fields).id
    step = soup(pages, f"/wizard/{draft}/hyperparameters")
    assert "fits" in part(step, "#need-memory").get_text()
    assert "fits" in part(step, "#need-disk").get_text()


def test_a_method_shows_its_own_hyperparameters(demo: DemoClient, pages: TestClient) -> None:
    pair = {"prompt": "q", "chosen": "a", "rejected": "b"}
    lines = "".join(json.dumps({**pair, "prompt": f"question {n}"}) + "\n" for n in range(20))
    rows = demo.app_context.upload(lines.encode(), "pairs").id
    base = {"connection": LOCAL_ID, "base_model": "builtin:starter", "validation": {"kind": "none"}}
    fields = demo.app_context.fields(**base, training_dataset=rows, method="dpo")
    with demo.app_context.open() as scope:
        draft = drafts.create(scope, fields).id
    page = soup(pages, f"/wizard/{draft}/hyperparameters")
    assert page.select_one("#hyperparameters-beta") is not None
    assert page.select_one("#hyperparameters-assistant_only_loss") is None
    assert {option["value"] for option in page.select("#hyperparameters-loss_type option")} >= {"sigmoid", "ipo"}
    script = pages.get(f"/api/v1/drafts/{draft}/review").json()
    assert script["complete"], script
    wrong = pages.post("/api/v1/jobs/estimate", json={**fields, "hyperparameters": {"assistant_only_loss": True}})
    assert [each["pointer"] for each in wrong.json()["blockers"]] == ["/hyperparameters/assistant_only_loss"]


def test_a_model_that_was_saved_with_another_end_is_named_and_mended(demo: DemoClient, pages: TestClient) -> None:
    job = demo.submit(name="triage")
    demo.trained(job, 1)
    model = demo.model(demo.stopped(job))
    folder, address = demo.runs / job / "model", f"/models/{model.id}"
    assert pages.get(f"/api/v1{address}/ends").json() == {"taught": None, "saved": [], "wrong": False}
    assert pages.post(f"/api/v1{address}/ends").status_code == 409
    # As an earlier release saved what it had taught by a template with an end of its own.
    tokens = [{"content": text, "id": index, "special": True} for index, text in enumerate(("<eos>", "<end>"))]
    written = "{% for message in messages %}{{ message.content }}<end>{% endfor %}"
    files = {
        "tokenizer.json": {"added_tokens": tokens},
        "tokenizer_config.json": {"eos_token": "<eos>", "chat_template": written},
        "generation_config.json": {"eos_token_id": 0},
    }
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    for name, value in files.items():
        (folder / name).write_text(json.dumps(value), encoding="utf-8")
    assert pages.get(f"/api/v1{address}/ends").json() == {"taught": "<end>", "saved": ["<eos>"], "wrong": True}
    assert "saved with another end" in soup(pages, "/models").get_text()
    assert "Fix the configs" in buttons(soup(pages, address))
    assert pages.post(f"{address}/ends").headers["location"] == address
    page = soup(pages, address)
    assert "The configs were fixed" in page.get_text()
    assert "Fix the configs" not in buttons(page)
    assert "saved with another end" not in soup(pages, "/models").get_text()
    assert json.loads((folder / "generation_config.json").read_text(encoding="utf-8"))["eos_token_id"] == [0, 1]
    with demo.app_context.open() as scope:
        said = [each.message for each in events.after(scope.read, model.id, 0, limit=20)]
    assert any("had its configs fixed: answers end with <end>" in each for each in said)


def test_a_directory_that_is_searched_for_is_carried_into_its_field(pages: TestClient) -> None:
    draft = (
        pages.post("/wizard", data={"connection": LOCAL_ID}, follow_redirects=False).headers["location"].split("/")[2]
    )

    def asked(query: str) -> tuple[str, bool]:
        page = soup(pages, f"/wizard/{draft}/model?q={query}")
        other = part(page, "[name=base_model][value=other]")
        return str(part(page, "[name=base_model_other]").get("value") or ""), other.has_attr("checked")

    assert asked("/home/me/models/small") == ("/home/me/models/small", True)
    assert asked("organisation/some-model") == ("organisation/some-model", True)
    assert asked("no such model") == ("", False)
