"""Nothing is spent by one press: what is billed names its cost first, on pages and by REST."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag
from starlette.testclient import TestClient

from app.domain.prices import Price
from app.services import drafts, jobs
from tests.support.billed import WORK, Billed, Continues, Made, Silent, house_of
from tests.support.door import key, visiting
from tests.support.spending import ANYTHING

API = "/api/v1"
TICK = "accept_cost-unknown_price"
LIMIT = "accept_cost-up_to"


class Unpriced(Billed):
    """A provider whose price for the work nobody knows."""

    def prices(self) -> tuple[Price, ...]:
        """Return the hour's price, and the work without one."""
        return (replace(WORK, amount=None), *super().prices()[1:])


@dataclass(frozen=True)
class Visit:
    """An installation with a finished job, and a browser without scripts."""

    made: Made
    client: TestClient

    def soup(self, path: str, status: int = 200, **sent: Any) -> BeautifulSoup:  # noqa: ANN401 -- a form
        answer = self.client.post(path, **sent) if sent else self.client.get(path.partition("#")[0])
        assert answer.status_code == status, answer.text[:2000]
        return BeautifulSoup(answer.text, "html.parser")

    def count(self, noun: str) -> int:
        return len(self.client.get(f"{API}/{noun}").json()["items"])

    def press(
        self, page: BeautifulSoup, action: str, status: int = 303, *, more: Mapping[str, str] | None = None
    ) -> str:
        """Send the form of an action as it stands, with what somebody typed or ticked; return where it leads."""
        answer = self.client.post(action, data={**sent_by(page, action), **(more or {})})
        assert answer.status_code == status, answer.text[:2000]
        return str(answer.headers.get("location", answer.text))


def sent_by(page: BeautifulSoup, action: str) -> dict[str, str]:
    """Return the fields that a form sends when nothing is changed."""
    form = page.select_one(f'form[action="{action}"]')
    assert isinstance(form, Tag), f"no form leads to {action}"
    fields = {str(each["name"]): str(each.get("value", "")) for each in form.select("input[name]:not([type=checkbox])")}
    for select in form.select("select[name]"):
        chosen = select.select_one("option[selected]") or select.select_one("option")
        fields[str(select["name"])] = "" if chosen is None else str(chosen.get("value", chosen.text))
    return fields


def opened(tmp_path_factory: pytest.TempPathFactory, kind: type[Continues]) -> Iterator[Visit]:
    house = house_of(kind, tmp_path_factory.mktemp(kind.__name__))
    made = Made(house, house.until(house.job(accepted=ANYTHING).id))
    with visiting(house.scopes) as client:
        yield Visit(made, client)
    house.close()


@pytest.fixture(scope="module")
def billed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    yield from opened(tmp_path_factory, Billed)


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    yield from opened(tmp_path_factory, Silent)


