"""What goes wrong on request, by rule and by seed, so that a run can be played again."""

import errno
import hashlib
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from app.domain import backend as seam
from app.domain.backend import BackendError


class FaultKind(StrEnum):
    """Every way to go wrong. The first group are errors of any call, named as in `app.domain.backend`."""

    UNAVAILABLE = "unavailable"
    OUTCOME_UNKNOWN = "outcome_unknown"  # for a submit: refused, but the caller cannot know
    RATE_LIMITED = "rate_limited"
    NO_CAPACITY = "no_capacity"
    NOT_AUTHORISED = "not_authorised"
    QUOTA_EXCEEDED = "quota_exceeded"
    REJECTED = "rejected"
    DATA_REJECTED = "data_rejected"
    NOT_FOUND = "not_found"
    UNSUPPORTED = "unsupported"
    WORDY = "wordy"  # unavailable, in a megabyte of words
    HOSTILE = "hostile"  # unavailable, in words that would like to be markup, or to turn the line around
    GARBLED = "garbled"  # unavailable, in words that are no text
    SPEECHLESS = "speechless"  # unavailable, without a word
    IN_TEN_YEARS = "in_ten_years"  # rate limited, and asks to wait that long
    IN_THE_PAST = "in_the_past"  # rate limited, and asks to have tried earlier
    AT_ONCE = "at_once"  # rate limited, and asks not to wait at all

    BROKEN = "broken"  # something that no backend may raise; so are all of these
    OS_ERROR = "os_error"
    DISK_FULL = "disk_full"
    TIMED_OUT = "timed_out"
    RESET = "reset"
    NOT_JSON = "not_json"
    WRONG_SHAPE = "wrong_shape"
    WRONG_TYPE = "wrong_type"
    NOT_TEXT = "not_text"
    TOO_DEEP = "too_deep"
    NO_MEMORY = "no_memory"

    DIES_BEFORE = "dies_before"  # the caller's process ends before the call does anything

    LOST_ANSWER = "lost_answer"  # submit: accepted, but the answer never arrives
    LATE_ACCEPTANCE = "late_acceptance"  # submit: no answer, and accepted only `seconds` later
    DIES_AFTER = "dies_after"  # submit: accepted (`seconds` later), and the caller's process ends before it learns that

    BACKWARDS = "backwards"  # observe: an earlier status, and the events in the wrong order
    STRANGE = "strange"  # observe: a word that nobody knows
    REPEATED = "repeated"  # observe: everything once more, from the beginning
    NOT_A_NUMBER = "not_a_number"  # observe: figures that are none
    SEEN_HOSTILE = "seen_hostile"  # observe: a status in hostile words
    SILENT = "silent"  # observe: a status, and nothing else
    SELDOM = "seldom"  # observe: asks not to be looked at for ten years
    TOO_OFTEN = "too_often"  # observe: asks to be looked at before now

    FAILS = "fails"  # train, serve, judge: comes to a bad end
    INTERRUPTED = "interrupted"  # train: stops with a checkpoint, `times` times
    GONE = "gone"  # serve: disappears `seconds` after it was ready


ERRORS: dict[FaultKind, type[BackendError]] = {
    FaultKind.UNAVAILABLE: seam.Unavailable,
    FaultKind.OUTCOME_UNKNOWN: seam.OutcomeUnknown,
    FaultKind.RATE_LIMITED: seam.RateLimited,
    FaultKind.NO_CAPACITY: seam.NoCapacity,
    FaultKind.NOT_AUTHORISED: seam.NotAuthorised,
    FaultKind.QUOTA_EXCEEDED: seam.QuotaExceeded,
    FaultKind.REJECTED: seam.Rejected,
    FaultKind.DATA_REJECTED: seam.DataRejected,
    FaultKind.NOT_FOUND: seam.NotFound,
    FaultKind.UNSUPPORTED: seam.Unsupported,
}


