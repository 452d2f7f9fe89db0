"""How long the engine waits: as asked, within bounds, and longer after each failure in a row."""

from datetime import timedelta

import pytest

from app.engine import backoff

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("asked", "waits"),
    [
        (timedelta(seconds=30), timedelta(seconds=30)),
        (timedelta(days=3650), timedelta(minutes=5)),
        (timedelta(0), MINUTE),
        (timedelta(days=-1), MINUTE),
        (None, MINUTE),
    ],
)
def test_a_provider_is_left_alone_as_it_asks_but_not_for_years(asked: timedelta | None, waits: timedelta) -> None:
    assert backoff.asked_or(asked, MINUTE) == waits


def test_after_a_failure_a_provider_has_a_second_at_least() -> None:
    assert backoff.retry_delay(1, asked=timedelta(milliseconds=1)) == timedelta(seconds=1)
    assert backoff.retry_delay(1, asked=timedelta(days=3650)) == timedelta(minutes=5)
    assert backoff.retry_delay(3, asked=timedelta(0)) == backoff.retry_delay(3)


def test_failures_in_a_row_are_tried_again_ever_more_seldom() -> None:
    waits = [backoff.retry_delay(attempts).total_seconds() for attempts in (1, 2, 3, 8, 9, 100)]
    assert waits == [2, 4, 8, 256, 300, 300]
