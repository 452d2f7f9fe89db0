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
from app.backends.local.runs import FOR_THE_HUB, PASSED_ON, Runs
from app.domain.backend import DeploymentRequest, EvaluationRequest, NoCapacity, NotFound, Rejected, RemoteJob
from app.domain.jobs import JobReason, JobStatus
from app.kit.clock import SystemClock
from app.training import run_lock
from tests.support import local
from tests.support.clock import TurnedClock
from tests.support.stand_in_trainer import STEPS
from tests.support.waiting import until

JOB = RemoteJob("job_1")


class Installation:
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
        until(lambda: (run_lock.read_whole(folder / run_lock.STATUS) or {}).get("state") == "training")
        process = run_lock.read_whole(folder / run_lock.PROCESS)
        assert process is not None
        return int(process["pid"])

    def say(self, word: str, tag: str = JOB.id) -> None:
        (self.runs / tag / word).touch()

    def until_gone(self, tag: str = JOB.id) -> None:
        folder = self.runs / tag
        until(lambda: not run_lock.is_locked(folder), doing="the child's end")
        until((folder / "exit.json").exists, doing="the end being noted")


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    yield Installation(tmp_path)
    local.end_all(tmp_path / "runs")


def test_many_starts_at_once_are_one_child(installation: Installation) -> None:
    spec = {"kind": "train", "threads": 1}
    runs = [installation.again().context.runs for _ in range(8)]
    threads = [threading.Thread(target=each.start, args=(JOB.id, spec)) for each in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pid = installation.until_training()

    def here() -> list[int]:
        found = []
        for child in psutil.Process().children():
            with suppress(psutil.Error):  # it ended while it was looked at
                if str(installation.run) in " ".join(child.cmdline()):
                    found.append(child.pid)
        return found

    until(lambda: here() == [pid], doing="the others' stepping back")
    states = [event["state"] for _, event in runs[0].news(JOB.id, None)[0] if event["kind"] == "status"]
    assert states == ["starting", "training"]


def test_who_comes_late_steps_back_from_what_is_done(installation: Installation) -> None:
    installation.submit()
    installation.until_training()
    installation.say("fail")
    installation.until_gone()
    before = installation.backend.observe(JOB, since=None)
    command = [str(installation.interpreter), "trainer", str(installation.run / run_lock.SPEC)]
    assert subprocess.run(command, check=False, capture_output=True).returncode == run_lock.TAKEN
    installation.backend.resume(JOB)
    assert installation.backend.observe(JOB, since=None) == before


def test_a_crash_between_start_and_record_is_healed_by_the_repeat(installation: Installation) -> None:
    # What a kill -9 leaves: the spec is written, no child was started. The look-up must not take that for a job.
    installation.run.mkdir(parents=True)
    run_lock.write_whole(installation.run / run_lock.SPEC, {"kind": "train", "threads": 1})
    assert installation.backend.find(JOB.id) is None
    installation.submit()
    installation.until_training()
    assert installation.backend.find(JOB.id) == JOB


def test_a_child_lives_in_its_own_session_with_a_clean_environment(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEDESK_SECRET", "x")
    monkeypatch.setenv("HF_TOKEN", "y")
    installation.submit()
    child = psutil.Process(installation.until_training())
    assert os.getsid(child.pid) == child.pid
    environment = child.environ()
    ours = {"PYTHONPATH", "PYTHONNOUSERSITE", "PYTHONUNBUFFERED", "LC_CTYPE", "PWD", "OLDPWD", "SHLVL", "_"}
    torchs = {name for name in environment if name.startswith(("OMP_", "GOMP_", "HF_", "TOKENIZERS_", "DO_NOT_"))}
    assert set(environment) - PASSED_ON - ours - torchs == set()
    assert "HF_TOKEN" not in environment
    assert child.cwd() == str(installation.run)
    assert (installation.run / run_lock.SPEC).stat().st_mode & 0o077 == 0
    assert (installation.run / run_lock.LOG).stat().st_mode & 0o077 == 0
    assert (installation.run / run_lock.EVENTS).stat().st_mode & 0o077 == 0


def _start(installation: Installation, kind: str, base: str) -> str:
    """Begin a child of that kind whose base is `base`; return its run folder's name."""
    backend = installation.backend
    adapter = installation.runs / "job_0" / "model"
    adapter.mkdir(parents=True)
    (adapter / "adapter_config.json").touch()
    note = {"kind": "adapter", "name": "tuned", "base": backend.context.models.resolve(base).as_spec()}
    run_lock.write_whole(adapter / "tunedesk.json", note)
    match kind:
        case "train":
            backend.submit(local.request(backend, JOB.id, [installation.rows], {}, base_model=base))
        case "train further":
            backend.submit(local.request(backend, JOB.id, [installation.rows], {}, base_model="run:job_0"))
        case "evaluate":
            backend.start_evaluation(
                EvaluationRequest(tag=JOB.id, base_model=base, model="run:job_0", rows=installation.rows)
            )
        case "serve":
            backend.deploy(DeploymentRequest(tag=JOB.id, name="tuned", base_model=base, model="run:job_0"))
        case _:
            backend.start_merge("run:job_0")
            return "merged.job_0"
    return JOB.id


@pytest.mark.parametrize("kind", ["train", "train further", "evaluate", "serve", "merge"])
@pytest.mark.parametrize("base", ["hf:org/model", "builtin:starter", "path"])
def test_what_asking_the_hub_needs_reaches_only_a_child_whose_base_is_of_it(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, base: str, kind: str
) -> None:
    """Tokens in all their names, and a proxy's address, which may hold a password."""
    given = dict.fromkeys(FOR_THE_HUB, "http://user:password@127.0.0.1:9")
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    installation.backend = local.backend_over(installation.runs, installation.interpreter, offline=False)
    tag = _start(installation, kind, f"path:{local.STARTER}" if base == "path" else base)
    environment = psutil.Process(installation.until_training(tag)).environ()
    assert {name: environment[name] for name in given if name in environment} == (given if base[:3] == "hf:" else {})
    assert ("HF_HUB_DISABLE_IMPLICIT_TOKEN" in environment) == (base[:3] != "hf:")


def test_one_training_at_a_time(installation: Installation) -> None:
    installation.submit()
    installation.until_training()
    with pytest.raises(NoCapacity, match="is training job_1"):
        installation.submit("job_2")
    installation.say("fail")
    installation.until_gone()
    installation.submit("job_2")
    installation.until_training("job_2")


def test_a_failure_is_reported_in_the_childs_words(installation: Installation) -> None:
    installation.submit()
    installation.until_training()
    installation.say("fail")
    installation.until_gone()
    seen = installation.backend.observe(JOB, since=None)
    assert (seen.status, seen.reason, seen.message) == (JobStatus.FAILED, JobReason.DIVERGED, "It diverged. Go slower.")
    assert not seen.interrupted
    assert installation.backend.find(JOB.id) == JOB


def test_a_death_without_a_word_is_reported_from_the_log(installation: Installation) -> None:
    installation.submit()
    installation.until_training()
    installation.say("boom")
    installation.until_gone()
    seen = installation.backend.observe(JOB, since=None)
    assert seen.status is JobStatus.FAILED
    assert seen.message == "The process ended with exit code 3: SomethingError: boom"


def test_killed_before_any_checkpoint_it_failed_perhaps_for_want_of_memory(installation: Installation) -> None:
    installation.submit()
    os.kill(installation.until_training(), signal.SIGKILL)
    installation.until_gone()
    seen = installation.backend.observe(JOB, since=None)
    assert (seen.status, seen.reason, seen.interrupted) == (JobStatus.FAILED, JobReason.OUT_OF_MEMORY, False)
    assert "signal 9" in seen.message


def test_killed_while_nobody_watched_it_may_go_on(installation: Installation) -> None:
    installation.submit()
    os.kill(installation.until_training(), signal.SIGKILL)
    installation.until_gone()
    (installation.run / "exit.json").unlink()  # the server was down: nobody saw how it ended
    seen = installation.again().observe(JOB, since=None)
    assert (seen.status, seen.interrupted) == (JobStatus.RUNNING, True)


def test_stopped_from_outside_it_is_interrupted_and_goes_on_where_it_was(installation: Installation) -> None:
    installation.submit()
    pid = installation.until_training()
    installation.say("step")
    until(lambda: not (installation.run / "step").exists())
    os.kill(pid, signal.SIGTERM)
    installation.until_gone()
    watched = local.Watched(installation.again(), JOB)
    assert (watched.look().status, watched.looks[-1].interrupted) == (JobStatus.RUNNING, True)
    assert watched.looks[-1].raw_status == "stopped"
    watched.backend.resume(JOB)
    watched.backend.resume(JOB)
    assert installation.until_training() != pid
    for _ in range(STEPS - 1):
        installation.say("step")
        until(lambda: not (installation.run / "step").exists())
    assert watched.until_final().status is JobStatus.SUCCEEDED
    assert sorted(watched.series("train_loss")) == list(range(1, STEPS + 1))


def test_a_resumed_child_has_time_to_come_however_old_its_run_is(tmp_path: Path) -> None:
    installation, clock = Installation(tmp_path), TurnedClock(SystemClock().now())
    installation.backend = local.backend_over(installation.runs, installation.interpreter, clock=clock)
    try:
        installation.submit()
        os.kill(installation.until_training(), signal.SIGKILL)
        installation.until_gone()
        run_lock.write_whole(installation.run / run_lock.PROCESS, {"pid": 1, "started": "long ago", "boot": "another"})
        assert installation.backend.observe(JOB, since=None).interrupted
        old = clock.now().timestamp() - 3600
        os.utime(installation.run / run_lock.SPEC, (old, old))
        nobody = tmp_path / "nobody"  # it never says who it is
        nobody.write_text("#!/bin/sh\nexec sleep 600\n", encoding="utf-8")
        nobody.chmod(0o755)
        installation.backend = local.backend_over(installation.runs, nobody, clock=clock)
        installation.backend.resume(JOB)
        seen = installation.backend.observe(JOB, since=None)
        assert (seen.status, seen.interrupted) == (JobStatus.QUEUED, False)
        # Where nobody comes at all, as after a kill of the server between two steps of the start, it is resumed again.
        clock.turn(timedelta(seconds=90))
        seen = installation.backend.observe(JOB, since=None)
        assert (seen.status, seen.interrupted) == (JobStatus.RUNNING, True)
    finally:
        local.end_all(installation.runs)


def test_a_restarted_machine_interrupts(installation: Installation) -> None:
    installation.submit()
    os.kill(installation.until_training(), signal.SIGKILL)
    installation.until_gone()
    process = run_lock.read_whole(installation.run / run_lock.PROCESS) or {}
    run_lock.write_whole(installation.run / run_lock.PROCESS, {**process, "boot": "another"})
    seen = installation.backend.observe(JOB, since=None)
    assert (seen.interrupted, seen.message) == (True, "The machine was restarted during the training.")


def test_what_does_not_stop_is_killed_after_the_grace_with_all_its_group(tmp_path: Path) -> None:
    installation, clock = Installation(tmp_path), TurnedClock(SystemClock().now())
    installation.backend = local.backend_over(installation.runs, installation.interpreter, clock=clock)
    try:
        installation.submit()
        installation.until_training()
        installation.say("stubborn")
        installation.backend.cancel(JOB)
        clock.turn(timedelta(seconds=7))
        assert installation.backend.observe(JOB, since=None).status is JobStatus.CANCELLING
        assert run_lock.is_locked(installation.run)
        clock.turn(timedelta(seconds=2))
        installation.backend.observe(JOB, since=None)
        installation.until_gone()
        assert installation.backend.observe(JOB, since=None).status is JobStatus.CANCELLED
        # Nobody resumes what people have stopped.
        installation.backend.resume(JOB)
        assert not run_lock.is_locked(installation.run)
    finally:
        local.end_all(installation.runs)


def test_another_process_of_the_same_number_is_left_alone(installation: Installation) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as innocent:
        installation.submit()
        os.kill(installation.until_training(), signal.SIGKILL)
        installation.until_gone()
        run_lock.write_whole(
            installation.run / run_lock.PROCESS, {"pid": innocent.pid, "started": "long ago", "boot": ""}
        )
        with run_lock.acquired(installation.run):
            installation.backend.cancel(JOB)
        assert innocent.poll() is None
        innocent.communicate(b"\n")


def test_no_child_is_left_as_a_zombie(installation: Installation) -> None:
    installation.submit()
    pid = installation.until_training()
    installation.say("fail")
    installation.until_gone()
    until(lambda: not psutil.pid_exists(pid), doing="seeing the child off")


def test_half_a_line_of_a_killed_child_is_skipped_and_ended(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    installation.run.mkdir(parents=True)
    (installation.run / run_lock.EVENTS).write_text(
        '{"t": 1, "kind": "log", "message": "whole"}\n{"t": 2, "ki', encoding="utf-8"
    )
    news, cursor = installation.backend.context.runs.news(JOB.id, None)
    assert [event["message"] for _, event in news] == ["whole"]
    with (installation.run / run_lock.EVENTS).open("a", encoding="utf-8") as file:
        file.write('\n{"t": 3, "kind": "log", "message": "next"}\n')
    assert [event["message"] for _, event in installation.backend.context.runs.news(JOB.id, cursor)[0]] == ["next"]


def test_a_runtime_without_torch_is_one_sentence(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    installation.backend = local.backend_over(installation.runs, Path(sys.executable))
    installation.submit()
    installation.until_gone()
    seen = installation.backend.observe(JOB, since=None)
    assert seen.status is JobStatus.FAILED
    assert "The runtime environment lacks the package" in seen.message
    assert "Traceback" not in seen.message
    assert any("Traceback" in line for line in installation.backend.log(JOB, lines=50))


def test_an_interpreter_that_is_gone_is_one_sentence(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    installation.backend = local.backend_over(installation.runs, tmp_path / "none")
    with pytest.raises(Exception, match="This machine refused: No such file or directory") as caught:
        installation.submit()
    assert type(caught.value).__name__ == "Unavailable"


@pytest.mark.parametrize("tag", ["", "..", "a/b", "-x", "a\0", "x" * 101, ".hidden"])
def test_a_tag_is_a_plain_name(tmp_path: Path, tag: str) -> None:
    runs = Runs(tmp_path, interpreter=lambda: Path(sys.executable), environment={}, clock=SystemClock())
    with pytest.raises(Rejected):
        runs.folder(tag)


def test_a_folder_that_is_gone_is_not_found(installation: Installation) -> None:
    with pytest.raises(NotFound):
        installation.backend.observe(RemoteJob("job_9"), since=None)
