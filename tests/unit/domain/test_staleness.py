"""What could not be looked at, or should have been long ago, is stale since the last word; nothing else is."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.staleness import LATE, stale_since

NOW = datetime(2026, 11, 21, 14, 2, tzinfo=UTC)
AGO = NOW - timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Something that the engine looks at."""

    observed_at: datetime | None
    next_look_at: datetime | None
    failing_since: datetime | None
    ended_at: datetime | None = None


@pytest.mark.parametrize(
    ("observed", "next_look", "failing", "expected"),
    [
        (AGO, NOW + timedelta(minutes=1), None, None),
        (AGO, NOW - timedelta(seconds=5), None, None),
        (AGO, NOW - LATE - timedelta(seconds=1), None, AGO),
        (AGO, NOW + timedelta(minutes=1), AGO + timedelta(seconds=1), AGO),
        (AGO, None, AGO, None),
        (None, NOW - timedelta(hours=1), None, None),
        (NOW - timedelta(seconds=3), datetime.fromtimestamp(0, UTC), None, None),
    ],
    ids=[
        "as fresh as planned",
        "a little late",
        "the engine stands still",
        "every try fails",
        "over",
        "never seen",
        "just given back",
    ],
)
def test_stale_since(
    observed: datetime | None, next_look: datetime | None, failing: datetime | None, expected: datetime | None
) -> None:
    assert stale_since(Seen(observed_at=observed, next_look_at=next_look, failing_since=failing), NOW) == expected


def test_what_is_over_is_not_stale_while_its_space_is_given_back() -> None:
    over = Seen(observed_at=AGO, next_look_at=NOW - timedelta(hours=1), failing_since=NOW, ended_at=AGO)
    assert stale_since(over, NOW) is None
