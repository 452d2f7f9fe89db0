import pytest

from app.backends.local import event_parser
from app.backends.local.runs import Look
from app.domain.jobs import JobProgress
from app.domain.metrics import SERIES, TRAINER_NAMES


def look(state: str) -> Look:
    return Look(
        exists=True, alive=True, spawned=True, started=True, before=True, late=False, state=state, reported={},
        exit_code=None, stopping=False, rebooted=False,
    )  # fmt: skip


@pytest.mark.parametrize("state", ["training", "saving", "stopped", "failed"])
def test_how_far_it_came_is_not_forgotten_at_its_end(state: str) -> None:
    assert event_parser.progress([], look(state)) is None


def test_before_the_first_step_the_stage_is_all_there_is_to_tell() -> None:
    assert event_parser.progress([], look("loading")) == JobProgress(stage="loading")


def test_every_series_that_the_trainer_writes_is_read_and_one_that_nobody_knows() -> None:
    known = dict.fromkeys(TRAINER_NAMES.values(), 0.5)
    others = {"t": 1.0, "step": 3, "steps": 9, "epoch": 1.0, "epochs": 3, "eta_s": 2.5, "best": True, "note": "text"}
    news = [("1", {"kind": "metrics", "entropy": 0.25, **others, **known})]
    read = {each.name: (each.step, each.value) for each in event_parser.metrics(news)}
    assert read == dict.fromkeys(TRAINER_NAMES.values(), (3, 0.5)) | {"entropy": (3, 0.25)}
    assert TRAINER_NAMES.keys() >= {"mean_token_accuracy", "eval_mean_token_accuracy"}
    assert set(TRAINER_NAMES.values()) <= {each.name for each in SERIES}
