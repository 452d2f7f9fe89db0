"""Waiting for what another process does: on the condition itself, for as long as a loaded machine may take."""

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_LOOK_EVERY_S = 0.05


def until(look: Callable[[], T | None], *, within: float = 300.0, doing: str = "it") -> T:
    """Return the first answer of `look` that is true; fail after `within` seconds."""
    tick = threading.Event()
    looks = int(within / _LOOK_EVERY_S)
    for _ in range(looks):
        answer = look()
        if answer:
            return answer
        tick.wait(_LOOK_EVERY_S)
    message = f"{doing} did not happen within {within} s"
    raise AssertionError(message)
