"""Runs single tests of copies of the project, each in a fork of a process that has loaded the heavy packages before.

`python tests/campaigns/planting.py PACKAGE …` reads lines of JSON, {"folder": a copy, "test": a node id,
"log": a file}, and answers each with pytest's exit code. Nothing of the project itself may be imported here: the
copies' own code counts.
"""

import importlib
import json
import os
import sys
import traceback
import warnings

_QUIET = ("-W", "ignore::pytest.PytestAssertRewriteWarning")  # anyio is loaded already, and asserts nothing


def run(folder: str, test: str, log: str) -> int:
    """Run one test of a copy in this process; return pytest's exit code."""
    os.chdir(folder)
    sys.path[:] = [folder, *(each for each in sys.path if "campaigns" not in each)]
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    pytest = importlib.import_module("pytest")
    own = f"--basetemp={folder}.temporary"  # the folder of all runs would be tidied at each end
    return int(pytest.main([test, "-x", "-q", "-p", "no:cacheprovider", "--show-capture=no", own, *_QUIET]))


def main() -> None:
    """Load, then fork for every line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for package in sys.argv[1:]:
            importlib.import_module(package)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                code = run(**json.loads(line))
            except BaseException:  # noqa: BLE001 -- whatever it is, the parent must go on
                traceback.print_exc()
                code = 70
            sys.stdout.flush()
            os._exit(code)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201 -- the answer


if __name__ == "__main__":
    main()
