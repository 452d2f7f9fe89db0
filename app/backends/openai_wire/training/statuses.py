"""The words of jobs: OpenAI's (`validating_files`, `pausing`, …), and Azure's besides (`pending`, `created`).

A word that is not here is not an end: jobs are looked at until they are known to be over, never while they are known to
be open (openai-node, issue 2528: the official example left its loop at `validating_files`).
"""

from app.domain.jobs import JobStatus

_WORDS = {
    "validating_files": JobStatus.QUEUED,
    "created": JobStatus.QUEUED,
    "pending": JobStatus.QUEUED,
    "notrunning": JobStatus.QUEUED,
    "queued": JobStatus.QUEUED,
    "running": JobStatus.RUNNING,
    "pausing": JobStatus.RUNNING,
    "resuming": JobStatus.RUNNING,
    "paused": JobStatus.PAUSED,
    "succeeded": JobStatus.SUCCEEDED,
    "failed": JobStatus.FAILED,
    "cancelled": JobStatus.CANCELLED,
    "canceled": JobStatus.CANCELLED,
    "cancelling": JobStatus.CANCELLING,
    "deleted": JobStatus.CANCELLED,
}


def status_of(word: str) -> JobStatus | None:
    """Return what a provider's word means; None for one that nobody knows."""
    return _WORDS.get(word.strip().lower())
