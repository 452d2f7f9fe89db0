"""The states of a job at Azure, in our words; Azure's own word is kept beside them."""

from collections.abc import Mapping

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
    "NotResponding": "Azure hears nothing from the training. It may come back; look at its log, or cancel it.",
    "Paused": "Azure has paused the training. It goes on when it is resumed in the portal, or cancel it.",
    "Unknown": "Azure does not know the training's state at the moment.",
}
# In these the training itself has not begun, so that it has no metrics.
WAITING = frozenset({"NotStarted", "Starting", "Provisioning", "Preparing", "Queued", "Scheduled"})


def status_of(word: str) -> JobStatus:
    """Return our status for Azure's word; UNKNOWN for a word that nobody knows, which moves nothing."""
    return STATES.get(word, JobStatus.UNKNOWN)


def status_note(word: str) -> str:
    """Return what should be said of a state that needs a person's eye; empty for the usual ones."""
    if word in STATES:
        return ATTENTION.get(word, "")
    return f"Azure calls the training's state {word[:80]!r}, a word that this version does not know."
