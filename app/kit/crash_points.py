"""Named places in the code at which a test may let the process die, as `kill -9` would.

A point does nothing unless somebody watches. `TUNEDESK_CRASH_AT=submitted:3` lets the server kill itself when it comes
to the point `submitted` for the third time; what must hold afterwards is in docs/reliability.md.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum


class CrashPoint(StrEnum):
    """Every such place, in the order in which a model's life comes to them."""

    TAKEN_OVER = "taken_over"  # the leases of a dead process are free, nothing else has begun
    UPLOAD_HALF_WRITTEN = "upload_half_written"  # a piece of a dataset's file is on the disk, without its final name
    UPLOAD_STORED = "upload_stored"  # the file has its final name, and no row knows it
    COMMITTED = "committed"  # a person's wish is in the database, and the person has not been told
    IMPORT_HALF_WRITTEN = "import_half_written"  # rows were made of a file, without their final name
    CLAIMED = "claimed"  # a row is held, and nothing has been done for it
    DATASET_CHECKED = "dataset_checked"  # a large file has been validated, and that is not recorded
    SPLIT_HALF_MADE = "split_half_made"  # one part of a split is stored, the others are not
    CONVERSION_HALF_WRITTEN = "conversion_half_written"  # the canonical rows are written, without their final name
    SENT = "sent"  # the backend has a file, and that is not recorded
    INTENT_RECORDED = "intent_recorded"  # the submit has been announced in the database, and not been made
    SUBMITTED = "submitted"  # the backend has accepted the training, and its id is not recorded
    CHILD_SPAWNED = "child_spawned"  # a child process runs, and its folder does not say so yet
    RECORDING = "recording"  # inside the transaction that records what an act came to
    RECORDED = "recorded"  # that transaction is on the disk
    RESUMED = "resumed"  # the backend goes on with an interrupted training, and that is not recorded
    BEFORE_CANCEL = "before_cancel"  # the backend is about to be asked to stop a training
    CANCELLED = "cancelled"  # it has been asked, and that is not recorded
    EVALUATION_STARTED = "evaluation_started"  # the backend evaluates, and that is not recorded
    BEFORE_DEPLOY = "before_deploy"  # the backend is about to be asked to serve
    DEPLOYED = "deployed"  # it serves, and that is not recorded
    UNDEPLOYED = "undeployed"  # it was told to stop serving, and that is not recorded
    MODEL_DISCARDED = "model_discarded"  # the weights are gone, and the model's row does not say so
    MESSAGE_SENT = "message_sent"  # a webhook's message has arrived, and that is not recorded
    HOUSEKEEPING = "housekeeping"  # the house is about to be kept
    SWEPT = "swept"  # something that nobody needs any more was removed from the disk


Watch = Callable[[CrashPoint], None]

_watches: list[Watch] = []


def reached(point: CrashPoint) -> None:
    """Say that the process is at `point`: nothing happens, except under test."""
    for watch in _watches:
        watch(point)


def arm(spec: str) -> None:
    """Let this process kill itself at a point: `name`, or `name:n` for the n-th time. An empty wish does nothing.

    Raises:
        ValueError: for a point that there is none of; the message lists them.
    """
    if spec:
        point, times = parse(spec)
        _watches.append(_Trap(point, times))


def parse(spec: str) -> tuple[CrashPoint, int]:
    """Return which point a wish names, and the how-manieth time.

    Raises:
        ValueError: as `arm`.
    """
    name, _, times = spec.partition(":")
    if name not in set(CrashPoint) or (times and not (times.isdecimal() and int(times) > 0)):
        listed = ", ".join(CrashPoint)
        raise ValueError(f"{spec!r} is no crash point. Write one of these, or one with a number (sent:2): {listed}")
    return CrashPoint(name), int(times or 1)


@contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """Call `watch` with every point that is reached while the block runs, in whichever thread."""
    _watches.append(watch)
    try:
        yield
    finally:
        _watches.remove(watch)


class _Trap:
    """Kills this very process at the n-th time, without a last word."""

    def __init__(self, point: CrashPoint, times: int) -> None:
        self._point, self._left = point, times

    def __call__(self, point: CrashPoint) -> None:
        if point is not self._point:
            return
        self._left -= 1
        if self._left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
