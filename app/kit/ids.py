"""Sortable, prefixed ids: `job_01jd…`, a millisecond time and 80 random bits in Crockford's base 32."""

import re
import secrets
from collections.abc import Callable
from datetime import datetime

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_RANDOM_BITS = 80
_LENGTH = 26

ID_PATTERN = r"^[a-z]{2,3}_[0-9a-z_]{1,40}$"
_COMPILED = re.compile(ID_PATTERN)


def _base32(number: int) -> str:
    digits = []
    for _ in range(_LENGTH):
        number, rest = divmod(number, 32)
        digits.append(_ALPHABET[rest])
    return "".join(reversed(digits))


def new_id(prefix: str, at: datetime, random_bits: Callable[[int], int] = secrets.randbits) -> str:
    """Return a fresh id with `prefix`; ids made later sort later (to the millisecond)."""
    milliseconds = int(at.timestamp() * 1000)
    return f"{prefix}_{_base32((milliseconds << _RANDOM_BITS) | random_bits(_RANDOM_BITS))}"


def is_id(text: str) -> bool:
    """Tell whether `text` has the form of an id; says nothing about whether it exists."""
    return _COMPILED.match(text) is not None
