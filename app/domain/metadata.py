"""The pairs that whoever asks for a job may give with it, to find it again: TuneDesk keeps them and goes by none.

The limits are those of OpenAI's fine-tuning jobs (16 pairs, keys of 64 and values of 512 characters), so that what is
given here can be sent on, and the reverse.
"""

from collections.abc import Mapping
from typing import Any

from app.domain.errors import Problem

MAX_PAIRS = 16
MAX_KEY_CHARS = 64
MAX_VALUE_CHARS = 512


def check_metadata(given: object, pointer: str) -> tuple[dict[str, str], list[Problem]]:
    """Return (the pairs that are good, what is wrong with the others); `pointer` says where they were given."""
    if given is None:
        return {}, []
    if not isinstance(given, Mapping):
        fix = 'Write {"experiment": "7"}, for example.'
        return {}, [Problem(pointer, "invalid", "metadata must be an object of texts.", fix)]
    problems = []
    if len(given) > MAX_PAIRS:
        message = f"metadata has {len(given)} pairs; {MAX_PAIRS} are the most."
        problems.append(Problem(pointer, "too_many", message, "Leave some of them out."))
    good: dict[str, str] = {}
    for key, value in given.items():
        problem = _problem(key, value, pointer)
        if problem is None:
            good[key] = value
        else:
            problems.append(problem)
    return good, problems


def _problem(key: Any, value: Any, pointer: str) -> Problem | None:  # noqa: ANN401 -- whatever was given
    if not isinstance(key, str) or not 1 <= len(key) <= MAX_KEY_CHARS or not _keepable(key):
        message = f"The key {str(key)[:MAX_KEY_CHARS]!r} of metadata is not a text of 1 to {MAX_KEY_CHARS} characters."
        return Problem(pointer, "key", message, "Use a short name.")
    if not isinstance(value, str) or len(value) > MAX_VALUE_CHARS or not _keepable(value):
        message = f"The value of {key!r} in metadata is not a text of at most {MAX_VALUE_CHARS} characters."
        return Problem(f"{pointer}/{key}", "value", message, "Write numbers in quotes, and shorten long texts.")
    return None


def _keepable(text: str) -> bool:
    """Tell whether a database keeps the text: PostgreSQL takes no NUL, and lone surrogates are no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text
