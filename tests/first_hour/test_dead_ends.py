"""Where a reader got no further: the reference, projects, search, clones, LoRA."""

import json
import re
from collections.abc import Mapping

from tests.first_hour.conftest import Trained
from tests.first_hour.house import SYSTEM, House, requested
from tests.first_hour.visitor import Page, Visitor, words
from tests.support.connections import LOCAL_ID

FULL_RATE = 0.0005  # of a training of all weights, which a clone keeps when its adapter becomes LoRA


def test_13_the_rest_reference_is_a_page(visitor: Visitor) -> None:
    page = visitor.open("/").press("REST reference", inside=".rail")
    assert page.answer.headers["content-type"].startswith("text/html"), "the rail leads to raw JSON"
    assert "Jobs" in words(page.part("main"))


def test_14_a_chosen_project_stays_chosen_and_filters(house: House, visitor: Visitor) -> None:
    ids: dict[str, tuple[str, str]] = {}
    for name in ("Parcels of the fourteenth", "Letters of the fourteenth"):
        project = house.project(name)
        rows = house.rows(name.replace(" ", "-").lower(), project)
        job = house.client.post("/jobs", requested(project=project, training_dataset=rows, name="fourteenth"))["id"]
        ids[name] = f"/jobs/{job}", f"/datasets/{rows}"
    chosen, other = ids
    visitor.open("/jobs").press(chosen, inside=".topbar")
    for address, own, others in zip(("/jobs", "/datasets"), ids[chosen], ids[other], strict=True):
        links = visitor.open(address).links()
        assert own in links
        assert others not in links, f"{address} shows the work of all projects again"


def chips(page: Page) -> Mapping[str, str]:
    return {words(chip).rpartition(" ")[0]: words(chip).rpartition(" ")[2] for chip in page.soup.select(".chips a")}


def test_15_a_search_finds_jobs_by_project_and_dataset(house: House, visitor: Visitor) -> None:
    project = house.project("Quince orchard")
    rows = house.rows("medlars-and-quinces", project)
    job = house.ended(project=project, training_dataset=rows, name="unlike-either")["id"]
    for text in ("quince orchard", "medlars-and"):
        page = visitor.open(f"/jobs?q={text}")
        found = [str(row["id"]) for row in page.soup.select("tbody tr")]
        assert found == [f"row-{job}"], f"no job is found by {text!r}"


def test_15_counts_follow_the_search(visitor: Visitor, trained: Trained) -> None:
    page = visitor.open(f"/jobs?q={trained.job}")
    assert chips(page) == {"All": "1", "Succeeded": "1"}, "the counts are those of all jobs"


def test_17_the_playground_begins_with_the_trainings_system_prompt(visitor: Visitor, trained: Trained) -> None:
    page = visitor.open(f"/playground?right={trained.deployment}")
    assert page.part("textarea[name=system]").text.strip() == SYSTEM, "the system prompt of the training is left out"


def test_17_the_playground_holds_a_conversation(visitor: Visitor, trained: Trained) -> None:
    page = visitor.open(f"/playground?right={trained.deployment}")
    first = page.press("Send", typed={"prompt": "Where is my parcel?"})
    answered = first.press("Send", typed={"prompt": "And my money?"})
    said = [each["data-role"] for each in answered.soup.select("[data-column=right] .msg")]
    assert said == ["user", "assistant", "user"], "an earlier turn is forgotten"


def test_17_the_base_is_deployed_without_leaving_the_playground(visitor: Visitor, trained: Trained) -> None:
    page = visitor.open(f"/playground?right={trained.deployment}").press("Also deploy the base")
    assert page.path == "/playground", f"the press leads away to {page.path}"


def test_19_a_clone_has_a_name_of_its_own(house: House, visitor: Visitor, trained: Trained) -> None:
    draft = visitor.open(f"/jobs/{trained.job}").press("Clone").path.split("/")[2]
    name = house.client.get(f"/drafts/{draft}")["values"]["name"]
    assert name not in {each["name"] for each in house.client.items("/jobs")}, f"another job is called {name!r}"


def test_21_loras_fields_come_with_lora(house: House, visitor: Visitor) -> None:
    draft = house.client.post("/drafts", requested(connection=LOCAL_ID, base_model="builtin:starter"))["id"]
    page = visitor.open(f"/wizard/{draft}/hyperparameters")
    labels = [words(label) for label in page.soup.select("form label") if "LoRA" in words(label)]
    folded = [words(label) for label in page.soup.select("#advanced label") if "LoRA" in words(label)]
    assert len(labels) == 4
    assert folded == [], "they are folded away among the advanced settings, whatever adapter is chosen"


def test_21_a_rate_for_all_weights_is_noticed_where_lora_is_chosen(house: House) -> None:
    project = house.project("By adapter")
    asked = requested(
        project=project,
        training_dataset=house.rows("by-adapter", project),
        connection=LOCAL_ID,
        base_model="builtin:starter",
        hyperparameters={"learning_rate": FULL_RATE},
        options={"adapter": "lora"},
    )
    warnings = json.dumps(house.client.ask("POST", "/jobs/estimate", json=asked).json()["warnings"])
    assert re.search(r"rate[^\"]*LoRA|LoRA[^\"]*rate", warnings), f"nothing is said of the rate: {warnings}"
