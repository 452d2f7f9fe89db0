from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from starlette.testclient import TestClient

from app.backends.azure_foundry.kind import AzureFoundryKind
from app.services import connections, drafts, jobs
from tests.support.app_context import TestHouse
from tests.support.connections import REHEARSAL_ID
from tests.support.spending import ANYTHING

PHI4 = "serverless:azureml/Phi-4-mini-instruct"
PHI3 = "serverless:azureml/Phi-3-mini-4k-instruct"
PHI3_MANAGED = "managed:azureml/Phi-3-mini-4k-instruct"


@pytest.fixture
def app_context(app_context: TestHouse, tmp_path: Path) -> TestHouse:
    app_context.clock.turn(datetime(2026, 11, 25, 12, tzinfo=UTC) - app_context.clock.now())
    app_context.app_context.backends._kinds["azure_foundry"] = AzureFoundryKind(
        clock=app_context.clock, cache=tmp_path / "cache"
    )
    return app_context


@pytest.fixture
def azure(app_context: TestHouse) -> str:
    with app_context.open() as scope:
        return connections.create(scope, backend="azure_foundry", name="Azure", settings={}, secrets={}).id


def soup(text: str) -> BeautifulSoup:
    return BeautifulSoup(text, "html.parser")


def test_phi_3_is_searched_its_end_is_shown_and_one_press_takes_the_replacement(
    pages: TestClient, app_context: TestHouse, azure: str
) -> None:
    with app_context.open() as scope:
        draft = drafts.create(scope, {"connection": azure, "hyperparameters": {"warmup_ratio": "0.1"}}).id
    page = soup(pages.get(f"/wizard/{draft}/model?q=phi-3-mini").text)
    retired = page.select_one(f'input[value="{PHI3}"]')
    assert retired is not None
    assert "disabled" in retired.attrs
    assert "Retired on 2025-08-30" in page.text
    assert page.select_one(f'input[value="{PHI4}"]') is None, "the search narrows the list"
    (form,) = [
        one
        for one in page.select(f'form[action="/wizard/{draft}/replacement"]')
        if one.select_one("input")["value"] == PHI3  # type: ignore[index]
    ]
    assert "Use Phi-4-mini-instruct (serverless) instead" in form.text
    taken = pages.post(f"/wizard/{draft}/replacement", data={"base_model": PHI3})
    assert taken.status_code == 303
    assert pages.post(f"/wizard/{draft}/replacement", data={"base_model": PHI3}).status_code == 303, "pressed twice"
    after = soup(pages.get(taken.headers["location"]).text)
    chosen = after.select_one("input[name=base_model][checked]")
    assert chosen is not None
    assert chosen["value"] == PHI4
    assert "warmup_ratio" in after.text


def test_a_search_does_not_forget_the_chosen_model(pages: TestClient, app_context: TestHouse, azure: str) -> None:
    with app_context.open() as scope:
        draft = drafts.create(scope, {"connection": azure, "base_model": PHI4}).id
    page = soup(pages.get(f"/wizard/{draft}/model?q=llama").text)
    chosen = page.select_one("input[name=base_model][checked]")
    assert chosen is not None
    assert chosen["value"] == PHI4
    assert page.select_one("form#step-form input[name=q]")["value"] == "llama"  # type: ignore[index]


def test_a_seed_is_asked_for_only_where_it_does_something(
    pages: TestClient, app_context: TestHouse, azure: str
) -> None:
    with app_context.open() as scope:
        there = drafts.create(scope, {"connection": azure, "base_model": PHI4}).id
        given = drafts.create(scope, {"connection": azure, "base_model": PHI4, "seed": 7}).id
        here = drafts.create(scope, {"connection": "con_rehearsal", "base_model": "rehearsal:small"}).id
    for draft, asked in ((there, False), (given, True), (here, True)):
        field = soup(pages.get(f"/wizard/{draft}/hyperparameters").text).select_one("#seed")
        assert (field is not None) is asked, "a seed that was given can still be taken back"
        assert (">Seed</dt>" in pages.get(f"/wizard/{draft}/review").text) is asked


def test_what_is_not_listed_is_named_as_the_connection_names_it(
    pages: TestClient, app_context: TestHouse, azure: str
) -> None:
    with app_context.open() as scope:
        there = drafts.create(scope, {"connection": azure}).id
        here = drafts.create(scope, {"connection": REHEARSAL_ID}).id
    app_context.backend.profile = replace(app_context.backend.profile, accepts_paths=True)
    assert "serverless:azureml/Phi-4-mini-instruct:1" in pages.get(f"/wizard/{there}/model").text
    assert "Hugging Face" not in pages.get(f"/wizard/{there}/model").text
    assert "Hugging Face" in pages.get(f"/wizard/{here}/model").text


