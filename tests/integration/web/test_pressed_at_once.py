"""Each form of the pages is pressed twice at the same instant: that has the effect of one press, and never a 500.

Two requests arrive together when a press is sent again by a browser, a proxy or a hand. Every route that takes a form
is pressed here, or named below with what else holds it: `PRESSES`, `ELSEWHERE` and `NOTHING` are all of them.
"""

from collections.abc import Iterator

import pytest
from bs4 import BeautifulSoup

from app.settings import ROOT
from tests.support.able import CANDIDATE, ORPHAN, AbleHouse
from tests.support.pressable import Pressable, furnish
from tests.support.pressing import ANEW, JOURNAL, PASSWORD, Done, Grounds, Press, routes
from tests.support.server import serving

CONFIGURATION = "task: llm-sft\nbase_model: some/model\nproject_name: from-autotrain\ndata:\n  path: data\n"
NEW_PASSWORD = "another long enough password"
ANSWERED = 400
# By route. Several presses of one route stand behind a space and a word.
PRESSES = {
    "/account/password": Press(page="/account", typed={"old": PASSWORD, "new": NEW_PASSWORD}),
    "/account/tokens": Press(page="/account", typed={"days": "30"}),
    "/account/tokens/{identifier}/revoke": Press(page="/account"),
    "/catalog/refresh": Press(page="/catalog"),
    "/connections/new": Press(page="/connections/new?backend=toy", typed={"name": "More toys"}),
    "/connections/{connection}": Press(page="/connections/{toys}", typed={"name": "Renamed"}),
    "/connections/{connection}/account/files": Press(
        page="/connections/{rehearsal}/account/adopt?kind=file&remote={remote_file}",
        typed={"name": "theirs", "project": "{project}"},
    ),
    "/connections/{connection}/account/jobs": Press(
        page="/connections/{rehearsal}/account/adopt?kind=job&remote={remote_job}",
        typed={"name": "theirs", "project": "{project}"},
    ),
    "/connections/{connection}/account/remove": Press(
        page="/connections/{rehearsal}/account/remove?remote={adopted_file}", typed={"confirm": "{adopted_name}"}
    ),
    "/connections/{connection}/delete": Press(page="/connections/{unused_toys}"),
    "/connections/{connection}/doctor": Press(page="/connections/{rehearsal}"),
    "/connections/{connection}/edit": Press(page="/connections/{toys}/edit", typed={"name": "Edited"}),
    "/connections/{connection}/lifeboats": Press(
        page="/connections/{rehearsal}/lifeboats", typed={"project": "{project}", "rows": "0"}
    ),
    "/connections/{connection}/orphans/remove": Press(
        page=f"/connections/{{rehearsal}}/orphans/remove?key={ORPHAN.key}", typed={"confirm": ORPHAN.name}
    ),
    "/datasets": Press(page="/datasets", typed={"pasted": "{pasted}", "name": "pasted", "path": ""}),
    "/datasets/{dataset}/delete": Press(page="/datasets/{unused}"),
    "/datasets/{dataset}/edits": Press(
        page="/datasets/{faulty}?tab=findings", typed={"apply": "yes", "drop_errors": "on"}
    ),
    "/datasets/{dataset}/mapping": Press(page="/datasets/{table}", typed={"apply": "yes"}),
    "/datasets/{dataset}/rows/{line}": Press(page="/datasets/{unused}/rows/1", typed={"exclude": "yes"}),
    "/datasets/{dataset}/use": Press(page="/datasets/{version}"),
    "/deployments": Press(page="/deployments?model={model}", typed={"idle_minutes": "30", "expires_at": ""}),
    "/deployments/{deployment}/client-key": Press(page="/deployments/{deployment}"),
    "/deployments/{deployment}/client-key/rotate": Press(page="/deployments/{deployment}/client-key/rotate"),
    "/deployments/{deployment}/delete": Press(page="/deployments/{deployment}"),
    "/deployments/{deployment}/key": Press(page="/deployments/{deployment}"),
    "/evaluations": Press(page="/jobs/{done}?tab=evaluation"),
    "/evaluations/{evaluation}/cancel": Press(page="/evaluations/{evaluation}"),
    "/jobs/from-capsule": Press(
        page="/jobs/from-capsule",
        typed={"project": "{project}", "connection": "", "base_model": "", "capsule": "{capsule}"},
    ),
    "/jobs/{identifier}/cancel": Press(page="/jobs/{running}"),
    "/jobs/{identifier}/checkpoints/discard": Press(page="/jobs/{done}"),
    "/jobs/{identifier}/checkpoints/{step}/continue": Press(page="/jobs/{done}"),
    "/jobs/{identifier}/checkpoints/{step}/model": Press(page="/jobs/{done}"),
    "/jobs/{identifier}/clone": Press(page="/jobs/{done}"),
    "/jobs/{identifier}/model": Press(page="/jobs/{nameless}/model", typed={"model": CANDIDATE}),
    "/jobs/{identifier}/move": Press(page="/jobs/{third}"),
    "/jobs/{identifier}/pause": Press(page="/jobs/{running}"),
    "/jobs/{identifier}/resolve": Press(page="/jobs/{unknown}", typed={"answer": "not_submitted", "remote_id": ""}),
    "/jobs/{identifier}/resume": Press(page="/jobs/{paused}"),
    "/jobs/{identifier}/retry": Press(page="/jobs/{failed}"),
    "/jobs/{identifier}/run-again": Press(page="/jobs/{done}"),
    "/jobs/{identifier}/stop": Press(page="/jobs/{running}"),
    "/models/{model}/continue": Press(page="/models/{model}"),
    "/models/{model}/ends": Press(page="/models/{model}"),
    "/models/{model}/merge": Press(page="/models/{model}"),
    "/models/{model}/teardown": Press(page="/models/{model}/teardown", typed={"confirm": "{model_name}"}),
    "/playground": Press(page="/playground?right={deployment}", typed={"prompt": "Is it so?"}),
    "/playground/base": Press(page="/playground?right={deployment}"),
    "/projects": Press(page="/projects", typed={"name": "Another"}),
    "/projects/{project}": Press(page="/projects/{project}", typed={"name": "Renamed"}),
    "/projects/{project}/decision": Press(page="/projects/{project}"),
    "/projects/{project}/delete": Press(page="/projects/{empty}"),
    "/projects/{project}/people": Press(page="/projects/{project}/people", typed={"name": "nina"}),
    "/projects/{project}/people/{person}/remove": Press(page="/projects/{project}/people"),
    "/rescued-jobs/{identifier}/draft": Press(page="/rescued-jobs/{rescued}"),
    "/settings/engine/clear": Press(page="/settings/engine"),
    "/settings/engine/look": Press(page="/settings/engine"),
    "/settings/openai/aliases": Press(page="/settings/openai", typed={"name": "gpt-alias"}),
    "/settings/openai/connections/{connection}": Press(page="/settings/openai"),
    "/settings/openai/withdrawals": Press(page="/settings/openai"),
    "/settings/people": Press(page="/settings/people", typed={"name": "newcomer"}),
    "/settings/people/{person}/administers": Press(page="/settings/people"),
    "/settings/people/{person}/code": Press(page="/settings/people"),
    "/settings/people/{person}/disable": Press(page="/settings/people"),
    "/settings/people/{person}/enable": Press(page="/settings/people"),
    "/settings/prices": Press(page="/settings/prices", typed={"amount": "2.50"}),
    "/settings/webhooks": Press(page="/settings/webhooks"),
    "/settings/webhooks/messages/{message}/send-again": Press(page="/settings/webhooks/messages/{message}"),
    "/settings/webhooks/{webhook}": Press(page="/settings/webhooks/{webhook}", typed={"name": "renamed"}),
    "/settings/webhooks/{webhook}/delete": Press(page="/settings/webhooks/{webhook}"),
    "/settings/webhooks/{webhook}/secret": Press(page="/settings/webhooks/{webhook}"),
    "/settings/webhooks/{webhook}/test": Press(page="/settings/webhooks/{webhook}"),
    "/welcome": Press(page="/welcome", typed={"code": "{code}", "password": NEW_PASSWORD, "again": NEW_PASSWORD}),
    "/wizard": Press(page="/wizard"),
    "/wizard/from-autotrain": Press(page="/wizard/from-autotrain", typed={"yaml": CONFIGURATION, "goto": "make"}),
    "/wizard/{draft}/delete": Press(page="/wizard"),
    "/wizard/{draft}/preflight": Press(page="/wizard/{draft}/review"),
    "/wizard/{draft}/preset": Press(page="/wizard/{draft}/hyperparameters"),
    "/wizard/{draft}/submit": Press(page="/wizard/{draft}/review"),
    "/wizard/{draft}/validate/{step}": Press(page="/wizard/{draft}/hyperparameters"),
    "/wizard/{draft}/{step}": Press(page="/wizard/{draft}/project", typed={"project": "{empty}"}),
}
# The long form has all of them: three houses and four requests each, 2 s of CPU.
IN_EVERY_RUN = frozenset({"/jobs/{identifier}/clone", "/models/{model}/merge", "/wizard/{draft}/submit"})
# Which record nothing that could be there twice.
NOTHING = {
    "/account/sessions/{identifier}/end": "takes a session away",
    "/connections/fields": "shows other fields",
    "/playground/stream": "a question, as /playground without scripts",
    "/settings/people/{person}/sign-out": "takes sessions away",
    "/settings/project": "a cookie",
    "/settings/theme": "a cookie",
    "/sign-in": "a session, of which one may have many",
    "/sign-in/single-sign-on/connect": "as /sign-in",
    "/sign-out": "takes the session away",
}
# Which need what this house has not, with the test that sends them twice.
ELSEWHERE = {
    "/connections/{connection}/choose": "tests/integration/azure/test_pages.py::test_a_project_is_chosen_from_lists",
    "/connections/{connection}/create/{name}": (
        "tests/integration/azure/test_pages.py::test_a_hub_and_a_project_are_made_and_followed"
    ),
    "/connections/{connection}/sign-in": (
        "tests/integration/azure/test_pages.py::test_signing_in_by_code_is_followed_on_the_page"
    ),
    "/sample": "tests/integration/web/test_local_pages.py::test_the_sample_that_is_pressed_twice_is_one_draft",
    "/settings/runtimes": (
        "tests/integration/web/test_pressed_twice.py::test_no_form_that_is_pressed_twice_begins_anything_twice"
    ),
    "/wizard/{draft}/replacement": (
        "tests/integration/web/test_prices_pages.py::"
        "test_phi_3_is_searched_its_end_is_shown_and_one_press_takes_the_replacement"
    ),
}


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Pressable:
    return furnish(tmp_path_factory.mktemp("pressable") / "house")


