"""Figures that were false: times, progress, removals, verdicts."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import pytest
from bs4 import Tag

from tests.first_hour.conftest import Trained
from tests.first_hour.house import FINAL, SPLIT, House, requested
from tests.first_hour.visitor import Page, Visitor, words
from tests.support.connections import LOCAL_ID
from tests.support.older.client import Document
from tests.support.older.rehearsed import steps
from tests.support.waiting import until

SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
LONG_AGO_S = 3.0
# Held-out answers that the rehearsal gets wrong, before and after: it decides by line and words, the same each time.
BOTH_WRONG = ("14", "20", "9", "10", "2", "35", "5", "74")


def stage(page: Page, name: str) -> Tag:
    """Return a stage of a job's timeline."""
    return next(each for each in page.soup.select("#timeline li") if words(each).startswith(name))


def taken(page: Page, name: str) -> float:
    """Return the seconds that a stage is said to have taken, written as `2 min 05 s`; 0 where nothing is said."""
    took = stage(page, name).select_one(".took")
    text = "" if took is None else took.text
    return sum(float(number) * SECONDS[unit] for number, unit in re.findall(r"([\d.]+) (s|min|h|d)\b", text))


@dataclass(frozen=True)
class Here:
    """A training on this machine that was stopped after two steps of eight, and the page of one that waited for it."""

    stopped: str
    waiting: Page


def has_reached(step: int, job: Document) -> bool:
    return bool(job["progress"]["step"] == step)


@pytest.fixture(scope="module")
def here(house: House) -> Iterator[Here]:
    """Train on this machine, by a stand-in without torch."""
    client, project = house.client, house.project("On this machine")
    common = {"project": project, "training_dataset": house.rows("on-this-machine", project)}
    fields = requested(**common, connection=LOCAL_ID, base_model="builtin:starter")
    first, second = (client.post("/jobs", {**fields, "name": name})["id"] for name in ("stopped-early", "behind-it"))
    client.until(f"/jobs/{first}", status="running")
    (house.installation.runs / first / "saves").touch()
    for step in (1, 2):
        steps(house.installation, first, 1)
        client.until(f"/jobs/{first}", partial(has_reached, step))
    with Visitor(house.address) as visitor:
        client.until(f"/jobs/{second}", lambda seen: bool(seen["note"]), status="pending")
        waiting = visitor.open(f"/jobs/{second}")
        client.post(f"/jobs/{second}/cancel")
        client.post(f"/jobs/{first}/stop")
        client.until(f"/jobs/{first}", lambda seen: seen["status"] in FINAL)
        yield Here(first, waiting)


def test_07b_a_stopped_jobs_progress_is_the_same_everywhere(visitor: Visitor, here: Here) -> None:
    own = re.findall(r"\d+\s?%", visitor.open(f"/jobs/{here.stopped}").part("#stat-progress").parent.get_text())  # type: ignore[union-attr]
    row = visitor.open("/jobs?q=stopped-early").part(f"#row-{here.stopped}")
    assert len(own) == 1
    assert re.findall(r"\d+\s?%", row.get_text()) == own, "the list says another progress than the page"


def test_07d_waiting_for_another_job_is_no_work_on_data(here: Here) -> None:
    data = stage(here.waiting, "Data and checks")
    assert taken(here.waiting, "Data and checks") == 0, "the time in line is counted as that of the checks"
    assert not data.has_attr("aria-current"), "a job in line is said to have its data checked"


def test_18_nothing_is_made_by_continuing_before_anything_is_submitted(
    house: House, visitor: Visitor, here: Here
) -> None:
    before = house.client.items("/models")
    page = visitor.open(f"/jobs/{here.stopped}").press("Continue from here")
    assert house.client.items("/models") == before, "a look at the wizard has made a model"
    assert page.path.endswith("/review"), "everything is answered, and the draft opens elsewhere"


def test_07e_a_teardown_is_not_said_to_have_made_room(house: House, visitor: Visitor) -> None:
    project = house.project("Torn down")
    job = house.ended(project=project, training_dataset=house.rows("torn-down", project), name="torn-down")
    model = f"/models/{job['fine_tuned_model']}"
    visitor.open(f"{model}/teardown").press("Tear down", inside="main form", typed={"confirm": "torn-down"})
    house.client.until(model, status="deleted")
    text = visitor.open(f"/jobs/{job['id']}").text
    assert "to keep room" not in text, "checkpoints that a teardown removed are said to have made room"


def test_07f_two_models_that_are_never_right_are_not_as_good_as_each_other(house: House, visitor: Visitor) -> None:
    project = house.project("Never right")
    lines = [
        {"messages": [{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": f"queue {n}"}]}
        for n in BOTH_WRONG
    ]
    held_out = house.bring("never.jsonl", "".join(json.dumps(each) + "\n" for each in lines).encode(), project)
    rows = house.rows("never-right", project)
    job = house.ended(project=project, training_dataset=rows, name="never", test_dataset=held_out["id"])
    figures = [each["metrics"]["exact_match"] for each in house.evaluated(job["id"])]
    assert figures == [0, 0], "the rehearsal decides otherwise now"
    said = words(visitor.open(f"/jobs/{job['id']}").part(".verdict"))
    assert "As good as" not in said, "two useless models are called as good as each other"
    assert "Neither is right" in said


def test_07a_an_evaluation_takes_its_own_time_not_that_of_an_earlier_job(
    house: House, visitor: Visitor, trained: Trained
) -> None:
    until(lambda: time.monotonic() > trained.since + LONG_AGO_S, doing="the time between two jobs")
    fields = {"project": trained.project, "training_dataset": trained.dataset, "validation": SPLIT}
    job = house.ended(**fields, name="answered-again")
    ends = [each["ended_at"] for each in house.evaluated(job["id"])]
    whole = datetime.fromisoformat(max(ends)) - datetime.fromisoformat(job["created_at"])
    reported = taken(visitor.open(f"/jobs/{job['id']}"), "Evaluation")
    assert reported <= whole.total_seconds() + 1, (
        f"the evaluations of a job that took {whole} in all are said to have taken {reported} s"
    )
