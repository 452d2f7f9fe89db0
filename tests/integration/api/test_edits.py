"""Changes to rows: looked at before, made into a new version, and the old one stays what it was."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from app.services import datasets, jobs
from tests.support.app_context import TestHouse

DATASETS = "/api/v1/datasets"
GOOD = '{"messages": [{"role": "user", "content": "q%d"}, {"role": "assistant", "content": "a"}]}\n'
BAD = (
    '{"messages": [{"role": "human", "content": "q"}, {"role": "bot", "content": "a"}]}\n'
    "{oops\n"
    '{"messages": [{"role": "user", "content": "q"}]}\n'
)
ROWS = "".join(GOOD % n for n in range(12)) + BAD


def brought(client: TestClient, content: str, **params: str) -> dict[str, Any]:
    answer = client.put(DATASETS, params={"filename": "t.jsonl", **params}, content=content.encode())
    assert answer.status_code == 201
    made: dict[str, Any] = answer.json()
    return made


def test_fixes_are_offered_previewed_and_made_into_a_version(client: TestClient) -> None:
    first = brought(client, ROWS)
    here = f"{DATASETS}/{first['id']}"
    offered = {each["name"]: each for each in client.get(f"{here}/fixes").json()["items"]}
    assert {name: (each["findings"], each["safe"]) for name, each in offered.items()} == {
        "syntax": (1, True),
        "roles": (2, True),
        "endings": (1, False),
    }
    wanted = {"fixes": ["roles", "syntax"], "drop_errors": True}
    preview = client.post(f"{here}/edits/preview", json=wanted).json()
    counts = ("rows_before", "rows_after", "changed", "dropped", "errors", "lines")
    assert [preview[name] for name in counts] == [15, 13, 1, 2, 0, None]
    assert [(each["line"], each["after"] is None) for each in preview["changes"]] == [
        (13, False), (14, True), (15, True)
    ]  # fmt: skip
    assert client.get(f"{here}/findings").json()["items"]
    assert [each["id"] for each in client.get(DATASETS).json()["items"]] == [first["id"]], "a preview makes nothing"
    made = client.post(f"{here}/edits", json=wanted).json()
    assert (made["status"], made["rows"], made["version"], made["parent"]) == ("ready", 13, 2, first["id"])
    assert client.post(f"{here}/edits", json=wanted).json() == made
    assert client.get(here).json() == first
    assert client.get(f"{here}/download").text == ROWS
    assert client.get(f"{DATASETS}/{made['id']}/download", params={"original": True}).text == ROWS
    assert [each["id"] for each in client.get(DATASETS).json()["items"]] == [made["id"]]


def test_findings_of_a_version_name_the_lines_of_the_file_that_was_brought(client: TestClient) -> None:
    table = "prompt,completion\n" + "".join(f'"p\n{n}",c\n' for n in range(12)) + "p\nq,\n"
    first = brought(client, table, filename="t.csv")
    without = client.post(f"{DATASETS}/{first['id']}/edits", json={"exclude": [2, 13]}).json()
    third = client.post(f"{DATASETS}/{without['id']}/edits", json={"exclude": [1]}).json()
    assert (third["rows"], third["version"]) == (11, 3)
    [error] = client.get(f"{DATASETS}/{third['id']}/findings", params={"severity": "error"}).json()["items"]
    assert (error["line"], error["source"]) == (11, "line 27 of t.csv")
    plain = brought(client, ROWS)
    fewer = client.post(f"{DATASETS}/{plain['id']}/edits", json={"exclude": [1, 14]}).json()
    found = client.get(f"{DATASETS}/{fewer['id']}/findings", params={"rule": "last_role"}).json()["items"]
    assert [(each["line"], each["source"]) for each in found] == [(13, "line 15 of t.jsonl")]


def test_a_row_is_written_anew(client: TestClient) -> None:
    first = brought(client, ROWS)
    text = (GOOD % 99).rstrip()
    replace = [{"line": line, "text": text.replace("99", str(line))} for line in (13, 14, 15)]
    made = client.post(f"{DATASETS}/{first['id']}/edits", json={"replace": replace}).json()
    assert (made["status"], made["rows"], made["errors"]) == ("ready", 15, 0)
    rows = client.get(f"{DATASETS}/{made['id']}/rows", params={"from": 13}).json()["items"]
    assert [row["messages"][0]["content"] for row in rows] == ["q13", "q14", "q15"]


@pytest.mark.parametrize(
    ("edit", "pointer", "word"),
    [
        ({"exclude": [16]}, "/exclude", "16"),
        ({"fixes": ["magic"]}, "/fixes/0", "magic"),
        ({"replace": [{"line": 99, "text": "{}"}]}, "/replace", "99"),
        ({"replace": [{"line": 1, "text": "[1]"}]}, "/replace/1", "object"),
        ({"replace": [{"line": 1, "text": "{oops"}]}, "/replace/1", "JSON"),
        ({"replace": [{"line": 1, "text": '{"a": 1}\n{"a": 1}'}]}, "/replace/1", "one line"),
        ({}, "", "Nothing would change"),
        ({"replace": [{"line": 1, "text": (GOOD % 0).rstrip()}]}, "", "Nothing would change"),
        ({"exclude": list(range(1, 16))}, "", "No row would be left"),
    ],
)
def test_an_edit_that_cannot_be_made_is_refused_with_a_sentence(
    client: TestClient, edit: dict[str, Any], pointer: str, word: str
) -> None:
    dataset = brought(client, ROWS)
    answer = client.post(f"{DATASETS}/{dataset['id']}/edits", json=edit)
    assert answer.status_code == 422
    [problem] = answer.json()["errors"]
    assert problem["pointer"] == pointer
    assert word in problem["message"]
    assert problem["fix"]
    assert len(client.get(DATASETS).json()["items"]) == 1


def test_a_jobs_rows_stay_what_they_were(app_context: TestHouse, client: TestClient) -> None:
    first = app_context.dataset(30)
    with app_context.open() as scope:
        job = jobs.create(scope, app_context.fields(training_dataset=first.id))
    with app_context.open() as scope:
        before = datasets.canonical(scope, first.id).read_bytes()
    made = client.post(f"{DATASETS}/{first.id}/edits", json={"exclude": [3]}).json()
    assert made["rows"] == 29
    with app_context.open() as scope:
        assert jobs.get(scope, job.id).spec.training_dataset == first.id
        assert datasets.get(scope, first.id) == first
        assert datasets.canonical(scope, first.id).read_bytes() == before
    assert client.delete(f"{DATASETS}/{first.id}").status_code == 409
    assert client.delete(f"{DATASETS}/{made['id']}").status_code == 204


def test_an_earlier_version_goes_alone_and_the_later_one_stays_whole(client: TestClient) -> None:
    first = brought(client, ROWS)
    second = client.post(f"{DATASETS}/{first['id']}/edits", json={"drop_errors": True}).json()
    third = client.post(f"{DATASETS}/{second['id']}/edits", json={"exclude": [1]}).json()
    assert client.delete(f"{DATASETS}/{second['id']}").status_code == 204
    assert client.delete(f"{DATASETS}/{first['id']}").status_code == 204
    left = client.get(f"{DATASETS}/{third['id']}").json()
    assert (left["parent"], left["rows"], left["version"]) == (None, 11, 3)
    assert client.get(f"{DATASETS}/{third['id']}/download", params={"original": True}).text == ROWS
    assert client.delete(f"{DATASETS}/{third['id']}").status_code == 204


def test_a_later_version_has_users_of_its_own(app_context: TestHouse, client: TestClient) -> None:
    first = app_context.dataset(30)
    made = client.post(f"{DATASETS}/{first.id}/edits", json={"exclude": [3]}).json()
    with app_context.open() as scope:
        jobs.create(scope, app_context.fields(training_dataset=made["id"]))
    assert client.get(f"{DATASETS}/{made['id']}/uses").json()["counts"]["jobs"] == 1
    assert client.get(f"{DATASETS}/{first.id}/uses").json()["counts"]["jobs"] == 0
    assert client.delete(f"{DATASETS}/{made['id']}").status_code == 409
    assert client.delete(f"{DATASETS}/{first.id}").status_code == 204


def test_a_refused_file_has_nothing_to_edit(client: TestClient) -> None:
    refused = brought(client, "%PDF-1.7 and so on", filename="a.pdf")
    answer = client.post(f"{DATASETS}/{refused['id']}/edits", json={"exclude": [1]})
    assert answer.status_code == 409
    assert "no rows" in answer.json()["detail"]
