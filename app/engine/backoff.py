"""How soon to look again: adaptive, jittered, and the same whenever the same row is in the same turn."""

import zlib
from datetime import timedelta

_JITTER = 0.1  # each wait is up to a tenth longer or shorter, so that a thousand jobs do not call at once
_LONGEST_BACKOFF_S = 300.0
# A provider that asks to be left alone for longer is looked at all the same: it may be wrong, and somebody may have
# mended what it waited for. (Azure's Retry-After is seconds to a few minutes.)
_LONGEST_ASKED = timedelta(seconds=_LONGEST_BACKOFF_S)
_SHORTEST_BACKOFF = timedelta(seconds=1)
# Looking at a training: soon after the start, then ever more seldom, and at least every five minutes.
_FIRST_LOOK_S, _STEADY_LOOK_S, _SELDOM_LOOK_S = 10.0, 60.0, 300.0
_LONG_RUN_S = 3600.0

SOON = timedelta(0)
WAITING = timedelta(minutes=1)  # a row that waits its turn is woken when there is room; this only makes sure
UNAVAILABLE = timedelta(seconds=5)  # a backend that is getting ready (a runtime being installed) shows its progress
PAUSED = timedelta(minutes=1)
_LONGEST_PAUSED = timedelta(minutes=30)  # roles that were granted take minutes to be known everywhere


def jittered(wait: timedelta, *, seed: str) -> timedelta:
    """Return `wait`, longer or shorter by up to a tenth; the same seed gives the same."""
    chance = zlib.crc32(seed.encode()) / 2**32
    return wait * (1 + _JITTER * (2 * chance - 1))


def retry_delay(attempts: int, *, asked: timedelta | None = None) -> timedelta:
    """Return how long to wait after the `attempts`-th failure in a row: 2, 4, 8 … 300 s, or what the provider asked."""
    doubled = timedelta(seconds=min(_LONGEST_BACKOFF_S, 2.0 ** min(attempts, 10)))
    return max(asked_or(asked, doubled), _SHORTEST_BACKOFF)


def paused_look(attempts: int) -> timedelta:
    """Return how soon to look whether a paused connection answers again, after so many looks: 1, 2, 4 … 30 minutes."""
    return min(PAUSED * (1 << min(attempts, 10)), _LONGEST_PAUSED)


def asked_or(asked: timedelta | None, usual: timedelta) -> timedelta:
    """Return how long the provider asked to wait, at most five minutes; `usual` where it asked for no time at all."""
    return usual if asked is None or asked <= timedelta(0) else min(asked, _LONGEST_ASKED)


def next_look(age: timedelta) -> timedelta:
    """Return how soon to look at a training of that age: after a tenth of it, from 10 s to 60 s, later up to 300 s."""
    seconds = age.total_seconds()
    if seconds > _LONG_RUN_S:
        return timedelta(seconds=min(_SELDOM_LOOK_S, seconds / _LONG_RUN_S * _STEADY_LOOK_S))
    return timedelta(seconds=min(_STEADY_LOOK_S, max(_FIRST_LOOK_S, seconds / 10)))
