"""The states of a job at Azure, in our words, with Azure's own word beside them; and how long is usual in each."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from app.backends.azure_foundry.transport.words import meaning, unknown_word
from app.domain.jobs import JobStatus

# https://learn.microsoft.com/python/api/azure-ai-ml/azure.ai.ml.entities.job, property `status`, and JobStatus of the
# REST interface 2024-10-01-preview.
STATES: Mapping[str, JobStatus] = {
    "NotStarted": JobStatus.QUEUED,
    "Starting": JobStatus.QUEUED,
    "Provisioning": JobStatus.QUEUED,
    "Preparing": JobStatus.QUEUED,
    "Queued": JobStatus.QUEUED,
    "Scheduled": JobStatus.QUEUED,
    "Running": JobStatus.RUNNING,
    "Finalizing": JobStatus.RUNNING,
    "CancelRequested": JobStatus.CANCELLING,
    "Completed": JobStatus.SUCCEEDED,
    "Failed": JobStatus.FAILED,
    "Canceled": JobStatus.CANCELLED,
    "NotResponding": JobStatus.RUNNING,
    "Paused": JobStatus.RUNNING,
    "Unknown": JobStatus.UNKNOWN,
}
# No ends: somebody should have a look, and it may go on. What is said then.
ATTENTION: Mapping[str, str] = {
    "NotResponding": "Azure is not hearing from the training. It may recover; look at its log, or cancel it.",
    "Paused": "Azure has paused the training. Resume it in the portal, or cancel it.",
    "Unknown": "Azure does not know the training's state at the moment.",
}
# In these the training itself has not begun, so that it has no metrics.
WAITING = frozenset({"NotStarted", "Starting", "Provisioning", "Preparing", "Queued", "Scheduled"})
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
    "Running": "Look at its log; Azure bills what was trained, even if it is cancelled.",
}


def status_of(word: str) -> JobStatus:
    """Return our status for Azure's word; UNKNOWN for a word that nobody knows, which moves nothing."""
    return meaning(STATES, word) or JobStatus.UNKNOWN


def status_note(word: str) -> str:
    """Return what should be said of a state that needs a person's eye; empty for the usual ones."""
    if meaning(STATES, word) is not None:
        return meaning(ATTENTION, word) or ""
    return unknown_word("the training", word)


def stall_note(word: str, *, moved_at: float, now: datetime, managed: bool) -> str | None:
    """Return a sentence for people if nothing moved for longer than is usual. `moved_at`: seconds since 1970."""
    usual = (_MANAGED.get(word) if managed else None) or USUAL.get(word)
    if usual is None or not moved_at or now.timestamp() - moved_at < usual.total_seconds():
        return None
    since = datetime.fromtimestamp(moved_at, UTC)
    advice = _ADVICE.get(word, "")
    return (
        f"Stalled since {since:%Y-%m-%d %H:%M} UTC: still {word}, without news for longer than usual. {advice}".strip()
    )
