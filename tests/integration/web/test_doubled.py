"""A press whose answer was lost is pressed again: whatever it began is there once."""

import re

import pytest
from bs4 import BeautifulSoup
from starlette.testclient import TestClient

from app.services import drafts
from tests.support.app_context import TestHouse

ROWS = b"".join(b'{"prompt": "p%d", "completion": "c"}\n' % n for n in range(12))


def key_of(pages: TestClient, address: str, form: str) -> str:
    found = BeautifulSoup(pages.get(address).text, "html.parser").select_one(f"{form} input[name=idempotency_key]")
    assert found is not None, f"the form {form} of {address} does not say which press it is"
    return str(found["value"])


def stored(pages: TestClient) -> list[str]:
    return [each["id"] for each in pages.get("/api/v1/datasets").json()["items"]]


def test_a_file_that_is_sent_twice_is_one_dataset_and_another_file_is_another(pages: TestClient) -> None:
    key = key_of(pages, "/datasets", "#upload")

    def sent(content: bytes, **fields: str) -> str:
        files = {"file": ("rows.jsonl", content)}
        answer = pages.post("/datasets", files=files, data={"idempotency_key": key, **fields})
        assert answer.status_code == 303
        return str(answer.headers["location"])

    first = sent(ROWS)
    assert sent(ROWS) == first
    assert len(stored(pages)) == 1
    assert sent(ROWS + ROWS) != first
    assert sent(ROWS, name="by another name") != first
    assert len(stored(pages)) == 3


def test_in_the_wizard_a_file_that_is_sent_twice_is_chosen_once(pages: TestClient, app_context: TestHouse) -> None:
    with app_context.open() as scope:
        draft = drafts.create(scope).id
    data = {"idempotency_key": key_of(pages, f"/wizard/{draft}/data", "#upload"), "draft": draft}
    for _ in range(2):
        answer = pages.post("/datasets", files={"file": ("rows.jsonl", ROWS)}, data=data)
        assert answer.headers["location"] == f"/wizard/{draft}/data"
    assert len(stored(pages)) == 1


def test_what_was_pasted_stands_there_when_it_is_refused(pages: TestClient) -> None:
    data = {"pasted": "<b>", "name": "x" * 200, "idempotency_key": key_of(pages, "/datasets", "#upload")}
    answer = pages.post("/datasets", files={"file": ("", b"")}, data=data)
    assert answer.status_code == 422
    area = BeautifulSoup(answer.text, "html.parser").select_one("textarea[name=pasted]")
    assert area is not None
    assert area.text.strip() == "<b>"


@pytest.mark.parametrize("address", ["/deployments", "/jobs/from-capsule"])
def test_every_form_that_begins_something_says_which_press_it_is(pages: TestClient, address: str) -> None:
    forms = BeautifulSoup(pages.get(address).text, "html.parser").select("main form[method=post]")
    begins = re.compile("/(deployments|evaluations|jobs/from-capsule|datasets|submit|retry|run-again)$")
    starting = [each for each in forms if begins.search(str(each["action"]))]
    assert starting
    assert all(each.select_one("input[name=idempotency_key]") for each in starting)
