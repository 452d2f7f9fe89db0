"""The look before a training, at the review and at submit, with a child that finds what it is told to."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from starlette.testclient import TestClient

from app.domain.preflight import PreflightFinding, PreflightSeverity
from app.services import drafts
from tests.support.connections import LOCAL_ID
from tests.support.door import visiting
from tests.support.steered import DemoClient
from tests.support.waiting import until

BLOCKER = PreflightFinding(
    severity=PreflightSeverity.BLOCKER,
    code="template_refused",
    message="Line 7: <b>only user and assistant here</b>.",
    fix="Take the message out.",
    pointer="/training_dataset",
    count=1,
    lines=(7,),
)
WARNING = PreflightFinding(
    severity=PreflightSeverity.WARNING,
    code="cut",
    message="Lines 3 and 4: more than 8 tokens.",
    fix="Raise max length.",
    pointer="/hyperparameters/max_length",
    count=2,
    lines=(3, 4),
)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[DemoClient]:
    made = DemoClient(tmp_path)
    yield made
    made.close()


@pytest.fixture
def pages(demo: DemoClient) -> Iterator[TestClient]:
    with visiting(demo.app_context.scopes) as client:
        yield client


@pytest.fixture
def draft(demo: DemoClient) -> str:
    """A draft in which everything is answered."""
    fields = demo.app_context.fields(
        connection=LOCAL_ID, base_model="builtin:starter", validation={"kind": "none"}, name="triage"
    )
    with demo.app_context.open() as scope:
        return drafts.create(scope, fields).id


def review(pages: TestClient, draft: str) -> BeautifulSoup:
    answer = pages.get(f"/wizard/{draft}/review")
    assert answer.status_code == 200, answer.text
    return BeautifulSoup(answer.text, "html.parser")


def card(pages: TestClient, draft: str) -> str:
    found = review(pages, draft).select_one("#preflight")
    assert found is not None
    return found.get_text(" ", strip=True)


def done(pages: TestClient, draft: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        seen = pages.get(f"/api/v1/drafts/{draft}/preflight").json()
        return seen if seen["status"] == "done" else None

    return until(look, doing="the pre-flight")


def test_the_review_looks_shows_how_far_it_is_and_what_was_found(
    demo: DemoClient, pages: TestClient, draft: str
) -> None:
    page = review(pages, draft)
    form = page.select_one("#preflight form")
    assert form is not None
    assert (form["method"], form["action"]) == ("post", f"/wizard/{draft}/preflight")  # also without scripts
    answer = pages.post(f"/wizard/{draft}/preflight")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/wizard/{draft}/review")
    page = review(pages, draft)
    assert page.select_one("noscript meta[http-equiv=refresh]") is not None
    assert page.select_one("#preflight [hx-get]") is not None
    assert "disabled" not in page.select_one("#submit").attrs  # type: ignore[union-attr]
    demo.found_ahead(BLOCKER, WARNING)
    done(pages, draft)
    page = review(pages, draft)
    assert BLOCKER.message in page.get_text()
    assert "<b>only user" not in str(page)  # a template's words are no markup
    assert "disabled" in page.select_one("#submit").attrs  # type: ignore[union-attr]
    assert page.select_one(f"#errors a[href^='/wizard/{draft}/data']") is not None
    assert WARNING.message in card(pages, draft)


def test_steps_and_tokens_are_those_of_what_the_rows_become_in_training(
    demo: DemoClient, pages: TestClient, draft: str
) -> None:
    def facts(part: str) -> dict[str, str]:
        found = review(pages, draft).select(f"{part} dl.facts .pair")
        return {pair.select_one("dt").text: pair.select_one("dd").text for pair in found}  # type: ignore[union-attr]

    def steps() -> int:
        return int(facts("#ready")["Steps"])

    before = steps()
    demo.found_ahead(rows=20, sequences=160, sequence_tokens=1_234_000)
    pages.post(f"/wizard/{draft}/preflight")
    done(pages, draft)
    assert facts("#preflight")["Sequences trained"] == "160"
    assert steps() == 5 * before, "ten batches of sixteen instead of two"
    assert facts("#ready")["Tokens trained on"] == "about 4.94M", "of four epochs"


def test_the_look_begins_by_itself_once_the_runtime_is_ready(demo: DemoClient, pages: TestClient, draft: str) -> None:
    demo.not_ready = "The runtime environment is not ready: Unpacking (25%)."
    assert demo.not_ready in card(pages, draft)
    page = review(pages, draft)
    assert page.select_one("#preflight [hx-get][hx-trigger='every 5s']") is not None
    assert page.select_one("noscript meta[http-equiv=refresh]") is not None
    demo.not_ready = ""
    form = review(pages, draft).select_one("#preflight form")
    assert form is not None
    assert "load" in str(form["hx-trigger"])


def test_a_submit_is_refused_with_the_sentence_that_the_job_would_fail_with(
    demo: DemoClient, pages: TestClient, draft: str
) -> None:
    demo.found_ahead(BLOCKER)
    assert pages.post(f"/api/v1/drafts/{draft}/preflight").status_code == 202
    done(pages, draft)
    refused = pages.post(f"/api/v1/drafts/{draft}/submit", headers={"Idempotency-Key": "one"})
    assert refused.status_code == 422
    (error,) = refused.json()["errors"]
    assert error == {
        "pointer": "/training_dataset", "code": "template_refused", "message": BLOCKER.message, "fix": BLOCKER.fix,
    }  # fmt: skip
    answer = pages.post(f"/wizard/{draft}/submit", data={"idempotency_key": "two"})
    assert answer.status_code == 422
    assert BLOCKER.message in BeautifulSoup(answer.text, "html.parser").get_text()


def test_what_nobody_has_looked_at_is_submitted(pages: TestClient, draft: str) -> None:
    assert pages.get(f"/api/v1/drafts/{draft}/preflight").json()["status"] == "absent"
    answer = pages.post(f"/api/v1/drafts/{draft}/submit", headers={"Idempotency-Key": "one"})
    assert answer.status_code == 201


def test_other_settings_are_looked_at_anew_and_other_rates_are_not(
    demo: DemoClient, pages: TestClient, draft: str
) -> None:
    demo.found_ahead()
    pages.post(f"/wizard/{draft}/preflight")
    assert done(pages, draft)["findings"] == []
    assert "No problems found" in card(pages, draft)
    for values, status in (({"learning_rate": 0.001}, "done"), ({"max_length": 64}, "absent")):
        stored = pages.patch(f"/api/v1/drafts/{draft}/hyperparameters", json={"hyperparameters": values})
        assert stored.status_code == 200
        assert pages.get(f"/api/v1/drafts/{draft}/preflight").json()["status"] == status


def test_fields_are_looked_at_without_a_draft(demo: DemoClient, pages: TestClient) -> None:
    demo.found_ahead(WARNING)
    fields = demo.app_context.fields(
        connection=LOCAL_ID, base_model="builtin:starter", validation={"kind": "none"}, name="triage"
    )

    def look() -> dict[str, Any] | None:
        seen = pages.post("/api/v1/jobs/preflight", json=fields).json()
        return seen if seen["status"] == "done" else None

    assert until(look, doing="the pre-flight")["findings"][0]["lines"] == [3, 4]
    reported = pages.post("/api/v1/jobs/estimate", json=fields).json()
    assert WARNING.message in [each["message"] for each in reported["warnings"]]
    refused = pages.post("/api/v1/jobs/preflight", json={**fields, "name": "Not A Name"})
    assert refused.status_code == 422
