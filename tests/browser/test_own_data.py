"""The first hour with one's own data in a real browser: from a file as people have it to a model that is asked."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.looks import LOOKS, Visit
from tests.support.journeys import Installation, installation
from tests.support.local import runtime_python

MINUTES = 60_000
TEAMS = ("Versand", "Rechnung", "Rückgabe")
WORDS = {
    "Versand": ("Das Paket kam nicht an", "Die Sendung steht seit Tagen still"),
    "Rechnung": ("Der Betrag stimmt nicht, 20 € zu viel", "Die Rechnung fehlt"),
    "Rückgabe": ("Der Schal ist zu groß, ich schicke ihn zurück", "Die Lampe kam zerbrochen an – was nun?"),
}
HEADER = "Nr.;Eingang;Was der Kunde schrieb;zuständig (Team)"
BAD_LINES = (
    "9001;03.02.2026;;Versand",
    "9002;03.02.2026;Wo bleibt meine Lampe?;",
    "9003;04.02.2026;   ;Rechnung",
)


def tickets(rows: int = 60) -> list[tuple[str, str]]:
    """Return tickets of a shop for lamps and scarves: what was written, and whose it is."""
    found = []
    for number in range(rows):
        team = TEAMS[number % 3]
        found.append((f"{WORDS[team][number % 2]} (Auftrag {1000 + number})", team))
    return found


def csv_of_a_shop(folder: Path) -> Path:
    """A table as a German spreadsheet program saves it: semicolons, Windows-1252, some lines unfinished."""
    lines = [f"{1000 + n};01.02.2026;{text};{team}" for n, (text, team) in enumerate(tickets())]
    file = folder / "tickets Lampe & Schal.csv"
    file.write_bytes("\r\n".join([HEADER, *lines[:30], *BAD_LINES, *lines[30:], ""]).encode("cp1252"))
    return file


def parquet_of_a_shop(folder: Path) -> Path:
    """The same as a data scientist has it."""
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rows = [*tickets(), ("", TEAMS[0]), ("Wo bleibt meine Lampe?", "")]
    columns = {"body_raw": [text for text, _ in rows], "queue_assigned": [team for _, team in rows]}
    parquet.write_table(arrow.table(columns), folder / "tickets.parquet")
    return folder / "tickets.parquet"


def sharegpt_of_a_shop(folder: Path) -> Path:
    """The same as conversations, two of them unfinished."""
    rows = [*tickets(), ("", TEAMS[0]), ("Wo bleibt meine Lampe?", "")]
    talks = [
        {"conversations": [{"from": "human", "value": text}, {"from": "gpt", "value": team}]} for text, team in rows
    ]
    file = folder / "tickets.json"
    file.write_text(json.dumps(talks, ensure_ascii=False, indent=1), encoding="utf-8")
    return file


class Reader:
    """Somebody who presses what stands there, and has every page looked at on the way if `looks` is set."""

    def __init__(self, visit: Visit, here: Installation, *, looks: bool) -> None:
        self.visit, self.page, self.here, self.looks = visit, visit.page, here, looks

    def sees(self, name: str) -> None:
        if self.looks:
            self.visit.looks_right(name, LOOKS)

    def at(self, heading: str) -> None:
        expect(self.page.get_by_role("heading", level=1)).to_contain_text(heading, timeout=MINUTES)

    def press(self, name: str | re.Pattern[str]) -> None:
        self.page.get_by_role("button", name=name).first.click()

    def upload(self, file: Path) -> None:
        self.page.goto(f"{self.here.server.url}/datasets")
        self.page.set_input_files("#upload input[type=file]", file)
        self.page.locator("#upload").get_by_role("button", name="Upload").click()
        expect(self.page).to_have_url(re.compile("/datasets/ds_"), timeout=MINUTES)

    def map_columns(self, question: str, answer: str) -> None:
        page = self.page
        expect(page.locator("#columns")).to_be_visible(timeout=MINUTES)
        page.get_by_label(question, exact=True).select_option("user")
        page.get_by_label(answer, exact=True).select_option("assistant")
        expect(page.locator("#mapped .msg").first).to_contain_text("Das Paket kam nicht an", timeout=MINUTES)
        self.sees("columns")
        self.press("Use these columns")
        expect(page.get_by_text("A version with the chosen columns was created")).to_be_visible(timeout=MINUTES)

    def drop_bad_lines(self, rows: int) -> None:
        page = self.page
        self.sees("dataset")
        page.locator(".tabs").get_by_role("link", name=re.compile("^Findings")).click()
        self.sees("findings")
        page.get_by_label("Leave out the rows that still have errors").check()
        self.press("Preview the changes")
        self.at("Changes to")
        self.sees("changes")
        self.press("Make a new version")
        expect(page.locator("#status")).to_have_text("Ready", timeout=MINUTES)
        expect(page.locator(".stats dd").first).to_have_text(str(rows), timeout=MINUTES)

    def submit(self, connection: str, *, epochs: str = "") -> None:
        page = self.page
        self.press("Fine-tune on this")
        page.get_by_label("Project", exact=True).select_option("new")
        page.get_by_label("Name of the new project").fill("Lampe & Schal")
        page.get_by_role("radio", name=re.compile(f"^{connection}")).check()
        self.sees("wizard-project")
        self.press("Next")
        self.at("Model")
        page.locator("input[name=base_model]").first.check()
        page.locator("#name").fill("tickets")
        self.sees("wizard-model")
        self.press("Next")
        self.at("Data")
        self.sees("wizard-data")
        self.press("Next")
        self.at("Validation")
        page.get_by_label("How rows are split").select_option("stratified")
        self.sees("wizard-validation")
        self.press("Next")
        self.at("Hyperparameters")
        if epochs:
            page.get_by_label(re.compile("^Epochs")).fill(epochs)
        self.sees("wizard-hyperparameters")
        self.press("Next")
        self.at("Review")
        self.sees("wizard-review")
        self.press(re.compile("^Submit"))
        self.at("tickets")

    def evaluated_and_asked(self) -> None:
        page = self.page
        expect(page.locator("#main [data-status=succeeded]").first).to_be_visible(timeout=8 * MINUTES)
        expect(page.get_by_text("Did it get better?")).to_be_visible(timeout=5 * MINUTES)
        self.sees("job")
        page.locator(".tabs").get_by_role("link", name=re.compile("^Evaluation")).click()
        expect(page.locator("#figures")).to_be_visible(timeout=MINUTES)
        self.sees("evaluation")
        page.get_by_role("button", name="Deploy").first.click()
        expect(page.locator("#state [data-status=ready]")).to_be_visible(timeout=2 * MINUTES)
        self.sees("deployment")
        page.get_by_role("link", name="Open playground").click()
        page.get_by_label("Message", exact=True).fill("Das Paket kam nicht an")
        page.get_by_label("Message", exact=True).press("Control+Enter")
        expect(page.locator("[data-column=right] [data-answer]")).to_have_text(re.compile(r"\w"), timeout=MINUTES)
        self.sees("playground")


def test_a_shops_table_becomes_a_model_that_is_asked(
    rehearsal_installation: Installation, visit: Visit, tmp_path: Path
) -> None:
    reader = Reader(visit, rehearsal_installation, looks=False)
    reader.upload(csv_of_a_shop(tmp_path))
    reader.map_columns("Was der Kunde schrieb", "zuständig (Team)")
    reader.drop_bad_lines(60)
    reader.submit("Rehearsal")
    reader.evaluated_and_asked()


@pytest.fixture
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation that really trains."""
    python = str(runtime_python())
    folder = tmp_path_factory.mktemp("shop")
    with installation(folder, runtime_python=python, local_threads="1", local_niceness="0") as here:
        yield here


@pytest.mark.slow
@pytest.mark.training
@pytest.mark.parametrize(
    ("made", "columns"),
    [
        (csv_of_a_shop, ("Was der Kunde schrieb", "zuständig (Team)")),
        (parquet_of_a_shop, ("body_raw", "queue_assigned")),
        (sharegpt_of_a_shop, None),
    ],
    ids=["csv", "parquet", "sharegpt"],
)
def test_it_trains_and_every_page_on_the_way_can_be_used_by_everybody(
    shop: Installation,
    visit: Visit,  # closed before the server stops, lest its last look fails
    tmp_path: Path,
    made: Callable[[Path], Path],
    columns: tuple[str, str] | None,
) -> None:
    reader = Reader(visit, shop, looks=True)
    reader.upload(made(tmp_path))
    if columns is not None:
        reader.map_columns(*columns)
    reader.drop_bad_lines(60)
    reader.submit("This machine", epochs="1")
    reader.evaluated_and_asked()
