"""Where servers are born: one process that has everything imported, and forks a new one for each life.

A start of the whole program costs seconds of imports and would make a campaign of a thousand deaths one of an hour. A
fork takes over nothing but the imported modules: the application, its database and its engine are made by the child,
exactly as in a start from nothing; every campaign also makes some of those.

It says {"ready": true} first, and then understands JSON lines: {"start": {environment}, "log": path} answers
{"pid": n}; {"ended": pid, "within": seconds} answers {"code": n}, a signal's number with a minus, null while it runs.
"""

import faulthandler
import json
import os
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, NoReturn

from app.main import serve
from app.settings import Settings
from app.web.rendering import templates

_LOOK_S = 0.005


def start(environment: dict[str, str], log: Path) -> int:
    """Fork a server; return its process id."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        _live(environment, log)
    return pid


def _live(environment: dict[str, str], log: Path) -> NoReturn:
    code = 1
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for target, source in ((0, nothing), (1, output), (2, output)):
            os.dup2(source, target)
        faulthandler.enable()  # a crash of the interpreter itself is told in the log, thread by thread
        os.chdir(log.parent)
        os.environ.clear()
        os.environ.update(environment)
        serve(Settings())
        code = 0
    except BaseException:  # noqa: BLE001 -- the outermost step of a process: told in its log
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def ended(pid: int, within: float) -> int | None:
    """Return how a server ended, if it does within that many seconds."""
    for _ in range(max(1, int(within / _LOOK_S))):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        threading.Event().wait(_LOOK_S)
    return None


def _tell(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Obey until the input ends."""
    templates()  # compiled once, as a running server has them
    _tell({"ready": True})
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        if "start" in asked:
            answer: dict[str, Any] = {"pid": start(asked["start"], Path(asked["log"]))}
        else:
            answer = {"code": ended(asked["ended"], asked["within"])}
        _tell(answer)


if __name__ == "__main__":
    main()
