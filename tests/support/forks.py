"""Lives that are forked one after another from a process that has imported everything before."""

import os
import sys
import traceback
from collections.abc import Callable


def forking(live: Callable[[], None]) -> None:
    """Say "ready", and fork a life for every line of the input: print its process id, wait, print how it ended."""
    print("ready", flush=True)  # noqa: T201 -- the midwife's words
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                live()
            except BaseException:  # noqa: BLE001 -- a life that ends by itself is told, and judged by the test
                traceback.print_exc()
                sys.stderr.flush()
            os._exit(1)
        print(child, flush=True)  # noqa: T201
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201
