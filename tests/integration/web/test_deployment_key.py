"""The deployment's page: how programs ask it, with a key that is hidden until somebody asks for it."""

import html

from starlette.testclient import TestClient

from app.engine.engine import Engine
from tests.support.app_context import MODEL, TestHouse
from tests.support.connections import REHEARSAL_ID
from tests.support.door import BASE_URL, key, turn, visiting


def deployed(visitor: TestClient) -> str:
    body = {"target": {"base_model": MODEL, "connection": REHEARSAL_ID}, "name": "Triage"}
    return str(visitor.post("/api/v1/deployments", json=body, headers=key("d")).json()["id"])


def test_a_key_is_hidden_until_asked_for_and_stands_in_the_code_then(app_context: TestHouse, engine: Engine) -> None:
    with visiting(app_context.scopes) as visitor:
        identifier = deployed(visitor)
        address = f"/deployments/{identifier}"
        base_url = f"{BASE_URL}/api/v1/deployments/{identifier}/v1"
        assert base_url not in visitor.get(address).text, "it does not answer yet"
        turn(app_context, engine)
        hidden = visitor.get(address).text
        assert base_url in hidden
        assert "tdk-" not in hidden
        assert "$TUNEDESK_KEY" in hidden
        answer = visitor.post(f"{address}/client-key")
        shown = html.unescape(answer.text)
        given = visitor.post(f"/api/v1{address}/client-key").json()["key"]
        assert f'api_key="{given}"' in shown
        assert f"'Authorization: Bearer {given}'" in shown
        assert "TUNEDESK_KEY" not in shown
        assert answer.headers["cache-control"] == "no-store"
        assert given not in visitor.get(address).text


def test_a_new_key_is_asked_about_first(app_context: TestHouse, engine: Engine) -> None:
    with visiting(app_context.scopes) as visitor:
        address = f"/deployments/{deployed(visitor)}"
        turn(app_context, engine)
        before = visitor.post(f"/api/v1{address}/client-key").json()["key"]
        assert "will be refused" in visitor.get(f"{address}/client-key/rotate").text
        assert before in visitor.post(f"{address}/client-key").text
        after = visitor.post(f"{address}/client-key/rotate").text
        assert "tdk-" in after
        assert before not in after
        assert "had a new client key made" in visitor.get(address).text


def test_what_is_deleted_has_no_key_to_show(app_context: TestHouse, engine: Engine) -> None:
    with visiting(app_context.scopes) as visitor:
        address = f"/deployments/{deployed(visitor)}"
        turn(app_context, engine)
        visitor.post(f"{address}/delete")
        turn(app_context, engine)
        refused = visitor.post(f"{address}/client-key")
        assert refused.status_code == 409
        assert "is deleted, so it has no key" in refused.text
        assert "/v1" not in visitor.get(address).text


def test_a_lost_vault_shows_no_key_and_lets_programs_ask(app_context: TestHouse, engine: Engine) -> None:
    with visiting(app_context.scopes) as visitor:
        address = f"/api/v1/deployments/{deployed(visitor)}"
        turn(app_context, engine)
        shown = visitor.post(f"{address}/client-key").json()["key"]
        app_context.app_context.backends.vault.key_file.unlink()
        refused = visitor.post(f"{address}/client-key")
        assert refused.status_code == 409
        assert "cannot be opened" in refused.json()["detail"]
        bearer = {"authorization": f"Bearer {shown}"}
        assert visitor.get(f"{address}/v1/models", headers=bearer).status_code == 200
        fresh = visitor.post(f"{address}/client-key/rotate").json()["key"]
        assert visitor.get(f"{address}/v1/models", headers=bearer).status_code == 401
        assert visitor.post(f"{address}/client-key").json()["key"] == fresh
