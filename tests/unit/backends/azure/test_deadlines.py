"""Work with an end: the caller goes on in time, the work is told, and never more threads than the bound."""

from threading import Event

import pytest

from app.backends.azure_foundry.training.states import ATTENTION, STATES, stall_note, status_note, status_of
from app.backends.azure_foundry.transport.deadlines import DeadlineExceeded, Deadlines, NotStarted, remaining_s
from app.domain.jobs import JobStatus
from tests.support.clock import TurnedClock


def test_a_result_and_an_error_come_through() -> None:
    bounded = Deadlines(1)
    assert bounded.run(lambda: 7, 5) == 7
    with pytest.raises(ZeroDivisionError):
        bounded.run(lambda: 1 // 0, 5)
    assert bounded.run(lambda: 8, 5) == 8


def test_slow_work_is_left_and_sees_that_nobody_waits() -> None:
    bounded, begun, go, seen = Deadlines(1), Event(), Event(), list[float]()

    def slow() -> None:
        begun.set()
        go.wait(30)
        seen.append(remaining_s() or 0.0)

    with pytest.raises(DeadlineExceeded):
        bounded.run(slow, 0.05)
    assert begun.is_set()
    with pytest.raises(NotStarted):
        bounded.run(lambda: None, 0.05)
    go.set()
    assert bounded.run(lambda: 1, 30) == 1
    assert seen[0] < 0


def test_work_within_work_shares_its_thread_and_its_end() -> None:
    bounded = Deadlines(1)
    inner = bounded.run(lambda: bounded.run(lambda: remaining_s() or 0.0, 1000), 5)
    assert 0 < inner <= 5
    assert remaining_s() is None


def test_every_word_of_azure_has_a_meaning() -> None:
    assert len(STATES) >= 14
    assert {status_of(word) for word in ("Completed", "Failed", "Canceled")} == {
        JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED,
    }  # fmt: skip
    assert not any(status_of(word).is_final for word in ATTENTION)
    assert status_of("Hibernating") is JobStatus.UNKNOWN
    assert "Hibernating" in status_note("Hibernating")
    assert status_note("Running") == ""


@pytest.mark.parametrize(
    ("word", "minutes", "managed", "reported"),
    [
        ("Queued", 110, False, False), ("Queued", 125, False, True), ("Queued", 65, True, True),
        ("Running", 50, False, True), ("Running", 50, True, False), ("Completed", 10_000, False, False),
    ],
)  # fmt: skip
def test_a_stall_depends_on_state_and_way(word: str, minutes: int, managed: bool, reported: bool) -> None:
    now = TurnedClock().now()
    sentence = stall_note(word, moved_at=now.timestamp() - minutes * 60, now=now, managed=managed)
    assert bool(sentence) is reported
