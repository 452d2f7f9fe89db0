"""The trainer as any backend may run it: spec in, events out, over a folder or over standard input and output."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from app.backends.local.backend import LocalBackend
from app.domain.jobs import JobStatus
from app.training import run_lock
from app.training.channel import PROTOCOL
from tests.support import local
from tests.support.local import Watched

# A work that chatters on every way to standard output that a library may take.
CHATTER = """
import os, subprocess, sys, threading
from app.training.channel import run_child
from app.training.failures import ChildError

def work(spec, channel):
    print("a library's word")
    sys.stdout.write("half a line")
    os.write(1, b"written by C\\n")
    subprocess.run(["echo", "a child's word"], check=True)
    channel.log("A word of ours: \\u00fc, \\u2028.")
    channel.emit("metrics", step=1, train_loss=float("nan"), inner={"worst": float("inf")})
    if spec["wait"]:
        while not channel.shall_finish:  # not by waiting for the event: the handler that sets it runs in this thread
            threading.Event().wait(0.01)
    channel.state("training", finishing=channel.shall_finish, kind_of_work=spec["kind"])
    raise ChildError("diverged", "It diverged.", "Go slower.")

sys.exit(run_child(work))
"""
TIMES = {"t", "eta_s", "tokens_per_second", "train_runtime", "startup_s", "working_s", "peak_memory_bytes"}


def command(script: str, *arguments: str, python: str = sys.executable) -> list[str]:
    return [python, "-c", script, *arguments]


def environ() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(local.ROOT)}


def events(lines: Iterable[str]) -> list[Mapping[str, Any]]:
    """Return the events without what is another one every time."""
    read = [json.loads(line) for line in lines]
    return [{name: value for name, value in event.items() if name not in TIMES} for event in read]


def in_folder(folder: Path, spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    run_lock.write_whole(folder / run_lock.SPEC, spec)
    done = subprocess.run(
        command(CHATTER, str(folder / run_lock.SPEC)), env=environ(), capture_output=True, check=False
    )
    assert done.returncode == 1
    return events((folder / run_lock.EVENTS).read_text(encoding="utf-8").splitlines())


def test_standard_output_has_the_events_of_the_folder_and_nothing_else(tmp_path: Path) -> None:
    spec = {"kind": "train", "threads": 1, "wait": False}
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir()
    here.mkdir()
    expected = in_folder(there, spec)
    done = subprocess.run(
        command(CHATTER, "-", "-"),
        cwd=here, env=environ(), input=json.dumps(spec), capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert events(done.stdout.split("\n")[:-1]) == expected
    assert [event.get("state") for event in expected] == ["starting", None, None, "training", "failed"]
    assert expected[0]["protocol"] == PROTOCOL
    assert (expected[2]["train_loss"], expected[2]["inner"]) == (None, {"worst": None})
    for word in ("a library's word", "half a line", "written by C", "a child's word", "ChildError"):
        assert word in done.stderr
    assert [path.name for path in here.iterdir()] == [run_lock.LOCK]  # where a stream is read, nobody looks at files


def test_a_signal_asks_to_end_with_what_has_been_learned(tmp_path: Path) -> None:
    with subprocess.Popen(
        command(CHATTER, "-", "-"),
        cwd=tmp_path, env=environ(), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        json.dump({"kind": "train", "threads": 1, "wait": True}, process.stdin)
        process.stdin.close()
        seen = [process.stdout.readline() for _ in range(3)]
        process.send_signal(signal.SIGUSR1)
        seen += process.stdout.readlines()
    assert events(seen)[3]["finishing"] is True


def test_of_two_in_one_folder_the_second_steps_back(tmp_path: Path) -> None:
    waits = json.dumps({"kind": "train", "threads": 1, "wait": True})
    options: dict[str, Any] = {"cwd": tmp_path, "env": environ(), "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(
        command(CHATTER, "-", "-"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options
    ) as first:
        assert first.stdin is not None
        assert first.stdout is not None
        first.stdin.write(waits)
        first.stdin.close()
        first.stdout.readline()
        second = subprocess.run(command(CHATTER, "-", "-"), input=waits, stdout=subprocess.PIPE, check=False, **options)
        assert (second.returncode, second.stdout) == (run_lock.TAKEN, "")
        first.kill()


@pytest.mark.slow
@pytest.mark.training
def test_a_real_training_tells_the_same_on_both_ways(backend: LocalBackend, python: Path, tmp_path: Path) -> None:
    rows = local.head(local.TRIAGE / "train.jsonl", 12, tmp_path / "training.jsonl")
    validation = local.head(local.TRIAGE / "validation.jsonl", 6, tmp_path / "validation.jsonl")
    job = backend.submit(local.request(backend, "job_1", [rows, validation], {"n_epochs": 1, "batch_size": 4}))
    assert Watched(backend, job).until_final().status is JobStatus.SUCCEEDED
    run = tmp_path / "runs" / "job_1"
    spec = (run / run_lock.SPEC).read_text(encoding="utf-8")
    here = tmp_path / "here"
    here.mkdir()
    done = subprocess.run(
        [str(python), "-P", "-m", "app.training", "-", "-"],
        cwd=here, env={**environ(), "PYTHONNOUSERSITE": "1"}, input=spec, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert events(done.stdout.splitlines()) == events((run / run_lock.EVENTS).read_text().splitlines())
    assert (here / "model" / "model.safetensors").read_bytes() == (run / "model" / "model.safetensors").read_bytes()


@pytest.mark.training
def test_a_spec_of_an_unknown_kind_is_one_sentence(python: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [str(python), "-m", "app.training", "-", "-"],
        cwd=tmp_path, env=environ(), input=json.dumps({"kind": "bake", "threads": 1}),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    last = events(done.stdout.splitlines())[-1]
    assert (last["state"], last["code"]) == ("failed", "unknown_kind")
    assert last["message"] == "This version has no work of the kind 'bake'."