@pytest.fixture(scope="module")
def grounds(furnished: Pressable) -> Iterator[Grounds]:
    house = furnished.office.house
    now, folder = house.clock.now(), house.folder
    house.database.close()
    with serving(furnished.office.app) as url:
        yield Grounds(folder, lambda copy: AbleHouse(copy, now), furnished.office.app, url, furnished.ids)


def test_every_route_that_takes_a_form_is_pressed_or_named() -> None:
    named = [*PRESSES, *NOTHING, *ELSEWHERE]
    assert sorted(named) == sorted(routes())
    assert {*IN_EVERY_RUN, *ANEW, *JOURNAL} <= PRESSES.keys()
    for test in ELSEWHERE.values():
        file, _, name = test.partition("::")
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8"), test


@pytest.mark.parametrize(
    "route", [each if each in IN_EVERY_RUN else pytest.param(each, marks=pytest.mark.slow) for each in PRESSES]
)
def test_two_presses_at_the_same_instant_have_the_effect_of_one(
    grounds: Grounds, furnished: Pressable, route: str
) -> None:
    press = PRESSES[route]
    once, again, twice = (grounds.pressed(route, press, times) for times in (1, 1, 2))
    for answer in (*once.answers, *twice.answers):
        assert answer.status_code < 500, answer.text[:500]
    assert once.answers[0].status_code < ANSWERED, _said(once)
    assert once.cells(), f"pressing {press} changes nothing"
    differing = _differing(once, again, twice)
    if route in JOURNAL:
        differing = {each: found for each, found in differing.items() if each[0] != "events"}
    assert differing == {} or route in ANEW
    refused = [each for each in twice.answers if each.status_code >= ANSWERED]
    assert all(BeautifulSoup(each.text, "html.parser").select_one("#errors, main") for each in refused)


def _said(done: Done) -> str:
    return " ".join(BeautifulSoup(done.answers[0].text, "html.parser").get_text(" ").split())[:600]


def _differing(once: Done, again: Done, twice: Done) -> dict[tuple[str, str], object]:
    """Return what two presses have changed otherwise than one, where two single presses have changed the same."""
    one, same, two = once.cells(), again.cells(), twice.cells()
    sure = [each for each in {*one, *same, *two} if one.get(each) == same.get(each)]
    return {each: (one.get(each), two.get(each)) for each in sure if one.get(each) != two.get(each)}
