"""Models and chats below `/v1`: names that mean one thing, and what is served when it is first asked."""

import json
from dataclasses import replace
from typing import Any

import httpx
import openai
import pytest

from app.domain.connections import Connection
from app.services import connections
from app.store import connections as connection_store
from tests.integration.openai_api.conftest import BASE, Door
from tests.integration.openai_api.rows import chats
from tests.support.connections import REHEARSAL_ID
from tests.support.door import turning
from tests.support.openai_types import fits

CHAT = "openai-chat.json"
TURNS: Any = [{"role": "user", "content": "Title: Pancakes"}]
SAID = "[Rehearsal] You said: Title: Pancakes"


def tuned(door: Door, **changes: Any) -> Any:  # noqa: ANN401 -- the client's own job
    made = door.client.fine_tuning.jobs.create(model=BASE, training_file=door.brought(chats()), **changes)
    door.turn()
    return door.client.fine_tuning.jobs.retrieve(made.id)


def alias(door: Door, name: str, target: str) -> httpx.Response:
    body = {"name": name, "target": target}
    return httpx.post(f"{door.url}/api/v1/model-aliases", json=body, trust_env=False)


def test_models_are_listed_found_by_each_name_and_removed(door: Door) -> None:
    model = tuned(door).fine_tuned_model
    assert alias(door, "gpt-4o-mini", BASE).status_code == 201
    fits(door.raw.get("/models").json(), "ListModelsResponse")
    listed = [each.id for each in door.client.models.list()]
    assert listed == [model, BASE, "rehearsal/rehearsal:large", "gpt-4o-mini"]
    for name in (*listed, "rehearsal:small", f"{REHEARSAL_ID}/rehearsal:small"):
        assert door.client.models.retrieve(name).id == name
    fits(door.raw.get(f"/models/{model}").json(), "Model")
    with pytest.raises(openai.BadRequestError, match="no tuned model"):
        door.client.models.delete(BASE)
    fits(door.raw.delete(f"/models/{model}").json(), "DeleteModelResponse")
    with pytest.raises(openai.NotFoundError, match="has been deleted"):
        door.client.models.retrieve(model)


def test_a_name_goes_on_meaning_its_model_when_the_project_is_renamed(door: Door) -> None:
    old = tuned(door).fine_tuned_model
    project = httpx.get(f"{door.url}/api/v1/projects").json()["items"][0]
    httpx.patch(f"{door.url}/api/v1/projects/{project['id']}", json={"name": "Recipes"}).raise_for_status()
    new = next(each.id for each in door.client.models.list() if each.id.startswith("ft:"))
    assert (":default:" in old, ":recipes:" in new) == (True, True)
    assert door.client.models.retrieve(old).created == door.client.models.retrieve(new).created


def test_an_alias_never_changes_its_meaning(door: Door) -> None:
    assert alias(door, "gpt-3.5-turbo", BASE).json()["target"] == f"{REHEARSAL_ID}/rehearsal:small"
    assert alias(door, "gpt-3.5-turbo", "rehearsal:small").status_code == 201  # the same under another name
    other = alias(door, "gpt-3.5-turbo", "rehearsal:large")
    assert (other.status_code, "never changes its meaning" in other.text) == (409, True)
    assert httpx.delete(f"{door.url}/api/v1/model-aliases/gpt-3.5-turbo").status_code == 204
    with pytest.raises(openai.NotFoundError, match="have an alias made"):
        door.client.models.retrieve("gpt-3.5-turbo")
    assert alias(door, "gpt-3.5-turbo", "rehearsal:large").status_code == 409
    assert alias(door, "gpt-3.5-turbo", BASE).status_code == 201
    for name in ("a/b", "ft:x:y:z:12345678", " "):
        assert alias(door, name, BASE).status_code == 422
    assert alias(door, "mine", "nothing").status_code == 404


def test_a_base_id_that_several_connections_have_is_asked_for_in_full(door: Door) -> None:
    with door.house.open() as scope:
        own = connections.get(scope, REHEARSAL_ID)
        second: Connection = replace(own, id="con_second", name="Our second")
        connection_store.add(scope.write, second)
    with pytest.raises(
        openai.BadRequestError, match="rehearsal/rehearsal:small, our-second/rehearsal:small"
    ) as refused:
        door.client.models.retrieve("rehearsal:small")
    assert refused.value.param == "model"
    assert door.client.models.retrieve("our-second/rehearsal:small").owned_by == "Our second"


def test_a_streamed_chat_begins_one_deployment_however_many_ask(door: Door) -> None:
    model = tuned(door).fine_tuned_model
    chunks: list[Any] = []
    with turning(door.house, door.house.engine):
        stream = door.client.chat.completions.create(
            model=model, messages=TURNS, stream=True, stream_options={"include_usage": True}, stop=["never"]
        )
        for chunk in stream:
            fits(json.loads(chunk.to_json()), "CreateChatCompletionStreamResponse", CHAT)
            chunks.append(chunk)
        checkpoint = f"{model}:ckpt-step-10"
        of_step = door.client.chat.completions.create(model=checkpoint, messages=TURNS)
        base = door.client.chat.completions.create(model=BASE, messages=TURNS, stop="Pancakes")
    assert "".join(each.choices[0].delta.content or "" for each in chunks if each.choices) == SAID
    assert {each.model for each in chunks} == {model}
    assert chunks[-1].usage.total_tokens > 0
    assert (of_step.model, of_step.choices[0].message.content) == (checkpoint, SAID)
    assert base.choices[0].message.content == "[Rehearsal] You said: Title:"
    fits(json.loads(base.to_json()), "CreateChatCompletionResponse", CHAT)
    served = httpx.get(f"{door.url}/api/v1/deployments").json()["items"]
    assert len(served) == 3


def test_programs_may_spend_only_where_a_connection_says_so(door: Door) -> None:
    model = tuned(door).fine_tuned_model
    address = f"{door.url}/api/v1/connections/{REHEARSAL_ID}"
    assert httpx.get(address).json()["openai_spending"] is None
    assert httpx.patch(address, json={"openai_spending": False}).json()["openai_spending"] is False
    with pytest.raises(openai.PermissionDeniedError, match="Allow it on /settings/openai") as refused:
        tuned(door)
    assert refused.value.response.headers["x-should-retry"] == "false"
    with pytest.raises(openai.BadRequestError, match="Nothing serves") as unserved:
        door.client.chat.completions.create(model=model, messages=TURNS)
    assert unserved.value.code == "deployment_required"
    assert httpx.patch(address, json={"openai_spending": True}).json()["openai_spending"] is True
    assert tuned(door, suffix="allowed").status == "succeeded"


def test_what_no_model_is_called_is_not_found(shared: Door) -> None:
    for name in ("gpt-4o", "ft:x:y:z:12345678", "ft:x:y:z:12345678:ckpt-step-3", "nowhere/x", "rehearsal/", "/", "é"):
        with pytest.raises(openai.NotFoundError) as refused:
            shared.client.chat.completions.create(model=name, messages=TURNS)
        assert (refused.value.code, refused.value.param) == ("model_not_found", "model")
