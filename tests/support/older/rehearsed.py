"""The recipe of an earlier data folder: every kind of thing in it, jobs in every state, and a server that dies at work.

Two lives of the earlier server make it. In the first, one model goes the whole way, and further jobs wait in line. The
second one has a script that names those jobs, brings each into its state, and ends between a submit and its record,
in the middle of an upload. Trainings on this machine are stand-ins of the same earlier code, moved by files.
"""

import os
import signal
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.support.older.client import Client, Document
from tests.support.older.contract import promises
from tests.support.older.documents import Documents, documents
from tests.support.older.installation import Installation, stand_in
from tests.support.waiting import until

STATUSES = frozenset(
    {"pending", "preparing", "queued", "running", "cancelling", "unknown", "succeeded", "failed", "cancelled"}
)
KEY, QUESTION = "the-key-of-the-earlier-request", "Is anybody there?"
STEPS = 3000
_AT_ONCE = {
    "queue_s": 0.0, "train_s": 0.1, "steps": STEPS, "look_s": 0.2, "deploy_s": 0.1, "evaluate_s": 0.1,
    "acceptance_grace_s": 0.1, "repeats_doubles": True,
}  # fmt: skip
QUICK = _AT_ONCE
_FIRST = {**_AT_ONCE, "evaluate_s": 3600.0}  # an evaluation that goes on keeps the jobs behind it in line
WAITING = ("failed", "running", "cancelled", "queued", "preparing", "unknown", "cancelling")
_ACCEPTED = 6  # of those, and of the trainings on this machine, before the one whose record is lost
STAND_IN_STEPS, REACHED = 8, 3
_FINAL = {"succeeded", "failed", "cancelled"}


def slow(jobs: dict[str, str]) -> dict[str, Any]:
    """Return the script that brings each of the waiting jobs into the state of its name, and keeps it there."""
    faults = [
        ("submit", "rejected", jobs["failed"]),
        ("observe", "backwards", jobs["queued"]),  # it always says that the job waits in line
        ("observe", "backwards", jobs["cancelling"]),
        ("upload", "unavailable", f"{jobs['preparing']}-training"),
        ("submit", "lost_answer", jobs["unknown"]),
        ("find", "unsupported", jobs["unknown"]),
    ]
    rules = [{"call": call, "kind": kind, "tag": tag, "times": None} for call, kind, tag in faults]
    return {**_AT_ONCE, "train_s": 600.0, "faults": rules}


@dataclass
class Furnished:
    """What was made, by its id. `jobs` has one of each status by that status's name, and those that are said below."""

    installation: Installation
    code: Path
    connection_body: Document  # of the connection with secrets
    project: str = ""
    dataset: str = ""
    connection: str = ""
    draft: str = ""
    served: str = ""  # the deployment at the rehearsed provider
    served_here: str = ""  # the deployment on this machine
    jobs: dict[str, str] = field(default_factory=dict)
    body: Document = field(default_factory=dict)  # of the request with the key KEY
    answer: bytes = b""
    capsule: Document = field(default_factory=dict)
    upload: bytes = b""
    documents: Documents = field(default_factory=dict)
    promises: set[str] = field(default_factory=set)  # of the earlier contract


def changing(made: Furnished) -> dict[str, frozenset[str]]:
    """Return what a start changes of the documents before anything at the provider moves: fields by path."""
    seen = frozenset({"observed_at", "progress"})
    found = {
        path: seen
        for path, document in made.documents.items()
        if path.count("/") == 2 and document.get("status") not in _FINAL
    }
    accepted = {"status", "note", "raw_status", "remote_id", "parts", "started_at"}
    found[f"/jobs/{made.jobs['submitted']}"] = seen | accepted
    found[f"/jobs/{made.jobs['interrupted']}"] = seen | {"raw_status"}
    found[f"/jobs/{made.jobs['preparing']}"] = seen | {"note"}  # tried once more, and refused in the words of now
    found["/connections/con_rehearsal"] = frozenset({"slots"})  # every start sets it
    return found


def furnish(made: Furnished) -> None:
    """Make the data folder with the earlier code, and leave it as the server's death left it."""
    _first_life(made)
    _second_life(made)


def _first_life(made: Furnished) -> None:
    installation = made.installation
    with installation.start(made.code, script=_FIRST) as client:
        made.promises = promises(client.http.get("/openapi.json").json())
        _bring(made, client, made.code / "app" / "samples" / "praise_or_complaint")
        client.ask("PATCH", "/connections/con_rehearsal", json={"slots": 1})
        _whole_way(made, client)
        for name in WAITING:
            made.jobs[name] = client.post("/jobs", _body(made, name))["id"]
            client.until(f"/jobs/{made.jobs[name]}", status="pending")
        installation.kill()


def _bring(made: Furnished, client: Client, sample: Path) -> None:
    made.project = client.post("/projects", {"name": "Praise or complaint", "description": "By the earlier code."})[
        "id"
    ]
    parts = {name: (sample / f"{name}.jsonl").read_bytes() for name in ("train", "validation", "test")}
    ids = {name: client.upload(name, content, made.project) for name, content in parts.items()}
    made.dataset, made.upload = ids["train"], parts["train"] * 40
    client.post(f"/datasets/{made.dataset}/split", {"ratio": 0.25, "seed": 3})
    made.connection = client.post("/connections", made.connection_body)["id"]
    made.body = {
        **_body(made, "succeeded"),
        "validation": {"kind": "dataset", "dataset": ids["validation"]},
        "test_dataset": ids["test"],
    }
    made.draft = client.post("/drafts", _body(made, "in-the-making"))["id"]
    client.ask("PATCH", f"/drafts/{made.draft}/hyperparameters", json={"hyperparameters": {"n_epochs": 2}})


