"""The playground without scripts: the training's system prompt, several turns, and the base beside the tuned model."""

import json

import pytest
from bs4 import BeautifulSoup
from starlette.testclient import TestClient

from app.engine.engine import Engine
from app.services import deployments, jobs, models
from tests.support.app_context import TestHouse
from tests.support.door import turn

ROWS = "".join(
    json.dumps(
        {
            "messages": [
                {"role": "system", "content": "Name the queue."},
                {"role": "user", "content": f"Message {number}"},
                {"role": "assistant", "content": ("billing", "delivery")[number % 2]},
            ]
        }
    )
    + "\n"
    for number in range(60)
).encode()


@pytest.fixture
def served(app_context: TestHouse, engine: Engine) -> str:
    """A tuned model that answers; return its deployment's id."""
    data = app_context.upload(ROWS, "triage").id
    with app_context.open() as scope:
        job = jobs.create(scope, app_context.fields(training_dataset=data)).id
    turn(app_context, engine)
    with app_context.open() as scope:
        made = deployments.create(scope, target={"model": models.of_job(scope, job)[0].id}).id
    turn(app_context, engine)
    return made


def fields_of(text: str) -> dict[str, str]:
    page = BeautifulSoup(text, "html.parser")
    form = page.select_one("form[data-playground]")
    assert form is not None
    inputs = {str(each["name"]): str(each.get("value", "")) for each in form.select("input[name]")}
    texts = {str(each["name"]): each.text.removeprefix("\n") for each in form.select("textarea[name]")}
    chosen = {str(each["name"]): each.select_one("option[selected]") for each in form.select("select[name]")}
    return inputs | texts | {name: str(option["value"]) if option else "" for name, option in chosen.items()}


def test_a_conversation_has_the_trainings_system_prompt_and_several_turns(pages: TestClient, served: str) -> None:
    form = fields_of(pages.get("/playground").text)
    assert form["right"] == served
    assert form["system"] == "Name the queue.", "the model was taught with a system prompt"
    first = pages.post("/playground", data={**form, "prompt": "Where is my parcel?"})
    form = fields_of(first.text)
    assert form["prompt"] == ""
    page = BeautifulSoup(first.text, "html.parser").select_one("[data-column=right]")
    assert page is not None
    assert [each["data-role"] for each in page.select(".msg")] == ["user"]
    answer = page.select_one("[data-answer]")
    assert answer is not None
    assert json.loads(form["history_right"]) == ["Where is my parcel?", answer.text]
    second = pages.post("/playground", data={**form, "prompt": "And my money?"})
    page = BeautifulSoup(second.text, "html.parser").select_one("[data-column=right]")
    assert page is not None
    assert [each["data-role"] for each in page.select(".msg")] == ["user", "assistant", "user"]
    assert len(json.loads(fields_of(second.text)["history_right"])) == 4
    cleared = {**form, "system": "", "prompt": "Is it so?"}
    assert fields_of(pages.post("/playground", data=cleared).text)["system"] == ""


@pytest.mark.parametrize("history", ["[", '{"a": 1}', '["a question without an answer"]', "[1, 2]"])
def test_a_history_that_is_none_is_no_history(pages: TestClient, served: str, history: str) -> None:
    form = fields_of(pages.get("/playground").text) | {"history_right": history, "prompt": "Hello?"}
    answer = pages.post("/playground", data=form)
    assert answer.status_code == 200
    assert len(json.loads(fields_of(answer.text)["history_right"])) == 2


def test_the_base_starts_beside_the_tuned_model_without_leaving(
    pages: TestClient, app_context: TestHouse, engine: Engine, served: str
) -> None:
    shown = BeautifulSoup(pages.get("/playground").text, "html.parser")
    button = shown.select_one("button[formaction]")
    assert button is not None
    form = fields_of(str(shown))
    begun = pages.post(str(button["formaction"]), data=form)
    assert begun.status_code == 303
    address = begun.headers["location"]
    assert address.startswith("/playground?left="), "the press leads away"
    assert pages.post(str(button["formaction"]), data=form).headers["location"] == address
    waiting = BeautifulSoup(pages.get(address).text, "html.parser")
    starting = waiting.select_one("#starting")
    assert starting is not None
    assert "is starting" in starting.text
    assert starting["hx-trigger"] == "tunedesk:changed from:body"
    turn(app_context, engine)
    ready = fields_of(pages.get(address).text)
    assert ready["right"] == served
    with app_context.open() as scope:
        assert not deployments.get(scope, ready["left"]).target.is_tuned
    answers = BeautifulSoup(pages.post("/playground", data={**ready, "prompt": "Hello?"}).text, "html.parser")
    assert all(each.text for each in answers.select("[data-answer]"))
