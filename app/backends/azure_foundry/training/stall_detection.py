"""Telling a training that is slow from one that hangs: how long is usual without any news, by state and way."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

# Users report trainings of tiny sets that take more than an hour, mostly waiting for machines, and wonder at three
# hours: https://github.com/MicrosoftLearning/mslearn-ai-studio/issues/62 and /78. So waiting is given two hours, own
# machines half (they come or they do not), and a running training, which logs every few steps, three quarters of one.
USUAL: Mapping[str, timedelta] = {
    "NotStarted": timedelta(minutes=30),
    "Starting": timedelta(minutes=45),
    "Provisioning": timedelta(hours=1),
    "Preparing": timedelta(hours=1),
    "Queued": timedelta(hours=2),
    "Running": timedelta(minutes=45),
    "Finalizing": timedelta(minutes=45),
    "CancelRequested": timedelta(minutes=20),
}
_MANAGED: Mapping[str, timedelta] = {"Queued": timedelta(hours=1), "Running": timedelta(minutes=90)}
_ADVICE = {
    "Queued": "The region may have no machine free; cancelling costs nothing while it waits.",
    "Running": "Look at its log; Azure bills what was trained, also when it is cancelled.",
}


def stalled(word: str, *, moved_at: float, now: datetime, managed: bool) -> str | None:
    """Return a sentence for people if nothing moved for longer than is usual. `moved_at`: seconds since 1970."""
    usual = (_MANAGED.get(word) if managed else None) or USUAL.get(word)
    if usual is None or not moved_at or now.timestamp() - moved_at < usual.total_seconds():
        return None
    since = datetime.fromtimestamp(moved_at, UTC)
    advice = _ADVICE.get(word, "")
    return (
        f"Stalled since {since:%Y-%m-%d %H:%M} UTC: still {word}, without news for longer than usual. {advice}".strip()
    )
