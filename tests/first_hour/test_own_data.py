"""Files of one's own: what is taken, what is refused, where it is used."""

import io
import json
import re
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.first_hour.conftest import Trained
from tests.first_hour.house import House, chats, requested
from tests.first_hour.visitor import Visitor

PAIRS = [(f"Where is parcel {number}?", f"At door {number}.") for number in range(12)]
PDF = b"%PDF-1.7 and so on"
PREFERENCES = "".join(json.dumps({"prompt": q, "chosen": a, "rejected": "No."}) + "\n" for q, a in PAIRS).encode()


def parquet() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"prompt": [q for q, _ in PAIRS], "completion": [a for _, a in PAIRS]}), file)
    return file.getvalue()


def listed(row: Callable[[str, str], object]) -> bytes:
    return json.dumps([row(*pair) for pair in PAIRS]).encode()


FILES = {
    "a Parquet file": ("own.parquet", parquet()),
    "ShareGPT's form": (
        "sharegpt.json",
        listed(lambda q, a: {"conversations": [{"from": "human", "value": q}, {"from": "gpt", "value": a}]}),
    ),
    "Alpaca's form": ("alpaca.json", listed(lambda q, a: {"instruction": q, "input": "", "output": a})),
    "a JSON array": ("array.json", listed(lambda q, a: {"prompt": q, "completion": a})),
}


@pytest.mark.parametrize("kind", FILES)
def test_01_a_file_whose_form_is_clear_becomes_rows(house: House, kind: str) -> None:
    made = house.bring(*FILES[kind])
    assert made["status"] == "ready", f"{kind} is sent away: {made['status']}"
    assert made["rows"] == len(PAIRS)


def test_01_a_table_is_asked_about_previewed_and_taken(house: House, visitor: Visitor) -> None:
    table = "question,answer\n" + "".join(f"{q},{a}\n" for q, a in PAIRS)
    made = house.bring("tickets.csv", table.encode())
    assert made["status"] != "rejected", "a CSV file is sent away, to be converted by hand"
    page = visitor.open(f"/datasets/{made['id']}")
    shown = page.part("#mapped").text
    assert all(text in shown for pair in PAIRS[:3] for text in pair)
    taken = house.client.get(page.press("Use these columns").path)
    assert (taken["status"], taken["rows"]) == ("ready", len(PAIRS))


def test_02_a_refused_file_is_no_dataset(house: House, visitor: Visitor) -> None:
    refused = house.bring("letter.pdf", PDF)
    assert refused["status"] == "rejected"
    address = f"/datasets/{refused['id']}"
    assert address not in visitor.open("/datasets").links("#datasets"), "a refused file stands among the datasets"


def test_02_a_refused_file_displaces_no_choice_in_the_wizard(house: House, visitor: Visitor) -> None:
    good = house.rows("chosen-before")
    draft = house.client.post("/drafts", requested(training_dataset=good))["id"]
    step = f"/wizard/{draft}/data"
    visitor.open(step).press("Upload", files={"file": ("letter.pdf", PDF + b" on")})
    kept = house.client.get(f"/drafts/{draft}")["values"]["training_dataset"]
    assert kept == good, "the refused file is chosen in place of the good dataset"
    offered = visitor.open(step).soup.select("input[name=training_dataset][checked]")
    assert [each["value"] for each in offered] == [good]


def test_08_fine_tune_on_preferences_begins_with_the_method_that_fits_them(house: House, visitor: Visitor) -> None:
    pairs = house.bring("prefs.jsonl", PREFERENCES)
    begun = visitor.open(f"/datasets/{pairs['id']}").press("Fine-tune on this").path.split("/")[2]
    values = house.client.get(f"/drafts/{begun}")["values"]
    assert values.get("method") == "dpo", "preferences open a draft of a method that cannot use them"


def test_09_a_dataset_leads_to_all_that_came_of_it(visitor: Visitor, trained: Trained) -> None:
    links = visitor.open(f"/datasets/{trained.dataset}?tab=lineage").links()
    made = {f"/jobs/{trained.job}", f"/models/{trained.model}", f"/deployments/{trained.deployment}"}
    assert made <= links, "the dataset does not know what was trained on it"
    row = visitor.open("/datasets").part(f'tr:has(a[href="/datasets/{trained.dataset}"])')
    assert re.search(r"\d jobs?", row.get_text()), "the list of datasets does not say what is used"


def test_10_a_used_dataset_cannot_be_pressed_away_and_says_why(visitor: Visitor, trained: Trained) -> None:
    address = f"/datasets/{trained.dataset}"
    page = visitor.open(address)
    button = page.control("Delete")
    assert button is not None
    assert button.has_attr("disabled"), "Delete is offered, and leads to a refusal"
    assert f"{address}?tab=lineage#uses" in page.links()


def test_10_a_refusal_leads_back(visitor: Visitor, trained: Trained) -> None:
    address = f"/datasets/{trained.dataset}"
    refused = visitor.send("POST", f"{address}/delete", {}, came_from=visitor.open(address))
    assert refused.answer.status_code == 409
    assert address in refused.links(), "the page of the refusal has no way back"
    assert refused.soup.select_one('.rail a[href="/datasets"][aria-current=page]'), "the rail's mark is lost"


def test_20_a_project_lists_its_own_datasets_and_an_upload_belongs_to_it(house: House, visitor: Visitor) -> None:
    project = house.project("Returns of the twentieth")
    page = visitor.open("/datasets")
    fields = [str(each["name"]) for each in page.soup.select("#upload select[name]")]
    assert fields == ["project"], "an upload cannot be given a project"
    file = ("returns.jsonl", chats("returns of the twentieth"))
    made = page.press("Upload", inside="#upload", files={"file": file}, typed={"project": project}).path
    house.rows("of-no-project")
    assert visitor.open(f"/projects/{project}").links("#datasets") == {made}
