"""A table of one's own: its columns are said to be what they are, and its rows become what a model reads."""

import csv
import io
from typing import Any

import pytest
from starlette.testclient import TestClient

DATASETS = "/api/v1/datasets"
Rows = list[dict[str, str]]
TICKETS: Rows = [
    {"Ticket no": f"00{n}", "Customer question": f"Where is parcel {n}?", "Answer": f"On its way, {n}.", "Team": "post"}
    for n in range(1, 13)
]


def brought(client: TestClient, rows: Rows, **where: str) -> dict[str, Any]:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    answer = client.put(DATASETS, params={"filename": "t.csv", **where}, content=out.getvalue().encode())
    assert answer.status_code == 201
    made: dict[str, Any] = answer.json()
    return made


def test_columns_are_guessed_shown_and_made_into_chats(client: TestClient) -> None:
    dataset = brought(client, TICKETS)
    assert (dataset["status"], dataset["rows"]) == ("needs_mapping", 12)
    here = f"{DATASETS}/{dataset['id']}"
    proposal = client.get(f"{here}/mapping").json()
    roles = {each["name"]: each["role"] for each in proposal["columns"]}
    assert roles == {"Ticket no": "ignore", "Customer question": "user", "Answer": "assistant", "Team": "ignore"}
    assert [turn["content"] for turn in proposal["preview"][0]["messages"]] == ["Where is parcel 1?", "On its way, 1."]
    assert (len(proposal["preview"]), proposal["problems"], proposal["kept"]) == (3, [], False)
    made = client.put(f"{here}/mapping", json={"roles": {**roles}}).json()
    assert (made["status"], made["format"], made["rows"], made["version"]) == ("ready", "chat", 12, 2)
    assert made["parent"] == dataset["id"]
    assert client.put(f"{here}/mapping", json={"roles": {**roles}}).json() == made
    first = client.get(f"{DATASETS}/{made['id']}/download").text.split("\n")[0]
    assert first == (
        '{"messages":[{"role":"user","content":"Where is parcel 1?"},{"role":"assistant","content":"On its way, 1."}],'
        '"Ticket no":"001","Team":"post"}'
    )
    assert [each["id"] for each in client.get(DATASETS).json()["items"]] == [made["id"]]


def test_a_mapping_is_offered_again_for_the_same_columns(client: TestClient) -> None:
    dataset = brought(client, TICKETS)
    chosen = {"Customer question": "text", "Team": "label"}
    client.put(f"{DATASETS}/{dataset['id']}/mapping", json={"roles": chosen})
    other = brought(client, TICKETS[:11], name="more")
    proposal = client.get(f"{DATASETS}/{other['id']}/mapping").json()
    assert proposal["kept"] is True
    assert {each["name"]: each["role"] for each in proposal["columns"] if each["role"] != "ignore"} == chosen


@pytest.mark.parametrize(
    ("rows", "roles"),
    [
        ([{"prompt": "a", "response": "b"}], {"prompt": "user", "response": "assistant"}),
        ([{"instruction": "a", "context": "long " * 9}], {"instruction": "user", "context": "assistant"}),
        ([{"review": "good", "sentiment": "pos"}], {"review": "text", "sentiment": "label"}),
        ([{"xyz": "good " * 9, "sentiment": "pos"}], {"xyz": "text", "sentiment": "label"}),
        ([{"q": "short", "a": "long " * 9}], {"q": "user", "a": "assistant"}),
        ([{"x": "short", "y": "long " * 9}], {"x": "assistant", "y": "user"}),
        ([{"Ticket no": f"{n:05}", "Anliegen": f"Wo ist Paket {n}, bitte?", "Team": "ab"[n % 2]} for n in range(8)],
         {"Ticket no": "ignore", "Anliegen": "text", "Team": "label"}),
        ([{"question": "q", "better": "a", "worse": "b"}],
         {"question": "prompt", "better": "chosen", "worse": "rejected"}),
        ([{"system_prompt": "s", "query": "q", "reply": "a"}],
         {"system_prompt": "system", "query": "user", "reply": "assistant"}),
    ],
)  # fmt: skip
def test_roles_are_guessed_by_names_and_lengths(client: TestClient, rows: Rows, roles: dict[str, str]) -> None:
    dataset = brought(client, rows * 3)
    proposal = client.get(f"{DATASETS}/{dataset['id']}/mapping").json()
    assert {each["name"]: each["role"] for each in proposal["columns"]} == roles


@pytest.mark.parametrize(
    ("roles", "pointer"),
    [
        ({"Answer": "assistant"}, "/roles"),
        ({"Answer": "assistant", "Team": "assistant", "Customer question": "user"}, "/roles"),
        ({"nothing": "user", "Answer": "assistant"}, "/roles/nothing"),
        ({"Answer": "ignore"}, "/roles"),
    ],
)
def test_roles_that_make_no_row_are_refused_with_a_sentence(
    client: TestClient, roles: dict[str, str], pointer: str
) -> None:
    dataset = brought(client, TICKETS)
    refused = client.put(f"{DATASETS}/{dataset['id']}/mapping", json={"roles": roles})
    assert refused.status_code == 422
    assert pointer in {each["pointer"] for each in refused.json()["errors"]}


def test_a_first_line_that_was_misread_is_put_right_and_findings_keep_the_tables_lines(client: TestClient) -> None:
    content = b"Where is it?,Here.\nWhen?,Now.\n" + b"".join(b"Why %d?,So.\n" % n for n in range(9)) + b"Who?,\n"
    dataset = client.put(DATASETS, params={"filename": "t.csv"}, content=content).json()
    assert dataset["origins"][0]["header"] is True
    here = f"{DATASETS}/{dataset['id']}"
    names = [each["name"] for each in client.get(f"{here}/mapping").json()["columns"]]
    roles = dict(zip(names, ("user", "assistant"), strict=True))
    made = client.put(f"{here}/mapping", json={"roles": roles, "first_row": "add_names"}).json()
    assert (made["rows"], made["errors"]) == (12, 1)
    first = client.get(f"{DATASETS}/{made['id']}/rows").json()["items"][0]
    assert [turn["content"] for turn in first["messages"]] == ["Where is it?", "Here."]
    [error] = client.get(f"{DATASETS}/{made['id']}/findings", params={"severity": "error"}).json()["items"]
    assert (error["line"], error["source"]) == (12, "line 12 of t.csv")