# What is wrong in the words or the wish of an error that a backend may raise: (class, words, seconds to wait).
_TEN_YEARS_S = 10 * 365 * 86_400.0
ODD: dict[FaultKind, tuple[type[BackendError], str, float | None]] = {
    FaultKind.WORDY: (seam.Unavailable, "Rehearsal: " + "so many words " * 75_000, None),
    FaultKind.HOSTILE: (seam.Unavailable, "<script>alert(1)</script> \u202e\x00 {{ 7 * 7 }} %(x)s", None),
    FaultKind.GARBLED: (seam.Unavailable, "Rehearsal: \ud800 lone", None),
    FaultKind.SPEECHLESS: (seam.Unavailable, "", None),
    FaultKind.IN_TEN_YEARS: (seam.RateLimited, "Rehearsal: in ten years.", _TEN_YEARS_S),
    FaultKind.IN_THE_PAST: (seam.RateLimited, "Rehearsal: yesterday.", -86_400.0),
    FaultKind.AT_ONCE: (seam.RateLimited, "Rehearsal: at once.", 0.0),
}
FOREIGN: dict[FaultKind, BaseException] = {
    FaultKind.BROKEN: RuntimeError("Rehearsal: an error that no backend may raise, on request."),
    FaultKind.OS_ERROR: OSError(errno.EIO, "Rehearsal: input/output error"),
    FaultKind.DISK_FULL: OSError(errno.ENOSPC, "Rehearsal: no space left"),
    FaultKind.TIMED_OUT: TimeoutError("Rehearsal: timed out"),
    FaultKind.RESET: ConnectionResetError("Rehearsal: connection reset"),
    FaultKind.NOT_JSON: ValueError("Rehearsal: not JSON"),
    FaultKind.WRONG_SHAPE: KeyError("Rehearsal: status"),
    FaultKind.WRONG_TYPE: TypeError("Rehearsal: a list instead of an object"),
    FaultKind.NOT_TEXT: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "Rehearsal: no text"),
    FaultKind.TOO_DEEP: RecursionError("Rehearsal: too deep"),
    FaultKind.NO_MEMORY: MemoryError("Rehearsal: no memory"),
}
# Faults of what a look tells; the call itself goes well.
OF_LOOKS = frozenset(
    {
        FaultKind.BACKWARDS,
        FaultKind.STRANGE,
        FaultKind.REPEATED,
        FaultKind.NOT_A_NUMBER,
        FaultKind.SEEN_HOSTILE,
        FaultKind.SILENT,
        FaultKind.SELDOM,
        FaultKind.TOO_OFTEN,
    }
)


class Died(BaseException):
    """The calling process ends here: no `except Exception` sees it, and nothing after the call happens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One rule: at `call` (a method's name; `train`, `serve`, `judge` for what happens in between), for tags that
    match the pattern `tag`, go wrong as `kind` at most `times` times per tag (None: always), in `share` of the cases.
    """

    call: str
    kind: FaultKind
    tag: str = "*"
    times: int | None = 1
    share: float = 1.0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """How a rehearsal runs. Durations in seconds on the given clock; `latency_s` in real seconds, around each write.

    `spread`: by which share the durations differ from job to job, up and down.
    `repeats_doubles`: whether a second submit under the same tag makes a second job, as it does at most providers.
    """

    seed: int = 0
    queue_s: float = 2.0
    train_s: float = 20.0
    steps: int = 30
    deploy_s: float = 3.0
    undeploy_s: float = 1.0
    evaluate_s: float = 3.0
    look_s: float = 1.0
    acceptance_grace_s: float = 5.0
    latency_s: float = 0.0
    spread: float = 0.0
    repeats_doubles: bool = False
    faults: Sequence[Fault] = ()

    def chance(self, *about: object) -> float:
        """Return a number in [0, 1) that only the seed and `about` decide.

        Turns that follow each other must be independent; of a CRC, a few in a row differ in the low bits only.
        """
        about_all = "/".join(str(part) for part in (self.seed, *about))
        return int.from_bytes(hashlib.blake2b(about_all.encode(), digest_size=6).digest()) / 2**48

    def fault(self, call: str, tag: str, number: int, *, turn: int, spent: int) -> Fault | None:
        """Return what goes wrong with the `turn`-th call for `tag`, of which `spent` went wrong before.

        `number` stands for the tag where chance decides: tags are made of chance themselves.
        """
        for rule, fault in enumerate(self.faults):
            if fault.call != call or not fnmatchcase(tag, fault.tag):
                continue
            if (fault.times is None or spent < fault.times) and self.chance(rule, call, number, turn) < fault.share:
                return fault
        return None


def read_script(path: Path) -> Script:
    """Return the script in a JSON file.

    Raises:
        ValueError: the file is no script; the message says where.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Script)
    except (OSError, msgspec.MsgspecError) as problem:
        raise ValueError(f"The rehearsal script {path} cannot be read: {problem}.") from problem


def error(fault: Fault) -> BaseException:
    """Return the exception that a fault asks for."""
    if fault.kind in {FaultKind.DIES_BEFORE, FaultKind.DIES_AFTER}:
        return Died(fault.call)
    if fault.kind in FOREIGN:
        return copy(FOREIGN[fault.kind])
    if fault.kind in ODD:
        odd, reported, seconds = ODD[fault.kind]
        return odd(reported, retry_after=None if seconds is None else timedelta(seconds=seconds))
    kind = ERRORS.get(fault.kind, seam.OutcomeUnknown)
    words = fault.kind.value.replace("_", " ")
    wait = timedelta(seconds=fault.seconds) if fault.kind is FaultKind.RATE_LIMITED and fault.seconds else None
    return kind(
        f"Rehearsal: {words}, on request.", fix="This is a scripted fault; nothing needs fixing.", retry_after=wait
    )
