"""A silence is held against the run's own pace."""

from typing import Any

import pytest

from app.backends.local.pace import stall


def run(*, step_s: float, steps: int = 6, evaluation_s: float = 0.0) -> list[dict[str, Any]]:
    """Events of a run that began at 0: an evaluation of the untrained model, then steps."""
    said: list[dict[str, Any]] = [
        {"kind": "status", "state": "starting", "t": 0.0},
        {"kind": "status", "state": "measuring", "t": 4000.0},  # a model was fetched from far away
        {"kind": "metrics", "step": 0, "validation_loss": 2.0, "t": 4000.0 + evaluation_s},
        {"kind": "status", "state": "training", "step": 0, "steps": steps, "t": 4001.0 + evaluation_s},
    ]
    t = 4001.0 + evaluation_s
    for step in range(1, steps + 1):
        t += step_s
        said.append({"kind": "metrics", "step": step, "train_loss": 1.0, "t": t})
    return said


def after(said: list[dict[str, Any]], seconds: float, state: str = "training") -> str:
    found = stall(said, state=state, now=said[-1]["t"] + seconds)
    return found.message if found else ""


@pytest.mark.parametrize(
    ("step_s", "evaluation_s", "silence", "expected"),
    [
        (3.0, 0.0, 290, ""),
        (3.0, 0.0, 720, "No step for 12 minutes; steps took 3 s before. Cancel the job, or wait."),
        (30.0, 0.0, 590, ""),
        (30.0, 0.0, 610, "No step for 10 minutes; steps took 30 s before. Cancel the job, or wait."),
        (3.0, 400.0, 1190, ""),  # an evaluation takes 400 s here
        (3.0, 400.0, 1210, "No step for 20 minutes; steps took 3 s before. Cancel the job, or wait."),
        (0.05, 0.0, 7200, "No step for 2.0 hours; steps took 0.05 s before. Cancel the job, or wait."),
    ],
)
def test_a_step_may_take_what_the_pace_explains(
    step_s: float, evaluation_s: float, silence: float, expected: str
) -> None:
    assert after(run(step_s=step_s, evaluation_s=evaluation_s), silence) == expected


def test_a_first_step_has_no_pace_and_other_work_is_no_step() -> None:
    begun = run(step_s=1.0, steps=0)
    assert after(begun, 1700) == ""
    assert after(begun, 1900).startswith("No step for 32 minutes; there was none before")
    for state in ("loading", "measuring", "saving", "succeeded"):
        assert after(run(step_s=1.0), 9000, state) == ""
    assert stall([], state="training", now=0) is None


def test_the_pace_before_a_restart_is_another_one() -> None:
    said = [*run(step_s=100.0), *[{**each, "t": each["t"] + 90_000} for each in run(step_s=1.0)]]
    assert after(said, 400).startswith("No step for 7 minutes; steps took 1 s before.")


def test_a_silence_that_ended_excuses_no_later_one() -> None:
    said = run(step_s=1.0, steps=8)
    said.append({"kind": "metrics", "step": 9, "train_loss": 1.0, "t": said[-1]["t"] + 5000})
    assert after(said, 400).startswith("No step for 7 minutes; steps took 1 s before.")
