"""Nothing is spent by one press, and what it costs is said in units that people use. The provider is never reached."""

import re

import pytest

from tests.first_hour.house import House, requested
from tests.first_hour.visitor import Page, Visitor, words
from tests.support.older.client import Document

BASE = "serverless:azureml/Phi-4-mini-instruct"
MACHINES = "managed:azureml/Phi-3-mini-4k-instruct"
AGREED = {"accept_cost": {"unknown_price": True}}
TICK = "accept_cost-unknown_price"
# Of a subscription that there is none of; every call to it is refused at once.
SETTINGS = {
    "credential": "client_secret",
    "tenant_id": "11111111-2222-3333-4444-555555555555",
    "client_id": "22222222-3333-4444-5555-666666666666",
    "subscription_id": "33333333-4444-5555-6666-777777777777",
    "resource_group": "rg1",
    "workspace": "proj1",
    "cloud": "AzureCloud",
}


@pytest.fixture(scope="module")
def billing(house: House) -> str:
    """Connect a provider that bills; return the connection's id."""
    secrets = {"client_secret": "of-nobody"}
    body = {"backend": "azure_foundry", "name": "Subscription", "settings": SETTINGS, "secrets": secrets}
    return str(house.client.post("/connections", body)["id"])


@pytest.fixture(scope="module")
def fields(house: House, billing: str) -> Document:
    """Return a job there, as REST and a draft take it."""
    project = house.project("What is billed")
    rows = house.rows("billed", project)
    return requested(project=project, training_dataset=rows, connection=billing, base_model=BASE, name="billed")


def test_04_a_job_that_is_billed_is_not_submitted_again_by_one_press(
    house: House, visitor: Visitor, fields: Document
) -> None:
    asked = house.client.http.post("/api/v1/jobs", json={**fields, **AGREED}, headers={"idempotency-key": "billed"})
    if asked.is_client_error:  # earlier code asks for no agreement and knows no such field
        asked = house.client.http.post("/api/v1/jobs", json=fields, headers={"idempotency-key": "billed-plainly"})
    job = f"/jobs/{asked.json()['id']}"
    house.client.post(f"{job}/cancel")
    house.client.until(job, status="cancelled")
    before = house.jobs()
    question = visitor.open(job).press("Retry")
    assert house.jobs() == before, "one press has submitted a job that is billed"
    assert "unknown" in question.part("#cost").text
    refused = question.press("Retry")
    assert (refused.answer.status_code, house.jobs()) == (422, before)
    again = refused.press("Retry", typed={TICK: "on"})
    assert house.jobs() == {*before, again.path.rpartition("/")[2]}
    house.client.post(f"{again.path}/cancel")


def test_04_the_form_that_deploys_names_what_an_hour_costs(visitor: Visitor, billing: str) -> None:
    form = words(visitor.open(f"/deployments?model=base:{billing}:{MACHINES}").part("#new"))
    assert MACHINES.rpartition("/")[2] in form
    assert re.search(r"\d an hour", form), "the form deploys what is billed by the hour and names no price"


def reviewed(house: House, visitor: Visitor, fields: Document) -> Page:
    draft = house.client.post("/drafts", fields)["id"]
    return visitor.open(f"/wizard/{draft}/review")


def test_05_a_job_of_an_unknown_price_is_not_submitted_by_one_press(
    house: House, visitor: Visitor, fields: Document
) -> None:
    page, before = reviewed(house, visitor, fields), house.jobs()
    refused = page.press("Submit")
    started = house.jobs() - before
    for each in started:
        house.client.post(f"/jobs/{each}/cancel")
    assert started == set(), "a job of which nobody knows the price was submitted without a question"
    assert refused.soup.select_one(f"input[name='{TICK}']"), "there is nothing to agree to an unknown price with"
    assert page.soup.select_one("input[name=amount]"), "the price cannot be set where it is missing"


def test_05_tokens_are_counted_in_a_unit_that_people_use(house: House, visitor: Visitor, fields: Document) -> None:
    shown = reviewed(house, visitor, fields).part("#price-lines").text
    assert "okens" in shown
    found = re.findall(r"0\.0\d*[^·]*million", shown)
    assert found == [], "the tokens of a small file are counted in millions"
