"""What children and the operating system report, in the words of the domain."""

import errno
import functools
import re
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from app.domain.backend import DataRejected, NoCapacity, Unavailable
from app.domain.jobs import JobReason
from app.training.failures import known_text

_P = ParamSpec("_P")
_T = TypeVar("_T")

# The code of a child's failure (training/failures.py and where ChildError is raised) and the job's reason. Codes that
# are not listed are the backend's own trouble.
REASONS: dict[str, JobReason] = {
    "out_of_memory": JobReason.OUT_OF_MEMORY,
    "killed": JobReason.OUT_OF_MEMORY,
    "disk_full": JobReason.DISK_FULL,
    "disk_low": JobReason.DISK_FULL,
    "diverged": JobReason.DIVERGED,
    **dict.fromkeys(
        (
            "bad_row",
            "empty_answers",
            "file_missing",
            "images_unsupported",
            "mixed_rows",
            "no_rows",
            "rows_too_long",
            "same_answers",
            "template_refused",
        ),
        JobReason.INVALID_DATA,
    ),
    **dict.fromkeys(
        (
            "adapter_as_base",
            "adapter_refused",
            "bad_config",
            "bad_template",
            "gated_model",
            "lora_dropout_on_experts",
            "max_length_beyond_context",
            "model_missing",
            "no_chat_template",
            "generation_config",
            "no_eos_token",
            "no_gradient",
            "no_tokenizer",
            "nothing_trained",
            "quantised",
            "self_check",
            "not_a_model",
            "not_safetensors",
            "remote_code_refused",
            "unknown_architecture",
            "unknown_model",
            "unreadable",
            "vocabulary",
        ),
        JobReason.INVALID_REQUEST,
    ),
}
_SIGKILL = 9
_LOOKS_LIKE_A_CAUSE = re.compile(r"\w*(Error|Exception|Killed|Abort)\b")


def reason_of(code: str) -> JobReason:
    """Return the job's reason for a child's failure code."""
    return REASONS.get(code, JobReason.BACKEND_ERROR)


def sentence(message: str, fix: str) -> str:
    """Return what happened and how to fix it as one text."""
    return f"{message} {fix}".strip()


def cause_of_death(exit_code: int | None, log: list[str]) -> tuple[str, str]:
    """Return (code, text) for a child that ended without a last word.

    `exit_code` as `subprocess` tells it: negative for a signal; None where nobody was there to see it.
    """
    known = known_text("\n".join(log))
    if known is not None:
        return known.code, sentence(known.message, known.fix)
    if exit_code == -_SIGKILL:
        return "killed", "The process was killed (signal 9), probably because the machine's memory ran out."
    cause = next((line.strip() for line in reversed(log) if _LOOKS_LIKE_A_CAUSE.search(line)), "")
    how = "ended without a word"
    if exit_code is not None:
        how = f"was ended by signal {-exit_code}" if exit_code < 0 else f"ended with exit code {exit_code}"
    return "died", f"The process {how}{': ' + cause[:300] if cause else '.'}"


def in_backend_words(call: Callable[_P, _T]) -> Callable[_P, _T]:
    """Let `call` raise nothing but `BackendError`: what the operating system refuses is put into its terms."""

    @functools.wraps(call)
    def translated(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return call(*args, **kwargs)
        except OSError as error:
            raise _translated(error) from error

    return translated


def _translated(error: OSError) -> Exception:
    what = error.strerror or str(error)
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return NoCapacity("The disk is full.", fix="Free some space; it goes on by itself then.")
    if isinstance(error, FileNotFoundError) and str(error.filename or "").endswith(".jsonl"):
        return DataRejected("The data file is gone.", fix="Upload the dataset again.")
    if error.errno in {errno.EAGAIN, errno.ENOMEM}:
        return NoCapacity(f"This machine cannot start another process: {what}.", fix="Stop what is not needed.")
    return Unavailable(f"This machine refused: {what}.", fix="Look at the folder's owner and permissions.")


def untyped(value: object) -> dict[str, Any]:
    """Return `value` if it is an object, else an empty one: files of an older version may hold anything."""
    return value if isinstance(value, dict) else {}
