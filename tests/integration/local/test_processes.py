"""Children started once, found again, stopped, killed: with stand-ins, so that every race can be set up."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from app.backends.local.backend import LocalBackend
from app.backends.local.children import presence
from app.backends.local.process import PASSED_ON, Runs
from app.domain.backend import NoCapacity, NotFound, Rejected, RemoteJob
from app.domain.jobs import JobReason, JobStatus
from app.kit.clock import SystemClock, TurnedClock
from tests.support import local
from tests.support.stand_in_trainer import STEPS
from tests.support.waiting import until

JOB = RemoteJob("job_1")


class Place:
    """A backend over stand-ins, and what moves them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.runs = folder, folder / "runs"
        self.run = self.runs / JOB.id
        self.interpreter = local.stand_in(folder, local.ROOT / "tests" / "support" / "stand_in_trainer.py")
        self.rows = local.head(local.TRIAGE / "train.jsonl", 60, folder / "rows.jsonl")
        self.backend = self.again()

    def again(self) -> LocalBackend:
        return local.backend_over(self.runs, self.interpreter)

    def submit(self, tag: str = JOB.id) -> None:
        self.backend.submit(local.request(self.backend, tag, [self.rows], {}))

    def until_training(self, tag: str = JOB.id) -> int:
        """Wait until the child trains; return its pid."""
        folder = self.runs / tag
        until(lambda: (presence.read_whole(folder / presence.STATUS) or {}).get("state") == "training")
        process = presence.read_whole(folder / presence.PROCESS)
        assert process is not None
        return int(process["pid"])

    def say(self, word: str, tag: str = JOB.id) -> None:
        (self.runs / tag / word).touch()

    def until_gone(self, tag: str = JOB.id) -> None:
        folder = self.runs / tag
        until(lambda: not presence.is_held(folder), doing="the child's end")
        until((folder / "exit.json").exists, doing="the end being noted")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    yield Place(tmp_path)
    local.end_all(tmp_path / "runs")


