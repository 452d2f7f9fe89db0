"""Does a training still move? Its own pace says how long a step may take; what is far beyond that is said, not ended.

Only what the run told is looked at. Between its steps it evaluates, answers samples and saves, and tells of each when
it is done: the longest silence before such a word says how long those take here. What comes before the training, as
fetching a model from far away, has no pace.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from app.domain.metrics import VALIDATION_LOSS

QUIET_S = 300.0  # so long, every training may be silent
_STEPS, _SILENCES = 20, 3  # beyond so many of its steps, and of its longest silence, it is said
_FIRST_S = 1800.0  # the first step has no pace to be held against, and takes its time where memory is short
_WORKING = frozenset({"training", "answering"})


@dataclass(frozen=True, slots=True)
class Stall:
    """A silence that the run's own pace does not explain: when it began (seconds since 1970), and a sentence."""

    since: float
    message: str


def stall(said: Sequence[Mapping[str, Any]], *, state: str, now: float) -> Stall | None:
    """Return whether a run stands still.

    Args:
        said: its newest events, oldest first.
        state: its last word.
        now: seconds since 1970.
    """
    if state not in _WORKING:
        return None
    begun = max((n for n, each in enumerate(said) if _is(each, "starting")), default=0)
    piece = [each for each in said[begun:] if isinstance(each.get("t"), int | float)]
    if not piece:
        return None
    last = float(piece[-1]["t"])
    silence = now - last
    steps = _steps(piece)
    if steps:
        between = [float(later["t"]) - float(earlier["t"]) for earlier, later in pairwise(piece) if _is_between(later)]
        step = statistics.median(steps)
        limit = max(QUIET_S, _STEPS * step, _SILENCES * max(between, default=0.0))
        pace = f"steps took {_spoken(step)} before"
    else:
        limit, pace = _FIRST_S, "there was none before to say how long one takes"
    if silence <= limit:
        return None
    return Stall(last, f"No step for {_spoken(silence)}; {pace}. Cancel the job, or wait.")


def _is(event: Mapping[str, Any], state: str) -> bool:
    return event.get("kind") == "status" and event.get("state") == state


def _is_between(event: Mapping[str, Any]) -> bool:
    """Tell whether an event is the end of what is done between steps."""
    return event.get("kind") in {"checkpoint", "samples"} or VALIDATION_LOSS in event


def _steps(piece: Sequence[Mapping[str, Any]]) -> list[float]:
    """Return how long steps took, in seconds: between two that nothing else was told between."""
    return [
        (float(later["t"]) - float(earlier["t"])) / (later["step"] - earlier["step"])
        for earlier, later in pairwise(piece)
        if later.get("kind") == "metrics"
        and not _is_between(later)
        and earlier.get("kind") in {"metrics", "status"}
        and isinstance(later.get("step"), int)
        and isinstance(earlier.get("step"), int)
        and later["step"] > earlier["step"]
    ]


def _spoken(seconds: float) -> str:
    if seconds < 90:  # noqa: PLR2004 -- below, minutes say less
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"  # noqa: PLR2004 -- as above
