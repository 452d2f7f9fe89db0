import pytest

from app.backends.local import event_parser
from app.backends.local.runs import Look
from app.domain.jobs import JobProgress


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
