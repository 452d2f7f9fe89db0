"""Forms that pages show are pressed twice, as when an answer was lost: nothing is begun twice, and a refusal speaks.

Every route, and two presses at the same instant: `test_pressed_at_once`.
"""

from collections.abc import Iterator

from bs4 import BeautifulSoup, Tag
from starlette.testclient import TestClient

from app.engine.engine import Engine
from app.services import drafts, jobs
from app.store import schema
from tests.support.app_context import TestHouse
from tests.support.door import turn
from tests.support.pressing import route_of, routes

# What is billed, or takes a machine's time.
STARTED = (schema.jobs, schema.evaluations, schema.deployments)


def fields_of(form: Tag) -> dict[str, str]:
    """Return what a browser would send of a form as it stands there."""
    found = {}
    for each in form.select("input[name]:not([type=file]), textarea[name]"):
        chosen = each.get("type") not in {"radio", "checkbox"} or each.has_attr("checked")
        if chosen:
            found[str(each["name"])] = str(each.get("value") or each.text or "")
    for each in form.select("select[name]"):
        option = each.select_one("option[selected]") or each.select_one("option")
        if option is not None:
            found[str(each["name"])] = str(option.get("value", option.text))
    return found


def forms(pages: TestClient, addresses: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    for address in addresses:
        answer = pages.get(address)
        assert answer.status_code == 200, f"{address}: {answer.text[:300]}"
        for form in BeautifulSoup(answer.text, "html.parser").select("form[method=post]"):
            yield str(form["action"]), fields_of(form)


def started(app_context: TestHouse) -> list[int]:
    with app_context.database.reading() as tx:
        return [len(tx.execute(table.select()).all()) for table in STARTED]


def test_no_form_that_is_pressed_twice_begins_anything_twice(
    pages: TestClient, app_context: TestHouse, engine: Engine
) -> None:
    with app_context.open() as scope:
        draft = drafts.create(scope, app_context.fields()).id
        job = jobs.create(scope, {**drafts.get(scope, draft).values, "name": "pressed"}).id
    turn(app_context, engine)
    unused = app_context.dataset(41).id
    with app_context.open() as scope:
        done = jobs.get(scope, job)
        given = {**drafts.get(scope, draft).values, "name": "waiting"}
        waiting = jobs.create(scope, given).id
    addresses = ["/", "/jobs", "/datasets", "/models", "/deployments", "/projects", "/wizard", "/settings"]
    addresses += [f"/projects/{done.spec.project}", f"/connections/{done.spec.connection}", "/connections", "/catalog"]
    addresses += [f"/jobs/{job}?tab={tab}" for tab in ("overview", "parameters", "evaluation")]
    addresses += [f"/models/{done.fine_tuned_model}", f"/models/{done.fine_tuned_model}/teardown"]
    addresses += [f"/datasets/{done.spec.training_dataset}", "/settings/webhooks", "/settings/prices"]
    addresses += [f"/wizard/{draft}/{step}" for step in ("project", "model", "data", "hyperparameters", "review")]
    addresses += [f"/jobs/{waiting}", f"/datasets/{unused}", f"/datasets/{unused}/rows/1", "/account", "/playground"]
    addresses += ["/settings/openai", "/jobs/from-capsule", "/wizard/from-autotrain", "/wizard"]
    known, pressed = routes(), dict[str, str]()
    for action, fields in list(forms(pages, addresses)):
        route = route_of(action, known)
        assert route, f"no route takes {action}"
        if route in pressed:
            continue
        pressed[route] = action
        first = pages.post(action, data=fields)
        before = started(app_context)
        second = pages.post(action, data=fields)
        assert started(app_context) == before, f"{action} began something twice"
        for answer in (first, second):
            assert answer.status_code < 500, f"{action}: {answer.text[:300]}"
            spoken = BeautifulSoup(answer.text, "html.parser").select_one("#errors, main")
            assert answer.status_code < 400 or (spoken is not None and spoken.text.strip()), action
    assert {"/wizard/{draft}/submit", "/deployments", "/jobs/{identifier}/run-again"} <= pressed.keys()
