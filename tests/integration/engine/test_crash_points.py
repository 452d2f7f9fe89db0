"""Every named crash point is really come to on the way of a model, and a wish for one is understood or refused."""

import gzip
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.backends.local.backend import LocalBackend
from app.backends.rehearsal import Fault, FaultKind
from app.domain.actors import OWNER
from app.domain.jobs import JobStatus
from app.kit import crash_points
from app.kit.crash_points import CrashPoint, watched
from app.services import datasets, deployments, jobs, models, orphan_runs, webhooks
from app.services.reading_in import Checked
from app.services.scope import Backends, Scopes
from tests.campaigns import stand_in_child
from tests.support.local import backend_over, end_all, stand_in
from tests.support.rehearsed import ROOT, Rehearsed, rows_file

Build = Callable[..., Rehearsed]
SPLIT = {"kind": "split", "ratio": 0.2, "test_ratio": 0.2, "seed": 7}


@pytest.fixture
def here(tmp_path: Path) -> Iterator[LocalBackend]:
    """Give this machine's backend with children that need no torch."""
    backend = backend_over(tmp_path / "data" / "runs", stand_in(tmp_path, Path(stand_in_child.__file__)))
    yield backend
    end_all(tmp_path / "data" / "runs")


def go_all_the_way(app_context: Rehearsed) -> None:
    """Take one model from its rows to its teardown, and cancel another."""
    app_context.engine.take_over()
    with app_context.scopes.open(OWNER) as scope:
        stored = scope.files.store([gzip.compress(rows_file(40))])
        named = {"name": "large", "filename": "large.jsonl", "project": None, "made_by": "upload"}
        datasets.record(scope, Checked(stored), **named)  # type: ignore[arg-type]
    app_context.tick()
    app_context.engine.tasks.wait()
    job = app_context.job(validation=SPLIT)
    assert app_context.until(job.id).status is JobStatus.SUCCEEDED
    other = app_context.job("other")
    app_context.until(other.id, JobStatus.RUNNING)
    with app_context.open() as scope:
        jobs.cancel(scope, other.id)
    app_context.until(other.id, JobStatus.CANCELLED)
    with app_context.open() as scope:
        model = models.of_job(scope, job.id)[0]
        served = deployments.create(scope, target={"model": model.id})
    app_context.tick(8)
    with app_context.open() as scope:
        models.teardown(scope, model.id, model.name)
    app_context.tick(8)
    app_context.engine.tasks.wait()
    assert app_context.deployment(served.id).status.value == "deleted"


def send_a_message(app_context: Rehearsed) -> None:
    """Try to send a message to an address that may not be called."""
    with app_context.open() as scope:
        made = webhooks.create(scope, name="hook", url="https://[fd00::1]/")
        webhooks.send_test(scope, made.webhook.id)
    app_context.tick()
    app_context.engine.tasks.wait()


def run_here(app_context: Rehearsed, here: LocalBackend) -> None:
    """Start a child, and clear a folder away that belongs to nothing."""
    here.context.runs.start("job_child", {"kind": "train"})
    stray = app_context.app_context.files.runs / "job_stray"
    stray.mkdir()
    whole = replace(app_context.app_context, backends=Backends([here]))
    with Scopes(whole).open(OWNER) as scope:
        orphan_runs.clear(scope, "job_stray")
    assert not stray.exists()


def test_every_point_is_come_to(build: Build, here: LocalBackend) -> None:
    app_context = build(Fault(call="train", kind=FaultKind.INTERRUPTED, times=1))
    seen: Counter[CrashPoint] = Counter()
    with watched(lambda point: seen.update([point])):
        go_all_the_way(app_context)
        send_a_message(app_context)
        run_here(app_context, here)
    assert [point for point in CrashPoint if not seen[point]] == []


def test_a_point_means_nothing_to_a_process_that_nobody_watches() -> None:
    crash_points.arm("")
    crash_points.reached(CrashPoint.CLAIMED)


@pytest.mark.parametrize(("spec", "lives"), [("claimed", 0), ("claimed:3", 2)])
def test_an_armed_process_ends_itself_at_the_nth_time(spec: str, lives: int) -> None:
    program = (
        "import sys; from app.kit import crash_points as c; c.arm(sys.argv[1])\n"
        "for n in range(9):\n    c.reached(c.CrashPoint.SENT); c.reached(c.CrashPoint.CLAIMED); print(n, flush=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, spec],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert len(done.stdout.split()) == lives


@pytest.mark.parametrize("spec", ["nowhere", "claimed:0", "claimed:x", "claimed:-1", ":3"])
def test_a_point_that_there_is_none_of_is_refused_with_the_list(spec: str) -> None:
    with pytest.raises(ValueError, match=r"is no crash point.*taken_over, .*swept"):
        crash_points.parse(spec)


def test_every_point_is_documented() -> None:
    reported = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    assert [point.value for point in CrashPoint if f"| `{point.value}` |" not in reported] == []
