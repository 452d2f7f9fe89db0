"""Running pip, npm and Python: output kept in a log, each line shown to a listener, failures raised with what was
said.
"""

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from app.setup.problems import explain


class CommandFailedError(Exception):
    """A command ended with another code than 0; `output` is all that it printed."""

    def __init__(self, command: Sequence[str], code: int, output: str) -> None:
        super().__init__(f"{command[0]} ended with code {code}")
        self.code = code
        self.output = output


def ignore(line: str) -> None:
    """Listen to nothing."""


@contextmanager
def explained(what: str, log: Path) -> Iterator[None]:
    """Let a command that fails inside fail the step: `what` is that in a sentence, `log` the file with all it printed.

    Raises SetupError.
    """
    try:
        yield
    except CommandFailedError as error:
        raise explain(what, error.output, log) from None


def run(
    command: Sequence[str],
    *,
    log: Path,
    listen: Callable[[str], None] = ignore,
    cwd: Path | None = None,
    environ: Mapping[str, str] | None = None,
    hold: Sequence[int] = (),
) -> str:
    """Run `command` to its end and return what it printed (both streams).

    `hold` names file descriptors the command inherits: a lock held by them is free only when the command has ended too,
    even if this process was killed. Raises CommandFailedError, and OSError if it cannot be started or the log not be
    written.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    said: list[str] = []
    with (
        log.open("a", encoding="utf-8") as record,
        subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            cwd=cwd,
            env=dict(environ) if environ is not None else None,
            pass_fds=tuple(hold),
        ) as process,
    ):
        record.write(f"$ {' '.join(command)}\n")
        for line in process.stdout or ():
            said.append(line)
            record.write(line)
            record.flush()
            listen(line.rstrip())
    output = "".join(said)
    if process.returncode != 0:
        raise CommandFailedError(command, process.returncode, output)
    return output


def collected(line: str) -> str | None:
    """The package that pip begins with in this line of its output; None for other lines.

    pip says "Collecting name==version" of an index and "Processing /folder/name-version-….whl" of a folder.
    """
    match = re.match(r"(?:Collecting |Processing (?:\S*/)?)([A-Za-z0-9._]+(?:-(?!\d)[A-Za-z0-9._]+)*)", line)
    return match[1] if match else None


def pip_environ() -> dict[str, str]:
    """The caller's environment without the pip settings that would install elsewhere than asked, or wait for an answer.

    Indexes, mirrors, proxies and certificates are the user's own and stay. What an environment's proof imports is kept
    compiled in that environment, whatever the caller wants of its own sources.
    """
    refused = {"PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_REQUIRE_HASHES", "PIP_NO_DEPS", "PYTHONHOME"}
    refused |= {"PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"}
    environ = {key: value for key, value in os.environ.items() if key not in refused}
    return {**environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PYTHONUNBUFFERED": "1"}


def pip_install(python: Path, *arguments: str) -> list[str]:
    """The command that installs with `python`'s pip: wheels only, no resolving, no cache, few retries.

    Not compiling ahead saves a third of the time; Python compiles what it imports when it first does.
    """
    fixed = ["install", "--no-deps", "--no-compile", "--no-cache-dir", "--only-binary", ":all:", "--retries", "2"]
    return [str(python), "-m", "pip", *fixed, "--progress-bar", "off", *arguments]
