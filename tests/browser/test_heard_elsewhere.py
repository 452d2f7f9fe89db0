"""What scripts add: news from elsewhere on lists, a conversation in the playground, fields that come with a choice."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.support.pages import Furnished, fields

SOON = 3000  # milliseconds


@pytest.mark.slow
def test_what_is_submitted_elsewhere_shows_on_the_overview_within_three_seconds(
    visitor: Page, furnished: Furnished
) -> None:
    client = furnished.installation.client
    visitor.goto(furnished.url)
    dataset = next(each for each in client.items("/datasets") if each["status"] == "ready")
    job = client.post("/jobs", {**fields(str(dataset["project"]), str(dataset["id"])), "name": "from-elsewhere"})
    expect(visitor.locator(f"main a[href='/jobs/{job['id']}']").first).to_be_visible(timeout=SOON)


@pytest.mark.slow
def test_the_playground_holds_a_conversation(visitor: Page, furnished: Furnished) -> None:
    visitor.goto(furnished.address("playground"))
    expect(visitor.get_by_label("System prompt")).to_have_value("Name the queue.")
    message, column = visitor.get_by_label("Message", exact=True), visitor.locator("[data-column=right]")
    for question in ("Where is my parcel?", "And my money?"):
        message.fill(question)
        message.press("Control+Enter")
        expect(message).to_have_value("")
        expect(column.locator("[data-answer]")).to_have_text(re.compile(r"\w"))
    expect(column.locator(".msg")).to_have_count(3)
    visitor.get_by_role("link", name="New conversation").click()
    expect(column.locator(".msg")).to_have_count(0)
    expect(column.locator("[data-answer]")).to_have_text("")


@pytest.mark.slow
def test_loras_fields_come_with_lora(visitor: Page, furnished: Furnished) -> None:
    client = furnished.installation.client
    local = next(each for each in client.items("/connections") if each["backend"] == "local")
    draft = client.post("/drafts", {"connection": local["id"], "base_model": "builtin:starter"})
    visitor.goto(f"{furnished.url}/wizard/{draft['id']}/hyperparameters")
    rank, adapter = visitor.get_by_label("LoRA rank"), visitor.get_by_label("Adapter", exact=True)
    expect(rank).to_be_hidden()
    adapter.select_option("lora")
    expect(rank).to_be_visible()
    adapter.select_option("none")
    expect(rank).to_be_hidden()
