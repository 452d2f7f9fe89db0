"""The command line as it is, many times over from one process that has imported it: a fork each.

The environment is the tests' own, so nothing is set up. A command may run as another user, where these tests are root,
and under a limit on the size of files.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import alembic.command  # noqa: F401 -- what a command imports late is here before the fork, like all it imports at once

import app.doctor
import app.main  # noqa: F401
from app import cli
from app.settings import ROOT

NOBODY = 65534
_PATIENCE_S = 60


@dataclass(frozen=True, slots=True)
class Done:
    """What came of one command."""

    code: int
    output: str
    errors: str


class CommandLine:
    """Runs one command after another."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run(self, *arguments: str, user: int | None = None, most_bytes: int | None = None) -> Done:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([arguments, user, most_bytes]) + "\n")
        self._process.stdin.flush()
        return Done(*json.loads(self._process.stdout.readline()))


@contextmanager
def command_line() -> Iterator[CommandLine]:
    """Have the process for as long as the block takes."""
    environ = {**os.environ, "TUNEDESK_RUNTIME_AUTOINSTALL": "false"}
    command = [sys.executable, "-m", "tests.support.command_line"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield CommandLine(process)
        if process.stdin is not None:
            process.stdin.close()


def _forked(arguments: list[str], user: int | None, most_bytes: int | None) -> tuple[int, str, str]:
    pipes = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        for number, (_, write) in enumerate(pipes, start=1):
            os.dup2(write, number)
        os._exit(_code(arguments, user, most_bytes))
    _, status = os.waitpid(child, 0)
    said = []
    for read, write in pipes:
        os.close(write)
        with os.fdopen(read, encoding="utf-8") as file:
            said.append(file.read())
    return os.waitstatus_to_exitcode(status), said[0], said[1]


def _code(arguments: list[str], user: int | None, most_bytes: int | None) -> int:
    signal.alarm(_PATIENCE_S)  # a start that succeeds where it should not
    try:
        if most_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
        if user is not None and os.geteuid() == 0:
            os.setegid(user)
            os.seteuid(user)
        return cli.main(arguments, set_up=False)
    except BaseException:  # noqa: BLE001 -- the fork ends here, whatever it was
        traceback.print_exc()
        return 99
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _main() -> None:
    for line in sys.stdin:
        arguments: tuple[Any, Any, Any] = json.loads(line)
        sys.stdout.write(json.dumps(_forked(*arguments)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _main()
