"""AutoTrain's file by page and by REST: a report first, then a draft; tokens are kept nowhere."""

import sqlite3
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup
from starlette.testclient import TestClient

from tests.support.app_context import TestHouse

ADDRESS, REST = "/wizard/from-autotrain", "/api/v1/drafts/from-autotrain"
TOKEN = "hf_QwErTyUiOpAsDf"
EXAMPLES = Path(__file__).parents[2] / "support" / "autotrain"
FILE = f"""
task: llm-sft
base_model: org/<b>model</b>
project_name: My_Support
log: tensorboard
backend: local
data: {{path: org/rows, train_split: train, valid_split: null, column_mapping: {{text_column: story}}}}
params: {{lr: 3e-5, epochs: 2, optimizer: paged_adamw_8bit, liger_kernel: "<script>alert(1)</script>"}}
hub: {{username: me, token: {TOKEN}, push_to_hub: true}}
"""
STORIES = "".join(f'{{"story": "It was night number {n}.", "mood": {n % 3}}}\n' for n in range(40))


def texts(answer: Any, selector: str) -> str:  # noqa: ANN401
    return " ".join(each.get_text(" ") for each in BeautifulSoup(answer.text, "html.parser").select(selector))


def test_a_file_becomes_a_report_and_then_a_draft(pages: TestClient, app_context: TestHouse) -> None:
    form = BeautifulSoup(pages.get(ADDRESS).text, "html.parser")
    assert form.select_one("input[type=file][name=file]") is not None
    assert form.select_one("textarea[name=yaml]") is not None
    project = app_context.project()
    given = {"project": project, "goto": "report", "yaml": ""}
    answer = pages.post(ADDRESS, data=given, files={"file": ("run.yml", FILE.encode("utf-8-sig"))})
    assert answer.status_code == 200
    assert "My_Support" in texts(answer, "#changed")
    assert "liger_kernel" in texts(answer, "#left-out")
    assert "3e-05" in texts(answer, "#taken")
    assert TOKEN not in answer.text
    assert "<script>alert" not in answer.text
    assert "<b>model" not in answer.text
    hidden = BeautifulSoup(answer.text, "html.parser").select_one("input[name=yaml]")
    assert hidden is not None
    assert pages.get("/api/v1/drafts").json()["items"] == [], "a report makes nothing"
    made = pages.post(ADDRESS, data={"project": project, "goto": "make", "yaml": str(hidden["value"])})
    assert made.status_code == 303
    draft = pages.get(f"/api/v1/drafts/{made.headers['location'].split('/')[2]}").json()
    assert draft["values"]["name"] == "my-support"
    assert draft["values"]["project"] == project
    assert draft["values"]["hyperparameters"]["learning_rate"] == 3e-5
    review = pages.get(made.headers["location"])
    assert review.status_code == 200
    assert "A draft was created from the configuration" in review.text


def test_what_cannot_be_read_in_is_said_and_what_was_pasted_stays(pages: TestClient) -> None:
    for given, sentence in (
        ({"yaml": ""}, "Choose or paste a configuration first."),
        ({"yaml": f"task: llm-orpo\nhub: {{token: {TOKEN}}}\nbase_model: a/b"}, "ORPO (llm-orpo) is not trained here."),
        ({"yaml": f"task: [llm\ntoken: {TOKEN}"}, "not valid YAML"),
        ({"yaml": "task: llm-sft\nbase_model: a/b", "connection": "con_nothing"}, "con_nothing"),
    ):
        answer = pages.post(ADDRESS, data={"goto": "report", **given})
        assert answer.status_code in {404, 422}
        assert sentence in texts(answer, "#errors")
        assert TOKEN not in answer.text
        assert given["yaml"][:11].strip() in texts(answer, "textarea")
    binary = pages.post(ADDRESS, data={"goto": "make"}, files={"file": ("run.yml", b"\xff\xfe\x00task")})
    assert "not UTF-8 text" in texts(binary, "#errors")


def test_rest_makes_the_draft_and_maps_the_columns_that_the_file_names(
    client: TestClient, app_context: TestHouse
) -> None:
    dataset = app_context.upload(STORIES.encode(), "stories")
    assert dataset.status == "needs_mapping"
    body = {"yaml": FILE, "training_dataset": dataset.id, "project": app_context.project()}
    report = client.post(f"{REST}/report", json=body)
    assert report.status_code == 200
    assert [each["parameter"] for each in report.json()["changed"]][:1] == ["project_name"]
    made = client.post(REST, json=body)
    assert made.status_code == 201
    values, mapped = made.json()["draft"]["values"], made.json()["draft"]["values"]["training_dataset"]
    assert mapped != dataset.id
    version = client.get(f"/api/v1/datasets/{mapped}").json()
    assert (version["format"], version["rows"], version["parent"]) == ("text", 40, dataset.id)
    assert values["task_type"] == "text_completion"
    assert values["hyperparameters"]["warmup_steps"] == 1, "a tenth of ten steps: two epochs of forty rows by eight"
    assert made.headers["etag"] == '"1"'


def test_by_rest_every_example_is_a_draft_or_refused_by_name(client: TestClient) -> None:
    refused = []
    for path in sorted(EXAMPLES.glob("*.yml")):
        answer = client.post(REST, json={"yaml": path.read_text(encoding="utf-8")})
        if answer.status_code == 422:
            refused.append(path.stem)
            assert answer.json()["errors"][0]["message"] == "ORPO (llm-orpo) is not trained here."
            assert "llm-dpo" in answer.json()["errors"][0]["fix"]
        else:
            assert answer.status_code == 201, answer.text
            assert all(each["why"] for each in answer.json()["report"]["left_out"])
    assert refused == ["llama3-70b-orpo-v1", "llama3-8b-orpo-space", "llama3-8b-orpo", "smollm2-orpo"]


def test_a_token_is_in_no_file_of_the_installation(pages: TestClient, app_context: TestHouse) -> None:
    assert pages.post(REST, json={"yaml": FILE}).status_code == 201
    assert pages.post(ADDRESS, data={"yaml": FILE, "goto": "make"}).status_code == 303
    with sqlite3.connect(app_context.folder / "house.sqlite3") as database:
        database.execute("pragma wal_checkpoint(truncate)")
    files = [each for each in app_context.folder.rglob("*") if each.is_file()]
    assert files
    assert [each for each in files if TOKEN.encode() in each.read_bytes()] == []