def _body(made: Furnished, name: str, **changes: object) -> Document:
    """Return the body of a job."""
    job = {"project": made.project, "connection": "con_rehearsal", "base_model": "rehearsal:small", "name": name}
    return {**job, "training_dataset": made.dataset, "validation": {"kind": "none"}, **changes}


def _whole_way(made: Furnished, client: Client) -> None:
    """Train, have it evaluated, serve, ask and write down one model."""
    made.answer = client.ask("POST", "/jobs", json=made.body, headers={"idempotency-key": KEY}).content
    job = made.jobs["succeeded"] = client.get("/jobs")["items"][0]["id"]
    model = client.until(f"/jobs/{job}", status="succeeded")["fine_tuned_model"]
    until(lambda: [each for each in client.items("/evaluations") if each["status"] == "running"])
    made.served = client.post("/deployments", {"target": {"model": model}, "expires_after_idle_s": 0})["id"]
    client.until(f"/deployments/{made.served}", status="ready")
    assert QUESTION in client.says(made.served, QUESTION)
    made.capsule = client.get(f"/jobs/{job}/capsule")


def _second_life(made: Furnished) -> None:
    installation, jobs, tests = made.installation, made.jobs, made.code / "tests"
    interpreter = stand_in(
        installation.folder / "earlier-interpreter",
        trainer=tests / "support" / "stand_in_trainer.py",
        server=tests / "campaigns" / "stand_in_child.py",
    )
    crash = f"submitted:{_ACCEPTED + 1}"
    with installation.start(made.code, script=slow(jobs), interpreter=interpreter, crash_at=crash) as client:
        client.ask("PATCH", "/connections/con_rehearsal", json={"slots": 16})
        _work_here(made, client)
        _bring_into_their_states(made, client)
        with _half_an_upload(made):
            made.documents = documents(client)
            assert {made.documents[f"/jobs/{each}"]["status"] for each in jobs.values()} == STATUSES
            client.ask("PATCH", "/connections/con_rehearsal", json={"slots": 6})
            with suppress(httpx.TransportError):  # it dies of this, perhaps before it has answered
                client.post(f"/engine/look/jobs/{jobs['submitted']}")
            installation.is_dead()
    steps(installation, jobs["under-way"], 2)
    os.kill(installation.child(jobs["interrupted"]), signal.SIGTERM)
    until(lambda: not installation.at_work(jobs["interrupted"]), doing="the end of the child")


def _work_here(made: Furnished, client: Client) -> None:
    """Have a model served by this machine, and two trainings under way on it."""
    here = {"connection": "con_local", "base_model": "builtin:starter"}
    made.served_here = client.post("/deployments", {"target": here, "expires_after_idle_s": 0})["id"]
    trainings = ("under-way", "interrupted")
    for name in trainings:
        made.jobs[name] = client.post("/jobs", _body(made, name, **here))["id"]
    for job in (made.jobs[name] for name in trainings):
        client.until(f"/jobs/{job}", status="running")
        steps(made.installation, job, REACHED)
    for job in (made.jobs[name] for name in trainings):
        client.until(f"/jobs/{job}", lambda seen: seen["progress"]["step"] == REACHED)
    client.until(f"/deployments/{made.served_here}", status="ready")
    assert client.says(made.served_here, QUESTION) == "yes"


def _bring_into_their_states(made: Furnished, client: Client) -> None:
    jobs = made.jobs
    for evaluation in client.items("/evaluations"):
        client.until(f"/evaluations/{evaluation['id']}", status="succeeded")
    client.until(f"/jobs/{jobs['cancelled']}", status="running")
    client.until(f"/jobs/{jobs['cancelling']}", status="queued")
    for name in ("cancelled", "cancelling"):
        client.post(f"/jobs/{jobs[name]}/cancel")
    client.until(f"/jobs/{jobs['running']}", lambda job: (job["progress"]["step"] or 0) > 1)
    client.until(f"/jobs/{jobs['preparing']}", lambda job: "unavailable" in job["note"])
    for name in WAITING:
        client.until(f"/jobs/{jobs[name]}", status=name)
    active = ("running", "queued", "preparing", "unknown", "cancelling")
    client.ask("PATCH", "/connections/con_rehearsal", json={"slots": len(active)})
    for name in ("submitted", "pending"):
        jobs[name] = client.post("/jobs", _body(made, name))["id"]
        client.until(f"/jobs/{jobs[name]}", lambda job: "Waits" in job["note"], status="pending")


def _half_an_upload(made: Furnished) -> socket.socket:
    """Begin to bring a file, and wait until a piece of it is on the disk; whoever closes the socket gives it up."""
    files = made.installation.data / "files"
    connection = socket.create_connection(("127.0.0.1", made.installation.port))
    head = (
        "PUT /api/v1/datasets?name=half&filename=half.jsonl HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{made.installation.port}\r\nContent-Length: {len(made.upload)}\r\n"
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    connection.sendall(head.encode() + made.upload[: len(made.upload) // 2])
    until(lambda: any(half.stat().st_size for half in half_written(files)), doing="half an upload")
    return connection


def half_written(files: Path) -> list[Path]:
    """Return the files that have not come whole."""
    return [each for each in files.iterdir() if each.is_file()]


def steps(installation: Installation, job: str, number: int) -> None:
    """Let a stand-in train so many steps."""
    step = installation.runs / job / "step"
    for _ in range(number):
        step.touch()
        until(lambda: not step.exists(), doing="a step of the stand-in")
