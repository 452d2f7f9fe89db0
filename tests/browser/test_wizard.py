"""The wizard in a real browser: with scripts, without them, and by keyboard alone."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.journeys import Installation
from tests.support.pages import rows


def rows_file(folder: Path) -> Path:
    file = folder / "messages.jsonl"
    file.write_bytes(rows())
    return file


def walk(page: Page, url: str, file: Path) -> None:
    """Answer all five steps by hand, with one mistake on the way, up to the review."""
    page.goto(f"{url}/wizard")
    page.get_by_role("button", name="Start the wizard").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Project")
    page.get_by_label("Project", exact=True).select_option("new")
    page.get_by_label("Name of the new project").fill("Triage by hand")
    page.get_by_label(re.compile("^Rehearsal")).check()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Model")
    page.get_by_label(re.compile("^Rehearsal small")).check()
    name = page.get_by_label(re.compile("Name of the (tuned|fine-tuned) model", re.IGNORECASE))
    name.fill("Has Spaces")
    name.press("Enter")  # a press of the button could miss it while the answer to the first choice moves it down
    expect(page.locator("#errors")).to_be_visible()
    expect(name).to_have_value("Has Spaces")
    name.fill("by-hand")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Data")
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_text("60").first).to_be_visible()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Validation")
    page.get_by_label(re.compile("automatic", re.IGNORECASE)).first.check()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Hyperparameters")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Review")


def test_the_wizard_with_scripts(rehearsal_installation: Installation, visitor: Page, tmp_path: Path) -> None:
    walk(visitor, rehearsal_installation.server.url, rows_file(tmp_path))
    review = visitor.url
    visitor.reload()
    expect(visitor.get_by_role("heading", level=1)).to_have_text("Review")
    expect(visitor.get_by_text("by-hand").first).to_be_visible()
    visitor.get_by_role("button", name=re.compile("^Submit")).dblclick()
    expect(visitor.get_by_role("heading", level=1)).to_contain_text("by-hand")
    expect(visitor.locator("[data-status=succeeded]").first).to_be_visible(timeout=60_000)
    assert len(rehearsal_installation.client.items("/jobs")) == 1
    visitor.goto(review)
    expect(visitor.get_by_role("heading", level=1)).to_contain_text("by-hand")


@pytest.mark.slow
def test_the_wizard_without_scripts(scriptless: Page, rehearsal_installation: Installation, tmp_path: Path) -> None:
    walk(scriptless, rehearsal_installation.server.url, rows_file(tmp_path))
    scriptless.get_by_role("button", name=re.compile("^Submit")).click()
    expect(scriptless.get_by_role("heading", level=1)).to_contain_text("by-hand")
    job = rehearsal_installation.client.items("/jobs")[0]
    rehearsal_installation.client.until(f"/jobs/{job['id']}", lambda seen: seen["status"] == "succeeded")
    scriptless.reload()
    expect(scriptless.locator("[data-status=succeeded]").first).to_be_visible()


@pytest.mark.slow
def test_another_browser_finds_the_draft_as_it_was_left_also_after_a_restart(
    visitor: Page, scriptless: Page, rehearsal_installation: Installation
) -> None:
    visitor.goto(f"{rehearsal_installation.server.url}/wizard")
    visitor.get_by_role("button", name="Start the wizard").click()
    visitor.get_by_label("Project", exact=True).select_option("new")
    visitor.get_by_label("Name of the new project").fill("Kept")
    visitor.get_by_role("button", name="Next").click()
    expect(visitor.get_by_role("heading", level=1)).to_have_text("Model")
    address = visitor.url.removeprefix(rehearsal_installation.server.url)
    visitor.goto("about:blank")
    rehearsal_installation.kill()
    rehearsal_installation.start()
    scriptless.goto(rehearsal_installation.server.url + address)
    expect(scriptless.get_by_role("heading", level=1)).to_have_text("Model")
    scriptless.goto((rehearsal_installation.server.url + address).replace("/model", "/project"))
    expect(scriptless.locator("#project option:checked")).to_have_text("Kept")


@pytest.mark.slow
def test_the_wizard_by_keyboard_alone(rehearsal_installation: Installation, visitor: Page) -> None:
    visitor.goto(f"{rehearsal_installation.server.url}/wizard")
    _tab_to(visitor, "Start the wizard")
    visitor.keyboard.press("Enter")
    expect(visitor.get_by_role("heading", level=1)).to_have_text("Project")
    _tab_to(visitor, "", selector="#new_project")
    visitor.keyboard.type("Typed")
    visitor.locator("#project").press("N")
    _tab_to(visitor, "Next")
    visitor.keyboard.press("Enter")
    expect(visitor.get_by_role("heading", level=1)).to_have_text("Model")


def _tab_to(page: Page, name: str, *, selector: str = "") -> None:
    for _ in range(80):
        page.keyboard.press("Tab")
        if selector and page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        if not selector and page.evaluate("document.activeElement.textContent").strip() == name:
            return
    raise AssertionError(f"the keyboard does not reach {name or selector}")
