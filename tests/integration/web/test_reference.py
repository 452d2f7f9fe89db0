"""The REST reference: a page by resource, made here from our own document, for people without scripts or a network."""

import json
import re
import shlex

import pytest
from bs4 import BeautifulSoup
from starlette.testclient import TestClient

from app.http.guard import CONTENT_SECURITY_POLICY


@pytest.fixture
def document(pages: TestClient) -> dict[str, dict[str, dict[str, dict[str, object]]]]:
    found: dict[str, dict[str, dict[str, dict[str, object]]]] = pages.get("/openapi.json").json()
    return found


def test_every_operation_of_the_document_has_its_entry(
    pages: TestClient, document: dict[str, dict[str, dict[str, dict[str, object]]]]
) -> None:
    rail = BeautifulSoup(pages.get("/").text, "html.parser").select_one("nav[aria-label=Further]")
    assert rail is not None
    assert "/reference" in [str(link["href"]) for link in rail.select("a")], "the rail leads to raw JSON"
    index = BeautifulSoup(pages.get("/reference").text, "html.parser")
    assert index.select_one("a[href='/openapi.json']") is not None
    resources = {str(link["href"]).partition("#")[0] for link in index.select("a.rowlink")}
    shown: dict[str, BeautifulSoup] = {}
    for address in resources:
        answer = pages.get(address)
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        page = BeautifulSoup(answer.text, "html.parser")
        assert page.select("a[href='/openapi.json']")
        assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", answer.text), "something comes from elsewhere"
        shown |= {str(card["id"]): page for card in page.select("section.card[id]")}
    wanted = {str(each["operationId"]) for item in document["paths"].values() for each in item.values()}
    assert shown.keys() == wanted


def test_an_operation_says_what_it_takes_answers_and_how_it_is_called(pages: TestClient) -> None:
    page = BeautifulSoup(pages.get("/reference/jobs").text, "html.parser")
    card = page.select_one("#create_job")
    assert card is not None
    rows = {row.select("th code")[0].text: row.get_text(" ", strip=True) for row in card.select("tbody tr")}
    assert "required" in rows["training_dataset"]
    assert 'default: "sft"' in rows["method"]
    assert '"sft" | "dpo"' in rows["method"]
    assert "validation.ratio" in rows, "what lies in another field is left out"
    assert "0 – 2147483647" in rows["seed"]
    assert [each.text for each in card.select("details#create_job-failures code")][:2] == ["400", "401"]
    words = shlex.split(card.select_one("pre code").text)  # type: ignore[union-attr]
    assert words[words.index("-X") + 1] == "POST"
    assert "http://127.0.0.1:8000/api/v1/jobs" in words
    assert json.loads(words[words.index("-d") + 1])["name"] == "support-triage"
    assert any(word.startswith("Idempotency-Key: ") for word in words)


def test_a_resource_that_is_none_is_said_to_be_none(pages: TestClient) -> None:
    answer = pages.get("/reference/unicorns")
    assert answer.status_code == 404
    assert "There is no resource" in answer.text
