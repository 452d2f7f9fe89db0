"""Real trainings of the earlier code, taken up by the present one: under way, interrupted, served, and run again."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.local import runtime_python
from tests.support.older import trained
from tests.support.older.client import Client, Document
from tests.support.older.documents import Documents, differences, documents
from tests.support.older.installation import Installation
from tests.support.older.release import ROOT
from tests.support.older.trained import STEPS, Trained

pytestmark = [pytest.mark.training, pytest.mark.slow]
AS_IT_WAS, GROWN = ("whole",), ("under-way", "interrupted")


@pytest.fixture(scope="module")
def older(earlier_code: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """Give the folder as the death of the earlier server left it."""
    made = Trained(Installation(tmp_path_factory.mktemp("installation")), earlier_code, runtime_python())
    try:
        trained.furnish(made)
        yield made
    finally:
        made.installation.close()


@dataclass
class Upgraded:
    """The present server, and what it said first."""

    client: Client
    documents: Documents
    children: dict[str, tuple[int, int]]  # by a run's name: its process before, and now


@pytest.fixture(scope="module")
def upgraded(older: Trained) -> Iterator[Upgraded]:
    installation = older.installation
    tags = {"under-way": older.jobs["under-way"], "served": older.deployment}
    before = {name: installation.child(tag) for name, tag in tags.items()}
    with installation.start(ROOT, interpreter=older.interpreter) as client:
        found = documents(client)
        children = {name: (before[name], installation.child(tag)) for name, tag in tags.items()}
        client.until(f"/jobs/{older.jobs['under-way']}", status="running")
        trained.goes_on(older)
        yield Upgraded(client, found, children)


def test_everything_is_there_as_it_was(older: Trained, upgraded: Upgraded) -> None:
    grown = [f"/jobs/{older.jobs[name]}" for name in GROWN]
    # Which checkpoint is the best so far may change with every epoch.
    before = {path: each for path, each in older.documents.items() if path not in {f"{g}/checkpoints" for g in grown}}
    changing = dict.fromkeys(grown, frozenset({"observed_at", "progress", "raw_status", "note"}))
    changing[f"/deployments/{older.deployment}"] = frozenset({"observed_at"})
    assert differences(before, upgraded.documents, changing) == []
    assert all(before == now for before, now in upgraded.children.values())


def test_the_deployment_answers_and_is_served_again_by_the_present_code(older: Trained, upgraded: Upgraded) -> None:
    client, path = upgraded.client, f"/deployments/{older.deployment}"
    assert client.says(older.deployment, trained.QUESTION) == older.answer
    assert client.get(path)["restarts"] == 0
    os.killpg(older.installation.child(older.deployment), signal.SIGKILL)
    client.post(f"/engine/look{path}")
    client.until(path, status="ready", restarts=1)
    assert client.says(older.deployment, trained.QUESTION) == older.answer


def test_both_trainings_end_alike_as_if_nothing_had_been(older: Trained, upgraded: Upgraded) -> None:
    client, jobs = upgraded.client, {name: older.jobs[name] for name in GROWN}
    ended = {name: client.until(f"/jobs/{job}", status="succeeded") for name, job in jobs.items()}
    assert {name: each["progress"]["step"] for name, each in ended.items()} == dict.fromkeys(GROWN, STEPS)
    assert {name: older.installation.starts(job) for name, job in jobs.items()} == {"under-way": 1, "interrupted": 2}
    for job in jobs.values():
        messages = [each["message"] for each in client.items(f"/jobs/{job}/events")]
        assert messages.count("The backend accepted the job.") == 1
    series = {name: losses(client, job) for name, job in jobs.items()}
    assert list(series["under-way"]["train_loss"]) == list(range(1, STEPS + 1))
    assert series["interrupted"] == series["under-way"]
    saved = {name: client.items(f"/jobs/{job}/checkpoints") for name, job in jobs.items()}
    figures = {name: [(each["step"], each["validation_loss"]) for each in found] for name, found in saved.items()}
    assert len(figures["under-way"]) == trained.EPOCHS
    assert figures["interrupted"] == figures["under-way"]
    for each in ended.values():
        served = client.post("/deployments", {"target": {"model": each["fine_tuned_model"]}})["id"]
        client.until(f"/deployments/{served}", status="ready")
        assert client.says(served, trained.QUESTION)


def test_the_capsule_runs_to_the_same_losses(older: Trained, upgraded: Upgraded) -> None:
    client = upgraded.client
    made = client.post("/jobs/from-capsule", {"capsule": older.capsule, "project": older.project})["id"]
    client.until(f"/jobs/{made}", status="succeeded")
    assert losses(client, made) == losses(client, older.jobs["whole"])
    for before, again in zip(*(evaluated(client, job) for job in (older.jobs["whole"], made)), strict=True):
        for name in ("loss", "perplexity", "exact_match", "accuracy", "macro_f1", "forced_choice_accuracy"):
            assert again["metrics"][name] == pytest.approx(before["metrics"][name], rel=1e-6), name
        assert again["metrics"]["confusion"] == before["metrics"]["confusion"]
        assert (before["rendering"], before["model_hash"]) == (None, None)
    _evaluates_the_base_anew(client, older.jobs["whole"], made)


def _evaluates_the_base_anew(client: Client, before: str, now: str) -> None:
    """The base that an earlier release evaluated is evaluated once more, with a sentence; and then taken over."""
    old, base, tuned = evaluated(client, before)[0], *evaluated(client, now)
    assert base["not_reused"].startswith(f"Evaluation {old['id']} asked the same, and is not taken over:")
    assert "an earlier release made it" in base["not_reused"]
    assert base["message"] == tuned["not_reused"] == ""
    assert base["rendering"] == tuned["rendering"]
    assert len(base["model_hash"]) == len(tuned["model_hash"]) == 64
    assert base["not_reused"] in client.http.get(f"/jobs/{now}?tab=evaluation").text
    again = client.post(f"/jobs/{now}/run-again")["id"]
    client.until(f"/jobs/{again}", status="succeeded")
    taken = evaluated(client, again)[0]
    assert taken["message"] == f"Taken over from evaluation {base['id']}, which asked the same."
    assert (taken["metrics"], taken["model_hash"]) == (base["metrics"], base["model_hash"])


def losses(client: Client, job: str) -> dict[str, dict[int, float]]:
    """Return a job's losses by series and step; a step that came twice, or in another order, fails the test."""
    found = [each for each in client.items(f"/jobs/{job}/metrics", points=5000) if each["name"].endswith("_loss")]
    assert all(each["steps"] == sorted(set(each["steps"])) for each in found)
    return {each["name"]: dict(zip(each["steps"], each["values"], strict=True)) for each in found}


def evaluated(client: Client, job: str) -> list[Document]:
    """Return a job's evaluations once they are over, the base model's first."""
    own = sorted(client.items("/evaluations", job=job), key=lambda each: each["target"]["model"] is not None)
    return [client.until(f"/evaluations/{each['id']}", status="succeeded") for each in own]