@pytest.fixture(scope="module")
def free(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    yield from opened(tmp_path_factory, Continues)


@pytest.fixture(scope="module")
def unpriced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    yield from opened(tmp_path_factory, Unpriced)


@pytest.mark.parametrize("act", ["run-again", "retry"])
def test_a_job_is_submitted_again_once_its_cost_was_named_and_agreed_to(billed: Visit, act: str) -> None:
    job, before = billed.made.job, billed.count("jobs")
    page = billed.soup(f"/jobs/{job.id}")
    assert page.select_one(f'form[action="/jobs/{job.id}/run-again"]') is None, "one press would spend"
    assert page.select_one(f'a[href="/jobs/{job.id}/run-again"]') is not None
    question = billed.soup(f"/jobs/{job.id}/{act}")
    assert "about $4.00, at most $6.00" in question.text
    assert "1 million – 3 million tokens" in question.text
    action = f"/jobs/{job.id}/{act}"
    fields = sent_by(question, action)
    assert fields[LIMIT] == "6.00"
    bare = {"idempotency_key": fields["idempotency_key"]}
    refused = billed.soup(action, 422, data=bare)
    assert "This is billed: 6.00 USD at most, by its estimate." in refused.text
    assert "This is billed: 6.00 USD at most" in billed.press(question, action, 422, more={LIMIT: "5.99"})
    assert billed.count("jobs") == before, "nothing was started"
    first = billed.press(question, action)
    assert billed.press(question, action) == first, "a second press starts nothing twice"
    assert billed.count("jobs") == before + 1


def test_a_capsule_is_run_once_its_cost_was_agreed_to(billed: Visit) -> None:
    job, before = billed.made.job, billed.count("jobs")
    capsule = billed.client.get(f"/jobs/{job.id}/capsule").content
    form = sent_by(billed.soup(f"/jobs/from-capsule?project={job.spec.project}"), "/jobs/from-capsule")
    question = billed.soup("/jobs/from-capsule", 422, data=form, files={"file": ("run.json", capsule)})
    assert "at most $6.00" in question.text
    assert billed.count("jobs") == before
    assert billed.press(question, "/jobs/from-capsule").startswith("/jobs/job_")
    assert billed.count("jobs") == before + 1


@pytest.mark.parametrize("begun", ["wizard", "continued"])
def test_a_draft_is_submitted_with_its_cost_in_the_same_form(billed: Visit, begun: str) -> None:
    before = billed.count("jobs")
    with billed.made.app_context.open() as scope:
        job = billed.made.job
        ways = {
            "wizard": lambda: drafts.create(scope, jobs.fields_of(job.spec)),
            "continued": lambda: drafts.of_model(scope, str(job.fine_tuned_model)),
        }
        draft = ways[begun]().id
    review = billed.soup(f"/wizard/{draft}/review")
    action = f"/wizard/{draft}/submit"
    refused = billed.soup(action, 422, data={"idempotency_key": f"bare-{begun}"})
    assert "This is billed: 6.00 USD at most" in refused.text
    assert billed.count("jobs") == before
    assert billed.press(review, action).startswith("/jobs/job_")
    assert billed.count("jobs") == before + 1


def test_a_model_is_served_from_a_form_that_names_the_hour(billed: Visit) -> None:
    model, before = str(billed.made.job.fine_tuned_model), billed.count("deployments")
    for path in (f"/jobs/{billed.made.job.id}", f"/models/{model}"):
        page = billed.soup(path)
        assert page.select_one('form[action="/deployments"]') is None, f"one press on {path} would spend"
        assert page.select_one(f'a[href="/deployments?model={model}#new"]') is not None
    form = billed.soup(f"/deployments?model={model}")
    assert "$3.00 an hour, used or not" in form.text
    refused = billed.soup("/deployments", 422, data={"model": model, "idempotency_key": "bare"})
    assert "This is billed: 3.00 USD an hour, used or not." in refused.text
    assert billed.count("deployments") == before
    assert billed.press(form, "/deployments").startswith("/deployments/dep_")
    base = f"base:{billed.made.job.connection}:{billed.made.job.spec.base_model}"
    by_token = billed.soup(f"/deployments?model={base}")
    assert "no hourly charge; tokens are billed" in by_token.text
    assert billed.press(by_token, "/deployments").startswith("/deployments/dep_"), "nothing is to be agreed to"


def test_an_unknown_price_is_ticked(silent: Visit) -> None:
    job = silent.made.job
    for page, action in (
        (f"/jobs/{job.id}/run-again", f"/jobs/{job.id}/run-again"),
        (f"/deployments?model={job.fine_tuned_model}", "/deployments"),
    ):
        before = silent.count("jobs"), silent.count("deployments")
        question = silent.soup(page)
        assert "price unknown" in question.text
        assert "The provider bills this, and what it comes to is not known before." in silent.press(
            question, action, 422
        )
        assert (silent.count("jobs"), silent.count("deployments")) == before
        silent.press(question, action, more={TICK: "on"})
        assert (silent.count("jobs"), silent.count("deployments")) != before


@pytest.mark.parametrize(("kind", "words"), [("billed", "$"), ("silent", "what it comes to is not known before")])
def test_an_evaluation_asks_first_where_its_answers_are_billed(
    request: pytest.FixtureRequest, kind: str, words: str
) -> None:
    visit: Visit = request.getfixturevalue(kind)
    page = visit.soup(f"/jobs/{visit.made.job.id}?tab=evaluation")
    sent = {**sent_by(page, "/evaluations"), "base_model": visit.made.job.spec.base_model}
    before = visit.count("evaluations")
    question = visit.soup("/evaluations", 200, data=sent)
    assert words in question.text
    assert (question.select_one(f"input[name='{TICK}']") is None) is (kind == "billed")
    again = {**sent_by(question, "/evaluations"), "accept_cost-up_to": "0"}
    assert "This is billed" in visit.soup("/evaluations", 422, data=again).text or kind == "silent"
    assert visit.count("evaluations") == before, "nothing was started"
    agreed = {**sent_by(question, "/evaluations"), TICK: "on"}
    assert visit.client.post("/evaluations", data=agreed).status_code == 303
    assert visit.count("evaluations") == before + 1


def test_an_evaluation_that_is_free_begins_by_one_press(free: Visit) -> None:
    page = free.soup(f"/jobs/{free.made.job.id}?tab=evaluation")
    sent = {**sent_by(page, "/evaluations"), "base_model": free.made.job.spec.base_model}
    assert free.client.post("/evaluations", data=sent).status_code == 303


def test_an_unknown_price_is_set_there_and_leads_back(unpriced: Visit) -> None:
    action = f"/jobs/{unpriced.made.job.id}/run-again"
    question = unpriced.soup(action)
    assert question.select_one(f"input[name='{TICK}']") is not None
    assert question.select_one(f"input[name='{LIMIT}']") is None
    button = question.select_one("button[formaction^='/settings/prices']")
    assert button is not None
    fields = {**sent_by(question, action), "amount": "5", "price": str(button["value"])}
    set_here = unpriced.client.post(str(button["formaction"]), data=fields)
    assert (set_here.status_code, set_here.headers["location"]) == (303, action)
    priced = unpriced.soup(action)
    assert "about $10.00, at most $15.00" in priced.text
    assert sent_by(priced, action)[LIMIT] == "15.00"
    assert priced.select_one(f"input[name='{TICK}']") is None
    elsewhere = unpriced.client.post(
        "/settings/prices?next=//evil.example", data={**fields, "connection": "con_rehearsal"}
    )
    assert elsewhere.headers["location"] == "/"


def test_where_nothing_is_billed_one_press_is_enough(free: Visit) -> None:
    job = free.made.job
    page = free.soup(f"/jobs/{job.id}")
    assert free.press(page, f"/jobs/{job.id}/run-again").startswith("/jobs/job_")
    assert free.press(page, "/deployments").startswith("/deployments/dep_")
    assert "Limit" not in free.soup(f"/deployments?model={job.fine_tuned_model}").text


def calls(visit: Visit) -> dict[str, tuple[str, Mapping[str, Any] | None]]:
    """Return every call by REST that begins what may be billed, by name: its address and its body."""
    job = visit.made.job
    fields = {name: value for name, value in jobs.fields_of(job.spec).items() if value is not None}
    with visit.made.app_context.open() as scope:
        draft = drafts.create(scope, fields).id
    capsule = visit.client.get(f"{API}/jobs/{job.id}/capsule").json()
    return {
        "create": ("jobs", fields),
        "retry": (f"jobs/{job.id}/retry", None),
        "run again": (f"jobs/{job.id}/run-again", None),
        "submit": (f"drafts/{draft}/submit", None),
        "capsule": ("jobs/from-capsule", {"capsule": capsule, "project": job.spec.project}),
        "deploy": ("deployments", {"target": {"model": job.fine_tuned_model}}),
        "evaluate": ("evaluations", {"target": {"model": job.fine_tuned_model}, "dataset": job.spec.training_dataset}),
    }


PRICED = ("create", "retry", "run again", "submit", "capsule", "deploy")
CALLS = (*PRICED, "evaluate")


def ask(visit: Visit, call: str, cost: Mapping[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
    path, body = calls(visit)[call]
    given = body if cost is None else {**(body or {}), "accept_cost": cost}
    sent = {} if given is None else {"json": given}
    answer = visit.client.post(f"{API}/{path}", headers=key(f"{call}-{cost}".replace(" ", "")), **sent)  # type: ignore[arg-type]
    return answer.status_code, answer.json()


@pytest.mark.parametrize("call", PRICED)
def test_by_rest_a_field_agrees_to_the_cost(billed: Visit, call: str) -> None:
    most = "3.00" if call == "deploy" else "6.00"
    noun = "deployments" if call == "deploy" else "jobs"
    before = billed.count(noun)
    for cost in (None, {"unknown_price": True}, {"up_to": "2.99"}, {"up_to": "100", "currency": "EUR"}):
        status, answer = ask(billed, call, cost)
        assert (status, answer["type"]) == (422, "urn:tunedesk:problem:cost-not-accepted"), answer
        (error,) = answer["errors"]
        assert error["pointer"] == "/accept_cost/up_to"
        assert f"{most} USD" in error["message"]
        assert f"{most} USD" in error["fix"]
    assert billed.count(noun) == before
    assert ask(billed, call, {"up_to": most})[0] == 201
    assert billed.count(noun) == before + 1


@pytest.mark.parametrize("call", CALLS)
def test_by_rest_an_unknown_price_is_agreed_to_by_name(silent: Visit, call: str) -> None:
    for cost in (None, {"up_to": "1000000"}):
        status, answer = ask(silent, call, cost)
        assert (status, [each["pointer"] for each in answer["errors"]]) == (422, ["/accept_cost/unknown_price"])
    assert ask(silent, call, {"unknown_price": True})[0] == 201


@pytest.mark.parametrize("call", CALLS)
def test_by_rest_what_is_free_needs_no_such_field(free: Visit, call: str) -> None:
    assert ask(free, call)[0] == 201
    assert ask(free, call, {"up_to": "0"})[0] == 201


def test_the_code_of_a_draft_agrees_to_what_it_costs(billed: Visit, silent: Visit) -> None:
    for visit, said in ((billed, '"up_to": "6.00"'), (silent, '"unknown_price": true')):
        with visit.made.app_context.open() as scope:
            draft = drafts.create(scope, jobs.fields_of(visit.made.job.spec)).id
        shown = visit.client.get(f"{API}/drafts/{draft}/code").text
        assert said in shown
