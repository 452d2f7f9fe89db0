"""The process is killed (SIGKILL) at random instants, over and over: no job is created twice, lost, or stuck.

Every second create is answered by an error, or not at all, though it was accepted.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from app.domain.actors import OWNER
from app.domain.jobs import JobStatus
from app.services import connections, datasets, jobs, projects
from tests.support.openai_plane.plane import KEY, Plane
from tests.support.openai_plane.script import Script, Wrong
from tests.support.openai_plane.server import serving
from tests.support.openai_plane.worker import FastClock, scopes_over
from tests.support.rehearsed import ROOT, rows_file
from tests.support.spending import ANYTHING
from tests.support.waiting import until

FACTOR = 200.0  # five minutes of grace are a second and a half
JOBS = 6
KINDS = ("accepted_500", "accepted_cut", "accepted_half")
CREATE = "POST /fine_tuning/jobs"


def survive(folder: Path, *, kills: int, seed: int) -> None:
    """Kill the worker at so many random instants while it takes jobs to their ends, then let it finish."""
    chance, began = random.Random(seed), time.time()
    clock = FastClock(began, FACTOR)
    wrongs = tuple(Wrong(call=CREATE, kind=chance.choice(KINDS)) for _ in range(JOBS // 2))
    plane = Plane(clock, Script(wrongs=wrongs, train_s=200.0, queue_s=20.0))
    with serving(plane) as base:
        scopes = scopes_over(folder, clock)
        with scopes.open(OWNER) as scope:
            connections.ensure_built_in(scope)
            made = connections.create(
                scope, backend="openai", name="Wire", settings={"base_url": base}, secrets={"api_key": KEY}
            )
            project = projects.create(scope, "Support").id
        with scopes.open(OWNER) as scope:
            rows = datasets.upload(scope, name="rows", filename="rows.jsonl", chunks=[rows_file()]).id
        asked = {"project": project, "connection": made.id, "base_model": "gpt-4.1-mini-2025-04-14"}
        asked |= {"training_dataset": rows}
        ids = []
        for number in range(JOBS):
            with scopes.open(OWNER) as scope:
                ids.append(jobs.create(scope, {**asked, "name": f"job-{number}"}, accepted=ANYTHING).id)
        for _ in range(kills):
            worker = _start(folder, began)
            with suppress(subprocess.TimeoutExpired):
                worker.wait(timeout=chance.uniform(0.0, 0.6))  # the instant is what is drawn
            os.kill(worker.pid, signal.SIGKILL)
            worker.wait()
        worker = _start(folder, began)
        try:

            def over() -> bool:
                with scopes.open(OWNER) as scope:
                    return all(jobs.get(scope, each).status.is_final for each in ids)

            until(over, within=240.0, doing="the end of every job")
        finally:
            os.kill(worker.pid, signal.SIGKILL)
            worker.wait()
        with scopes.open(OWNER) as scope:
            ends = [jobs.get(scope, each) for each in ids]
        scopes.app_context.database.close()
    assert {job.status for job in ends} == {JobStatus.SUCCEEDED}, [(job.status, job.message, job.note) for job in ends]
    created = Counter(job.body["metadata"]["tunedesk_job"] for job in plane.jobs.values())
    assert created == dict.fromkeys(ids, 1)
    assert {str(job.remote_id) for job in ends} == set(plane.jobs)


def _start(folder: Path, began: float) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.support.openai_plane.worker", str(folder), str(began), str(FACTOR)]
    worker = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    assert worker.stdout.readline() == "up\n"
    worker.stdout.close()
    return worker


@pytest.mark.slow
def test_thirty_deaths_create_nothing_twice(tmp_path: Path) -> None:
    survive(tmp_path, kills=30, seed=1)


@pytest.mark.named
@pytest.mark.parametrize("seed", range(10))
def test_two_hundred_deaths_create_nothing_twice(tmp_path: Path, seed: int) -> None:
    survive(tmp_path, kills=20, seed=100 + seed)
