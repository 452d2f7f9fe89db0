"""An end to the process at a set time, for what may wait on others longer than anybody should wait for it."""

import os
import threading
from collections.abc import Callable


def exit_after(seconds: float, say: Callable[[], None]) -> threading.Timer:
    """End this process in `seconds` unless it has ended by then, whatever its threads are doing; `say` is called first.

    Only for a process that may die at any instant without harm. Return the timer; cancel it to stay alive.
    """
    timer = threading.Timer(seconds, lambda: _end(say))
    timer.daemon = True
    timer.start()
    return timer


def _end(say: Callable[[], None]) -> None:
    try:
        say()
    finally:
        os._exit(0)
