"""The pages of webhooks, without scripts: the secret once, mistakes beside their fields, hostile text as text."""

from collections.abc import Iterator

import pytest
from bs4 import BeautifulSoup
from starlette.testclient import TestClient

from app.services import webhooks
from tests.support.app_context import TestHouse
from tests.support.door import visiting


@pytest.fixture
def visitor(app_context: TestHouse) -> Iterator[TestClient]:
    with visiting(app_context.scopes) as client:
        yield client


GIVEN = {"name": "Our <b>chat</b>", "url": "https://hooks.example/a?b=<i>", "events": ["fine_tuning.job.failed"]}


def soup(text: str) -> BeautifulSoup:
    return BeautifulSoup(text, "html.parser")


def test_a_webhook_is_made_and_its_secret_shown_once(visitor: TestClient) -> None:
    assert "No webhooks yet" in visitor.get("/settings/webhooks").text
    made = visitor.post("/settings/webhooks", data=GIVEN)
    assert made.status_code == 200
    assert made.headers["cache-control"] == "no-store"
    shown = soup(made.text)
    secret = shown.select_one("#secret code")
    assert secret is not None
    assert secret.text.startswith("whsec_")
    address = str(shown.select_one("form[action$='/test']")["action"]).removesuffix("/test")  # type: ignore[index]
    again = visitor.get(address)
    assert again.status_code == 200
    for text in (again.text, visitor.get("/settings/webhooks").text):
        assert secret.text not in text
        assert "<b>chat</b>" not in text
        assert "Our &lt;b&gt;chat" in text


def test_a_press_whose_answer_was_lost_makes_no_second_webhook(visitor: TestClient, app_context: TestHouse) -> None:
    key = str(soup(visitor.get("/settings/webhooks").text).select_one("#new input[name=idempotency_key]")["value"])  # type: ignore[index]
    first = visitor.post("/settings/webhooks", data={**GIVEN, "idempotency_key": key})
    again = visitor.post("/settings/webhooks", data={**GIVEN, "idempotency_key": key}, follow_redirects=True)
    secret = soup(first.text).select_one("#secret code")
    assert secret is not None
    assert "was made already" in again.text
    assert soup(again.text).select_one("form[action$='/secret']") is not None
    assert secret.text not in again.text
    with app_context.open() as scope:
        assert len(webhooks.list_webhooks(scope)) == 1
        stored = scope.read.exec_driver_sql("SELECT body FROM idempotency").fetchall()
    assert stored
    assert [row for row in stored if secret.text.encode() in bytes(row[0])] == []
    other = {**GIVEN, "events": ["fine_tuning.job.succeeded"], "idempotency_key": key}
    assert visitor.post("/settings/webhooks", data=other).status_code == 200
    with app_context.open() as scope:
        assert len(webhooks.list_webhooks(scope)) == 2, "another wish under the key of a page that was gone back to"


def test_a_mistake_stands_beside_its_field_and_nothing_typed_is_lost(visitor: TestClient) -> None:
    refused = visitor.post("/settings/webhooks", data={**GIVEN, "url": "http://10.0.0.1/hook"})
    assert refused.status_code == 422
    shown = soup(refused.text)
    error = shown.select_one("#url-err")
    assert error is not None
    assert "without TLS" in error.text
    assert shown.select_one("#url")["value"] == "http://10.0.0.1/hook"  # type: ignore[index]
    checked = [each["value"] for each in shown.select("input[name=events][checked]")]
    assert checked == ["fine_tuning.job.failed"]


def test_a_message_and_its_tries_are_shown_and_it_can_be_sent_again(
    visitor: TestClient, app_context: TestHouse
) -> None:
    with app_context.open() as scope:
        made = webhooks.create(scope, name="chat", url="https://hooks.example/")
    page = f"/settings/webhooks/{made.webhook.id}"
    assert visitor.post(f"{page}/test").status_code == 303
    listed = soup(visitor.get(page).text)
    link = listed.select_one("#messages th a")
    assert link is not None
    message = visitor.get(str(link["href"]))
    assert "It has not been tried yet." in message.text
    assert visitor.post(f"{link['href']}/send-again").status_code == 303
    assert "had it sent again" in visitor.get(str(link["href"])).text


def test_changing_renewing_and_deleting_work_without_scripts(visitor: TestClient, app_context: TestHouse) -> None:
    with app_context.open() as scope:
        made = webhooks.create(scope, name="chat", url="https://hooks.example/")
    page = f"/settings/webhooks/{made.webhook.id}"
    assert visitor.post(page, data={**GIVEN, "url": "https://elsewhere.example/"}).status_code == 422
    assert visitor.post(page, data={**GIVEN, "url": "https://hooks.example/b"}).status_code == 303
    assert "It is switched off" in visitor.get(page).text
    for act in ("secret", "delete"):
        assert f'action="{page}/{act}"' in visitor.get(f"{page}/{act}").text
    renewed = soup(visitor.post(f"{page}/secret").text).select_one("#secret code")
    assert renewed is not None
    assert renewed.text not in {made.secret, ""}
    assert visitor.post(f"{page}/delete").status_code == 303
    assert visitor.get(page).status_code == 404