def test_the_split_that_is_shown_is_the_one_that_is_stored(
    pages: TestClient, app_context: TestHouse, azure: str
) -> None:
    with app_context.open() as scope:
        draft = drafts.create(scope, {"connection": azure}).id
    trigger = "span[hx-trigger]"
    shown = soup(pages.get(f"/wizard/{draft}/validation").text).select_one(f"#step-form {trigger}")
    assert shown is not None
    assert str(shown["hx-trigger"]).startswith("load, "), "the page stores what it shows as chosen"
    pages.post(f"/wizard/{draft}/validate/validation", data={"validation.kind": "none"})
    stored = soup(pages.get(f"/wizard/{draft}/validation").text).select_one(f"#step-form {trigger}")
    assert stored is not None
    assert not str(stored["hx-trigger"]).startswith("load")


def test_a_replacement_is_called_by_its_name(pages: TestClient, app_context: TestHouse, azure: str) -> None:
    with app_context.open() as scope:
        draft = drafts.create(scope, app_context.fields(connection=azure, base_model=PHI3_MANAGED)).id
    assert "Its replacement is Phi-4 (managed compute)." in pages.get(f"/wizard/{draft}/review").text


@pytest.mark.parametrize("bad", ["<script>", "a b", "x" * 61])
def test_names_of_dropped_settings_are_names(pages: TestClient, app_context: TestHouse, azure: str, bad: str) -> None:
    with app_context.open() as scope:
        draft = drafts.create(scope, {"connection": azure}).id
    assert pages.get(f"/wizard/{draft}/model", params={"dropped": bad}).status_code == 422


def test_the_catalog_tells_ends_sources_and_ages(pages: TestClient, azure: str) -> None:
    page = soup(pages.get("/catalog?q=phi-3-mini-4k").text)
    assert "Retired on 2025-08-30" in page.text
    assert "older than 60 days" in page.text
    assert "The registries have not been asked yet" in page.text
    assert page.select('a[href^="https://github.com/MicrosoftDocs/azure-ai-docs/"]')
    assert page.select_one(f'form[action="/catalog/refresh"] input[value="{azure}"]') is not None
    assert pages.post("/catalog/refresh", data={"connection": "con_rehearsal"}).status_code == 409


def test_an_own_price_is_set_and_taken_back(pages: TestClient, azure: str) -> None:
    price = {"connection": azure, "price": "training:azureml/Phi-4-mini-instruct", "currency": "EUR"}
    refused = pages.post("/settings/prices", data={**price, "amount": "3,67"})
    assert refused.status_code == 422
    assert "is not an amount" in refused.text
    assert pages.post("/settings/prices", data={**price, "amount": "2.50"}).status_code == 303
    page = soup(pages.get("/settings/prices").text)
    field = page.select_one(f"#amount-{azure}-training-azureml-Phi-4-mini-instruct")
    assert field is not None
    assert field["value"] == "2.5"
    assert "2.50 EUR" in page.text
    assert pages.post("/settings/prices", data={**price, "amount": ""}).status_code == 303
    assert "2.50 EUR" not in pages.get("/settings/prices").text


def test_the_review_shows_what_the_price_is_made_of(pages: TestClient, app_context: TestHouse, azure: str) -> None:
    fields = app_context.fields(connection=azure, base_model=PHI3_MANAGED)
    with app_context.open() as scope:
        draft = drafts.create(scope, fields).id
    with app_context.open() as scope:
        job = jobs.create(scope, {**fields, "name": "metered"}, accepted=ANYTHING)
    page = soup(pages.get(f"/wizard/{draft}/review").text)
    lines = page.select_one("#price-lines")
    assert lines is not None
    assert "$3.67" in lines.text
    assert lines.select_one('a[href^="https://"]') is not None
    assert "2026-11-09" in lines.text
    submit = page.select_one("#submit")
    assert submit is not None
    assert "about $" in submit.text
    assert "az ml job create" in pages.get(f"/wizard/{draft}/review?target=az-cli").text
    shown = soup(pages.get(f"/jobs/{job.id}").text)
    assert shown.select_one("#checkpoints-h") is None, "Azure has no checkpoints"
    strip = shown.select_one("#stat-cost")
    assert strip is not None
    assert "$0.00" in strip.text


def test_limits_that_cannot_be_asked_for_are_reported_with_those_for_everybody(pages: TestClient, azure: str) -> None:
    page = pages.get(f"/connections/{azure}/limits")
    assert page.status_code == 200
    assert "names no subscription yet" in page.text
    assert "200,000" in page.text
    assert pages.get("/connections/con_rehearsal/limits").status_code == 409
