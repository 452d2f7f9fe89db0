"""Forms that pages show are pressed twice, as when an answer was lost: nothing is begun twice, and a refusal speaks.

A route that takes a form and is neither reached by these pages nor named below fails the test.
"""

import re
from collections.abc import Iterator, Mapping

from bs4 import BeautifulSoup, Tag
from starlette.testclient import TestClient

from app.engine.engine import Engine
from app.services import drafts, jobs
from app.store import schema
from app.web.site import ROUTERS
from tests.support.app_context import TestHouse
from tests.support.door import turn

# What is billed, or takes a machine's time.
STARTED = (schema.jobs, schema.evaluations, schema.deployments)
# Routes whose forms these pages do not show: they need a provider, an account, a failure or a training under
# way. They are not pressed twice by this test.
ELSEWHERE = frozenset(
    {
        "/account/password",
        "/account/sessions/{identifier}/end",
        "/account/tokens/{identifier}/revoke",
        "/catalog/refresh",
        "/connections/fields",
        "/connections/new",
        "/connections/{connection}/account/files",
        "/connections/{connection}/account/jobs",
        "/connections/{connection}/account/remove",
        "/connections/{connection}/choose",
        "/connections/{connection}/create/{name}",
        "/connections/{connection}/delete",
        "/connections/{connection}/edit",
        "/connections/{connection}/lifeboats",
        "/connections/{connection}/orphans/remove",
        "/connections/{connection}/sign-in",
        "/datasets/{dataset}/edits",
        "/datasets/{dataset}/mapping",
        "/datasets/{dataset}/use",
        "/deployments/{deployment}/client-key",
        "/deployments/{deployment}/client-key/rotate",
        "/deployments/{deployment}/delete",
        "/deployments/{deployment}/key",
        "/evaluations/{evaluation}/cancel",
        "/jobs/{identifier}/checkpoints/discard",
        "/jobs/{identifier}/checkpoints/{step}/continue",
        "/jobs/{identifier}/model",
        "/jobs/{identifier}/move",
        "/jobs/{identifier}/pause",
        "/jobs/{identifier}/resolve",
        "/jobs/{identifier}/resume",
        "/jobs/{identifier}/retry",
        "/jobs/{identifier}/stop",
        "/models/{model}/continue",
        "/models/{model}/ends",
        "/models/{model}/merge",
        "/playground",
        "/playground/base",
        "/playground/stream",
        "/projects/{project}/people",
        "/projects/{project}/people/{person}/remove",
        "/rescued-jobs/{identifier}/draft",
        "/settings/engine/clear",
        "/settings/engine/look",
        "/settings/openai/withdrawals",
        "/settings/people",
        "/settings/people/{person}/administers",
        "/settings/people/{person}/code",
        "/settings/people/{person}/disable",
        "/settings/people/{person}/enable",
        "/settings/people/{person}/sign-out",
        "/settings/prices",
        "/settings/webhooks/messages/{message}/send-again",
        "/settings/webhooks/{webhook}",
        "/settings/webhooks/{webhook}/delete",
        "/settings/webhooks/{webhook}/secret",
        "/settings/webhooks/{webhook}/test",
        "/sign-in",
        "/sign-in/single-sign-on/connect",
        "/sign-out",
        "/welcome",
        "/wizard/{draft}/preflight",
        "/wizard/{draft}/replacement",
        "/wizard/{draft}/validate/{step}",
    }
)
_PARAMETER = re.compile(r"\{[^}]+\}")


def routes() -> Mapping[str, re.Pattern[str]]:
    """Return every route of the pages that takes a form, with what its addresses look like; exact ones come first."""
    paths = {
        route.path
        for router in ROUTERS
        for route in router.routes
        if "POST" in (getattr(route, "methods", None) or ()) and hasattr(route, "path")
    }
    ordered = sorted(paths, key=lambda path: (path.count("{"), path))
    return {path: re.compile(_PARAMETER.sub("[^/]+", path)) for path in ordered}


def fields_of(form: Tag) -> dict[str, str]:
    """Return what a browser would send of a form as it stands there; a text that is missing is typed."""
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
        route = next((path for path, looks in known.items() if looks.fullmatch(action.partition("?")[0])), None)
        assert route is not None, f"no route takes {action}"
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
    assert known.keys() - pressed.keys() == ELSEWHERE