def test_many_starts_at_once_are_one_child(place: Place) -> None:
    spec = {"kind": "train", "threads": 1}
    runs = [place.again().workshop.runs for _ in range(8)]
    threads = [threading.Thread(target=each.start, args=(JOB.id, "trainer", spec)) for each in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pid = place.until_training()

    def here() -> list[int]:
        found = []
        for child in psutil.Process().children():
            with suppress(psutil.Error):  # it ended while it was looked at
                if str(place.run) in " ".join(child.cmdline()):
                    found.append(child.pid)
        return found

    until(lambda: here() == [pid], doing="the others' stepping back")
    states = [event["state"] for _, event in runs[0].news(JOB.id, None)[0] if event["kind"] == "status"]
    assert states == ["starting", "training"]


def test_who_comes_late_steps_back_from_what_is_done(place: Place) -> None:
    place.submit()
    place.until_training()
    place.say("fail")
    place.until_gone()
    before = place.backend.observe(JOB, since=None)
    command = [str(place.interpreter), "trainer", str(place.run / presence.SPEC)]
    assert subprocess.run(command, check=False, capture_output=True).returncode == presence.TAKEN
    place.backend.resume(JOB)
    assert place.backend.observe(JOB, since=None) == before


def test_a_crash_between_start_and_record_is_healed_by_the_repeat(place: Place) -> None:
    # What a kill -9 leaves: the spec is written, no child was started. The look-up must not take that for a job.
    place.run.mkdir(parents=True)
    presence.write_whole(place.run / presence.SPEC, {"kind": "train", "threads": 1})
    assert place.backend.find(JOB.id) is None
    place.submit()
    place.until_training()
    assert place.backend.find(JOB.id) == JOB


def test_a_child_lives_in_its_own_session_with_a_clean_environment(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEDESK_SECRET", "x")
    monkeypatch.setenv("HF_TOKEN", "y")
    place.submit()
    child = psutil.Process(place.until_training())
    assert os.getsid(child.pid) == child.pid
    environment = child.environ()
    ours = {"PYTHONPATH", "PYTHONNOUSERSITE", "PYTHONUNBUFFERED", "LC_CTYPE", "PWD", "OLDPWD", "SHLVL", "_"}
    torchs = {name for name in environment if name.startswith(("OMP_", "GOMP_", "HF_", "TOKENIZERS_", "DO_NOT_"))}
    assert set(environment) - PASSED_ON - ours - torchs == set()
    assert "HF_TOKEN" not in environment
    assert child.cwd() == str(place.run)
    assert (place.run / presence.SPEC).stat().st_mode & 0o077 == 0
    assert (place.run / presence.LOG).stat().st_mode & 0o077 == 0
    assert (place.run / presence.EVENTS).stat().st_mode & 0o077 == 0


def test_one_training_at_a_time(place: Place) -> None:
    place.submit()
    place.until_training()
    with pytest.raises(NoCapacity, match="is training job_1"):
        place.submit("job_2")
    place.say("fail")
    place.until_gone()
    place.submit("job_2")
    place.until_training("job_2")


def test_a_failure_is_told_in_the_childs_words(place: Place) -> None:
    place.submit()
    place.until_training()
    place.say("fail")
    place.until_gone()
    seen = place.backend.observe(JOB, since=None)
    assert (seen.status, seen.reason, seen.message) == (JobStatus.FAILED, JobReason.DIVERGED, "It diverged. Go slower.")
    assert not seen.interrupted
    assert place.backend.find(JOB.id) == JOB


def test_a_death_without_a_word_is_told_from_the_log(place: Place) -> None:
    place.submit()
    place.until_training()
    place.say("boom")
    place.until_gone()
    seen = place.backend.observe(JOB, since=None)
    assert seen.status is JobStatus.FAILED
    assert seen.message == "The process ended with exit code 3: SomethingError: boom"


def test_killed_before_any_checkpoint_it_failed_perhaps_for_want_of_memory(place: Place) -> None:
    place.submit()
    os.kill(place.until_training(), signal.SIGKILL)
    place.until_gone()
    seen = place.backend.observe(JOB, since=None)
    assert (seen.status, seen.reason, seen.interrupted) == (JobStatus.FAILED, JobReason.OUT_OF_MEMORY, False)
    assert "signal 9" in seen.message


def test_killed_while_nobody_watched_it_may_go_on(place: Place) -> None:
    place.submit()
    os.kill(place.until_training(), signal.SIGKILL)
    place.until_gone()
    (place.run / "exit.json").unlink()  # the server was down: nobody saw how it ended
    seen = place.again().observe(JOB, since=None)
    assert (seen.status, seen.interrupted) == (JobStatus.RUNNING, True)


def test_stopped_from_outside_it_is_interrupted_and_goes_on_where_it_was(place: Place) -> None:
    place.submit()
    pid = place.until_training()
    place.say("step")
    until(lambda: not (place.run / "step").exists())
    os.kill(pid, signal.SIGTERM)
    place.until_gone()
    watched = local.Watched(place.again(), JOB)
    assert (watched.look().status, watched.looks[-1].interrupted) == (JobStatus.RUNNING, True)
    assert watched.looks[-1].raw_status == "stopped"
    watched.backend.resume(JOB)
    watched.backend.resume(JOB)
    assert place.until_training() != pid
    for _ in range(STEPS - 1):
        place.say("step")
        until(lambda: not (place.run / "step").exists())
    assert watched.until_final().status is JobStatus.SUCCEEDED
    assert sorted(watched.series("train_loss")) == list(range(1, STEPS + 1))


def test_a_resumed_child_has_time_to_come_however_old_its_run_is(tmp_path: Path) -> None:
    place, clock = Place(tmp_path), TurnedClock(SystemClock().now())
    place.backend = local.backend_over(place.runs, place.interpreter, clock=clock)
    try:
        place.submit()
        os.kill(place.until_training(), signal.SIGKILL)
        place.until_gone()
        presence.write_whole(place.run / presence.PROCESS, {"pid": 1, "started": "long ago", "boot": "another"})
        assert place.backend.observe(JOB, since=None).interrupted
        old = clock.now().timestamp() - 3600
        os.utime(place.run / presence.SPEC, (old, old))
        nobody = tmp_path / "nobody"  # it never says who it is
        nobody.write_text("#!/bin/sh\nexec sleep 600\n", encoding="utf-8")
        nobody.chmod(0o755)
        place.backend = local.backend_over(place.runs, nobody, clock=clock)
        place.backend.resume(JOB)
        seen = place.backend.observe(JOB, since=None)
        assert (seen.status, seen.interrupted) == (JobStatus.QUEUED, False)
        # Where nobody comes at all, as after a kill of the server between two steps of the start, it is resumed again.
        clock.turn(timedelta(seconds=90))
        seen = place.backend.observe(JOB, since=None)
        assert (seen.status, seen.interrupted) == (JobStatus.RUNNING, True)
    finally:
        local.end_all(place.runs)


def test_a_restarted_machine_interrupts(place: Place) -> None:
    place.submit()
    os.kill(place.until_training(), signal.SIGKILL)
    place.until_gone()
    process = presence.read_whole(place.run / presence.PROCESS) or {}
    presence.write_whole(place.run / presence.PROCESS, {**process, "boot": "another"})
    seen = place.backend.observe(JOB, since=None)
    assert (seen.interrupted, seen.message) == (True, "The machine was started anew during the training.")


def test_what_does_not_stop_is_killed_after_the_grace_with_all_its_group(tmp_path: Path) -> None:
    place, clock = Place(tmp_path), TurnedClock(SystemClock().now())
    place.backend = local.backend_over(place.runs, place.interpreter, clock=clock)
    try:
        place.submit()
        place.until_training()
        place.say("stubborn")
        place.backend.cancel(JOB)
        clock.turn(timedelta(seconds=7))
        assert place.backend.observe(JOB, since=None).status is JobStatus.CANCELLING
        assert presence.is_held(place.run)
        clock.turn(timedelta(seconds=2))
        place.backend.observe(JOB, since=None)
        place.until_gone()
        assert place.backend.observe(JOB, since=None).status is JobStatus.CANCELLED
        # Nobody resumes what people have stopped.
        place.backend.resume(JOB)
        assert not presence.is_held(place.run)
    finally:
        local.end_all(place.runs)


def test_another_process_of_the_same_number_is_left_alone(place: Place) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as innocent:
        place.submit()
        os.kill(place.until_training(), signal.SIGKILL)
        place.until_gone()
        presence.write_whole(place.run / presence.PROCESS, {"pid": innocent.pid, "started": "long ago", "boot": ""})
        with presence.held(place.run):
            place.backend.cancel(JOB)
        assert innocent.poll() is None
        innocent.communicate(b"\n")


def test_no_child_is_left_as_a_zombie(place: Place) -> None:
    place.submit()
    pid = place.until_training()
    place.say("fail")
    place.until_gone()
    until(lambda: not psutil.pid_exists(pid), doing="seeing the child off")


def test_half_a_line_of_a_killed_child_is_skipped_and_ended(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.run.mkdir(parents=True)
    (place.run / presence.EVENTS).write_text(
        '{"t": 1, "kind": "log", "message": "whole"}\n{"t": 2, "ki', encoding="utf-8"
    )
    news, cursor = place.backend.workshop.runs.news(JOB.id, None)
    assert [event["message"] for _, event in news] == ["whole"]
    with (place.run / presence.EVENTS).open("a", encoding="utf-8") as file:
        file.write('\n{"t": 3, "kind": "log", "message": "next"}\n')
    assert [event["message"] for _, event in place.backend.workshop.runs.news(JOB.id, cursor)[0]] == ["next"]


def test_a_runtime_without_torch_is_one_sentence(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.backend = local.backend_over(place.runs, Path(sys.executable))
    place.submit()
    place.until_gone()
    seen = place.backend.observe(JOB, since=None)
    assert seen.status is JobStatus.FAILED
    assert "The runtime environment lacks the package" in seen.message
    assert "Traceback" not in seen.message
    assert any("Traceback" in line for line in place.backend.log(JOB, lines=50))


def test_an_interpreter_that_is_gone_is_one_sentence(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.backend = local.backend_over(place.runs, tmp_path / "none")
    with pytest.raises(Exception, match="This machine refused: No such file or directory") as caught:
        place.submit()
    assert type(caught.value).__name__ == "Unavailable"


@pytest.mark.parametrize("tag", ["", "..", "a/b", "-x", "a\0", "x" * 101, ".hidden"])
def test_a_tag_is_a_plain_name(tmp_path: Path, tag: str) -> None:
    runs = Runs(tmp_path, interpreter=lambda: Path(sys.executable), environment={}, clock=SystemClock())
    with pytest.raises(Rejected):
        runs.folder(tag)


def test_a_folder_that_is_gone_is_not_found(place: Place) -> None:
    with pytest.raises(NotFound):
        place.backend.observe(RemoteJob("job_9"), since=None)
